package dose

import "testing"

func TestPopulationsCoverEveryCountyAndGroup(t *testing.T) {
	groups := map[string]int{"Age Group": 6, "Race/Ethnicity": 7}
	seen := map[string]int{}
	byAge := map[string]int{}
	for _, p := range Populations() {
		if _, ok := CountyByFIPS(p.FIPS); !ok || p.People < 0 || groups[p.Category] == 0 {
			t.Errorf("%+v", p)
		}
		seen[p.FIPS+p.Category]++
		if p.Category == "Age Group" {
			byAge[p.FIPS] += p.People
		}
	}
	for _, c := range Counties() {
		for category, n := range groups {
			if seen[c.FIPS+category] != n {
				t.Errorf("%s %s: %d groups, want %d", c.Name, category, seen[c.FIPS+category], n)
			}
		}
		if byAge[c.FIPS] != c.Population {
			t.Errorf("%s: ages sum to %d, population is %d", c.Name, byAge[c.FIPS], c.Population)
		}
	}
}
