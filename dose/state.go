package dose

import (
	"strconv"
	"strings"
	"sync"
)

// State is a state or territory of the United States.
type State struct {
	Code string // USPS
	FIPS string // two digits
	zips [][2]int32
}

var states = sync.OnceValue(func() map[string]State {
	at := make(map[string]State, 64)
	for _, r := range table("states", 5) {
		s := State{Code: r[0], FIPS: r[2]}
		for _, part := range strings.Fields(r[3]) {
			from, to, _ := strings.Cut(part, "-")
			if to == "" {
				to = from
			}
			s.zips = append(s.zips, [2]int32{zipNumber(from, '0'), zipNumber(to, '9')})
		}
		at[s.Code] = s
	}
	return at
})

// StateByCode returns the state with the USPS code, in upper case.
func StateByCode(code string) (State, bool) {
	s, ok := states()[code]
	return s, ok
}

// HoldsZIP tells whether the ZIP, of which only the first five characters
// count, begins as those of the state do. known is false where the table has
// no ZIPs of the state.
func (s State) HoldsZIP(zip string) (holds, known bool) {
	low, high := zipNumber(zip, '0'), zipNumber(zip, '9')
	for _, z := range s.zips {
		if z[0] <= low && high <= z[1] {
			return true, true
		}
	}
	return false, len(s.zips) > 0
}

// zipNumber reads the first five digits, filled up with fill; -1 is none.
func zipNumber(s string, fill byte) (n int32) {
	for i := range 5 {
		c := fill
		if i < len(s) {
			c = s[i]
		}
		if c < '0' || c > '9' {
			return -1
		}
		n = 10*n + int32(c-'0')
	}
	if s == "" {
		return -1
	}
	return n
}

var countyCodes = sync.OnceValue(func() map[string]bool {
	at := make(map[string]bool, 3400)
	for _, r := range table("states", 5) {
		for _, part := range strings.Fields(r[4]) {
			part, step, _ := strings.Cut(part, "/")
			from, to, _ := strings.Cut(part, "-")
			for n := number(from); n <= max(number(from), number(to)); n += max(1, number(step)) {
				three := strconv.Itoa(1000 + n)[1:]
				at[r[2]+three] = true
			}
		}
	}
	return at
})

// IsCounty tells whether five digits are the FIPS code of a county of the
// United States, or of what stands in its place.
func IsCounty(fips string) bool { return countyCodes()[fips] }
