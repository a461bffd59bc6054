package synth

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// rows reads all rows of a run without faults, as maps from column to cell.
func rows(t *testing.T, cfg Config, each func(registry string, cell func(name string) string)) {
	t.Helper()
	dir, truth := write(t, cfg)
	at := dose.Index(dose.Raw()[:dose.CVRSColumns])
	for _, f := range truth.Files {
		text, err := os.ReadFile(filepath.Join(dir, f.Path))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.TrimSpace(strings.ReplaceAll(string(text), "\r", "")), "\n")[1:] {
			row := strings.Split(line, "\t")
			each(f.Registry, func(name string) string { return row[at[name]] })
		}
	}
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s: %.4f, want %.4f within %.4f", what, got, want, tolerance)
	}
}

func TestLooksLikeCalifornia(t *testing.T) {
	total, byCounty, byMonth := 0.0, make(map[string]float64), make(map[string]float64)
	outside, apart, latino, historical := 0.0, 0.0, 0.0, 0.0
	sent := make(map[string]map[string]float64) // county, registry
	rows(t, Config{Seed: 2, Rows: 250_000}, func(registry string, cell func(string) string) {
		total++
		byMonth[cell("admin_date")[:7]]++
		if cell("recip_ethnicity") == "2135-2" {
			latino++
		}
		home, ok := dose.ParseCounty(cell("recip_address_county"))
		site, known := dose.ParseCounty(cell("admin_address_county"))
		if !known {
			historical++
		}
		if cell("recip_address_state") != "CA" {
			outside++
			return
		}
		if !ok {
			t.Errorf("a Californian row of a run without faults has no county")
		}
		if known && home != site {
			apart++
		}
		byCounty[home]++
		if sent[home] == nil {
			sent[home] = make(map[string]float64)
		}
		sent[home][registry]++
	})
	people := 0.0
	for _, c := range dose.Counties() {
		people += float64(c.Population)
	}
	for _, c := range dose.Counties() {
		want := float64(c.Population) / people // some 31,000 households: a standard deviation is about sqrt(want/31,000)
		near(t, "share of "+c.Name, byCounty[c.FIPS]/(total-outside), want, 4.5*math.Sqrt(want/31_000))
	}
	near(t, "out of state", outside/total, 0.016, 0.003)
	near(t, "given in another county", apart/total, 0.08, 0.012)
	near(t, "Latino", latino/total, 0.31, 0.03)
	near(t, "historical", historical/total, 0.01, 0.003)
	near(t, "San Diego by SDIR", sent["06073"]["SDIR"]/byCounty["06073"], 0.96, 0.02)
	near(t, "Stanislaus by RIDE", sent["06099"]["RIDE"]/byCounty["06099"], 0.96, 0.04)
	near(t, "Kern by CAIR2", sent["06029"]["CAIR2"]/byCounty["06029"], 1, 0)
	months := []string{"2020-12", "2021-04", "2021-07", "2021-12", "2022-07", "2022-10", "2023-03", "2023-10"}
	for i, higher := range []bool{true, false, true, false, true, false, true} {
		if a, b := months[i], months[i+1]; (byMonth[b] > byMonth[a]) != higher {
			t.Errorf("%s has %.0f doses and %s %.0f: not the published course", a, byMonth[a], b, byMonth[b])
		}
	}
}

func TestProductsAndAges(t *testing.T) {
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	tiers := []struct {
		from   string
		months int
	}{{"2022-06-18", 6}, {"2021-11-03", 60}, {"2021-05-12", 144}, {"2020-12-14", 192}}
	seen := make(map[int]int)
	rows(t, Config{Seed: 2, Rows: 150_000, Defects: Defects{Updates: 0.2}}, func(_ string, cell func(string) string) {
		given := cell("admin_date")
		cvx, _ := strconv.Atoi(cell("cvx"))
		seen[cvx]++
		if ndc := cell("ndc"); ndc != "" {
			p, ok := dose.ProductByNDC(ndc)
			if !ok || p.CVX != cvx || p.MVX != cell("mvx") || !p.UnitOfUse || given < p.From || p.To != "" && given > p.To {
				t.Errorf("%s as %d on %s: not that product's code, maker or window", ndc, cvx, given)
			}
		}
		least := math.MaxInt
		for _, tier := range tiers {
			if given >= tier.from {
				least = tier.months
				break
			}
		}
		if born := day(cell("recip_dob")); born.AddDate(0, least, 0).After(day(given)) {
			t.Errorf("a dose on %s before the age of %d months", given, least)
		}
		if v, _ := dose.VaccineByCVX(cvx); v.MinMonths > 0 && day(cell("recip_dob")).AddDate(0, v.MinMonths, 0).After(day(given)) {
			t.Errorf("CVX %d on %s under its age of use", cvx, given)
		}
	})
	for _, cvx := range []int{207, 208, 211, 212, 213, 217, 218, 219, 221, 228, 229, 230, 300, 301, 302, 308, 309, 310, 311, 312, 313} {
		if seen[cvx] == 0 {
			t.Errorf("nobody got CVX %d", cvx)
		}
	}
}

// The course of 2021 is the one that California published on 2021-08-30
// (doses by county, all counties): each month's part of the doses so far, and
// doses by maker and people fully vaccinated for each who had one dose.
func TestFollowsPublishedCourse(t *testing.T) {
	_, truth := write(t, Config{Seed: 2, Rows: 150_000})
	months, sum := make(map[string]float64), [6]float64{}
	for _, days := range truth.CountyDay {
		for day, figures := range days {
			if day > "2021-08-30" {
				continue
			}
			months[day[:7]] += float64(figures[0])
			for i, n := range figures {
				sum[i] += float64(n)
			}
		}
	}
	for month, want := range map[string]float64{"2020-12": 0.011, "2021-01": 0.070, "2021-02": 0.131, "2021-03": 0.217, "2021-04": 0.249, "2021-05": 0.152, "2021-06": 0.073, "2021-07": 0.044, "2021-08": 0.052} {
		near(t, "doses of "+month, months[month]/sum[0], want, 0.03)
	}
	for i, want := range map[int]float64{0: 1.80, 1: 1.03, 2: 0.70, 3: 0.066, 5: 0.87} {
		near(t, CountyDayColumns[i]+" by people with a dose", sum[i]/sum[4], want, 0.02+want/20)
	}
}

// Second doses follow their product's interval; a household shares name and
// address.
func TestIntervalsAndHouseholds(t *testing.T) {
	w, err := newWorld(Config{Seed: 1, Registries: []string{"CAIR2"}}, ymd(2023, 12, 31))
	if err != nil {
		t.Fatal(err)
	}
	var f family
	waits, n, shared := map[maker][60]int{}, map[maker]int{}, 0
	for number := range 5_000 {
		f.load(w, number, math.MaxInt)
		if f.size > 1 {
			shared++
		}
		for m := range f.size {
			if f.people[m].number>>3 != f.number || f.people[m].born > w.through {
				t.Fatalf("member %d of household %d is not of it", m, number)
			}
			d := f.events[m]
			if len(d) < 2 || d[1].refused || d[0].product < 0 || d[1].product < 0 {
				continue
			}
			first, second := w.products[d[0].product].maker, w.products[d[1].product].maker
			if wait := d[1].day - d[0].day; first == second && wait < 60 && d[1].complete {
				hist := waits[first]
				hist[wait]++
				waits[first] = hist
				n[first]++
			}
		}
	}
	if shared < 2_000 {
		t.Errorf("only %d of 5,000 households have more than one member", shared)
	}
	for m, want := range map[maker]int{pfizer: 21, moderna: 28} {
		if got := waits[m]; float64(got[want]+got[want+1]) < 0.5*float64(n[m]) {
			t.Errorf("maker %d: %d of %d second doses after %d days", m, got[want]+got[want+1], n[m], want)
		}
	}
	if len(w.counties[0].near) == 0 {
		t.Error("Alameda has no neighbours")
	}
}
