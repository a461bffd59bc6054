package dose

import "sync"

// Population is a denominator: people of one county in one group.
type Population struct {
	FIPS     string
	Category string // Age Group, Race/Ethnicity
	Value    string // a label of AgeGroup or RaceEth
	People   int
}

var populations = sync.OnceValue(func() []Population {
	var out []Population
	for _, r := range table("population", 4) {
		out = append(out, Population{r[0], r[1], r[2], number(r[3])})
	}
	return out
})

// Populations returns the denominators of coverage, by county: age groups from
// the state's estimates, race and ethnicity from the census estimates of 2019.
// Healthy Places Index quartiles have none: they go by ZIP.
func Populations() []Population { return append([]Population(nil), populations()...) }
