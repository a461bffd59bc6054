package dose_test

import (
	"testing"

	"github.com/dosebook/dosebook/dose"
)

func TestStates(t *testing.T) {
	for _, c := range []struct {
		state, zip   string
		holds, known bool
	}{
		{"CA", "90001", true, true}, {"CA", "96199-1234", true, true}, {"CA", "96200", false, true}, {"CA", "89999", false, true},
		{"CA", "900", true, true}, {"CA", "9", false, true}, {"CA", "90A01", false, true}, {"CA", "", false, true},
		{"MT", "59001", true, true}, {"MT", "58001", false, true}, // CDC's own validator takes any ZIP here
		{"VA", "20101", true, true}, {"VA", "20201", false, true}, {"VA", "24699", true, true},
		{"AS", "96799", true, true}, {"AS", "96798", false, true}, {"FM", "96941", false, false},
	} {
		s, ok := dose.StateByCode(c.state)
		if holds, known := s.HoldsZIP(c.zip); !ok || holds != c.holds || known != c.known {
			t.Errorf("%s %q: %v %v %v, want %v %v", c.state, c.zip, ok, holds, known, c.holds, c.known)
		}
	}
	if s, ok := dose.StateByCode("XX"); ok || s.FIPS != "" {
		t.Error("XX is a state")
	}
	for fips, want := range map[string]bool{"06001": true, "06115": true, "06002": false, "06117": false, "6001": false,
		"49045": true, "26081": true, "09001": true, "09190": true, "02063": true, "36062": false, "": false} {
		if dose.IsCounty(fips) != want {
			t.Errorf("IsCounty(%q) is %v", fips, !want)
		}
	}
	for _, c := range dose.Counties() {
		if !dose.IsCounty(c.FIPS) {
			t.Errorf("%s is missing", c.FIPS)
		}
	}
}
