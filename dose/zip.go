package dose

import (
	"sort"
	"strings"
	"sync"
)

type zipPlace struct {
	fips     string
	quartile int8
}

// zips maps each ZIP to one county: ZIPs that cross a county line are given
// to one side, which is why county_method says that a ZIP decided.
var zips = sync.OnceValue(func() map[string]zipPlace {
	at := make(map[string]zipPlace, 2048)
	for _, r := range table("zips", 3) {
		for _, z := range strings.Fields(r[2]) {
			at[z] = zipPlace{r[0], int8(number(r[1]))}
		}
	}
	return at
})

// ZIP returns county and Healthy Places Index quartile of a Californian ZIP
// (CDPH): 1 least healthy conditions, 4 most, 0 none assigned.
func ZIP(zip5 string) (fips string, hpiQuartile int, ok bool) {
	p, ok := zips()[zip5]
	return p.fips, int(p.quartile), ok
}

// ZIPs returns the county's ZIPs in order.
func ZIPs(fips string) []string {
	var out []string
	for z, p := range zips() {
		if p.fips == fips {
			out = append(out, z)
		}
	}
	sort.Strings(out)
	return out
}
