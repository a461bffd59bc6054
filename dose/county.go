package dose

import (
	"fmt"
	"strings"
	"sync"
)

// What stands in county where no Californian county does (CDPH data
// dictionary, recip_county_label).
const (
	OutOfState    = "OOS" // another state, or a blank one
	UnknownCounty = "UNK"
)

// County is one of California's 58.
type County struct {
	FIPS       string // five digits, 06001 to 06115
	Name       string // without " County"
	Population int    // sum of the ages of the state's estimates
}

var counties = sync.OnceValue(func() []County {
	var out []County
	for _, r := range table("counties", 3) {
		out = append(out, County{FIPS: r[0], Name: r[1], Population: number(r[2])})
	}
	return out
})

var countyByName = sync.OnceValue(func() map[string]string {
	at := make(map[string]string)
	for _, c := range counties() {
		at[squeeze(c.Name)] = c.FIPS
	}
	return at
})

// Counties returns the 58 counties by FIPS.
func Counties() []County { return append([]County(nil), counties()...) }

// CountyByFIPS returns the county with these five digits.
func CountyByFIPS(fips string) (County, bool) {
	if len(fips) != 5 || fips[:2] != "06" || !digits(fips) {
		return County{}, false
	}
	n := number(fips[2:])
	if n%2 == 0 || n > 115 { // 06000 + 2n − 1, in the order of the names
		return County{}, false
	}
	return counties()[n/2], true
}

// ParseCounty reads any spelling in use of a Californian county: 06003, 6003,
// 003, CA003, or the name with or without "County", in any case.
func ParseCounty(s string) (fips string, ok bool) {
	s = squeeze(s)
	switch code := strings.TrimPrefix(s, "CA"); {
	case len(code) == 3 && digits(code):
		fips = "06" + code
	case len(s) == 4 && s[0] == '6' && digits(s):
		fips = "0" + s
	case len(s) == 5 && digits(s):
		fips = s
	default:
		s = strings.TrimSuffix(strings.TrimPrefix(s, "COUNTYOF"), "COUNTY")
		fips, ok = countyByName()[s]
		return fips, ok
	}
	if _, ok = CountyByFIPS(fips); !ok {
		return "", false
	}
	return fips, true
}

// squeeze folds a name: upper case, nothing but letters and digits.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		case r < 0x80:
			return -1
		}
		return r // a letter of another script makes it another name
	}, s)
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) > 0
}

// cities are the three health jurisdictions that are no county.
var cities = [...]struct{ code, county, name, label string }{
	{"berkeley", "06001", "BERKELEY", "City of Berkeley"},
	{"long-beach", "06037", "LONGBEACH", "City of Long Beach"},
	{"pasadena", "06037", "PASADENA", "City of Pasadena"},
}

// CityLHJ returns the city's own health jurisdiction, where it has one:
// Berkeley, Long Beach and Pasadena are apart from their counties.
func CityLHJ(fips, city string) (string, bool) {
	city = strings.TrimSpace(city)
	for _, c := range cities {
		if c.county == fips && city != "" && city[0]&^0x20 == c.name[0] && c.name == squeeze(city) {
			return c.code, true
		}
	}
	return "", false
}

// Place is what a file or a grant is for: a county's FIPS, a city
// jurisdiction's code, OutOfState or UnknownCounty.
type Place string

// ParsePlace returns the place that s names. A code of no known shape is
// ErrInvalid, one of a county that California has not is ErrNotFound.
func ParsePlace(s string) (Place, error) {
	if Place(s).Label() != "" {
		return Place(s), nil
	}
	if len(s) == 5 && digits(s) {
		return "", fmt.Errorf("county %s is none of California's 58: %w", s, ErrNotFound)
	}
	return "", fmt.Errorf("a place is a county's five digits, berkeley, long-beach, pasadena, OOS or UNK: %w", ErrInvalid)
}

// Places returns all places: the counties by FIPS, the cities, OOS, UNK.
func Places() []Place {
	var out []Place
	for _, c := range counties() {
		out = append(out, Place(c.FIPS))
	}
	for _, c := range cities {
		out = append(out, Place(c.code))
	}
	return append(out, OutOfState, UnknownCounty)
}

// Label is the place's name as California publishes it; empty for what is no
// place.
func (p Place) Label() string {
	switch p {
	case OutOfState:
		return "Outside California"
	case UnknownCounty:
		return "Unknown"
	}
	for _, c := range cities {
		if string(p) == c.code {
			return c.label
		}
	}
	c, _ := CountyByFIPS(string(p))
	return c.Name
}
