package access

import (
	"slices"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// TestMap: every grant, revocation and expiry has its lines, and no more.
func TestMap(t *testing.T) {
	s, _, now := open(t)
	grant(t, s, "ana", Epi, dose.Limited, "06001")
	end := grant(t, s, "ben", Epi, dose.Identified, "berkeley")
	grant(t, s, "sue", Steward, dose.Identified)
	grant(t, s, "ali", Analyst, dose.Identified, "06075")
	grant(t, s, "pia", Plan, dose.Identified, "06075")
	*now = day.Add(time.Hour)
	if err := s.Revoke(t.Context(), "root", end.ID); err != nil {
		t.Fatal(err)
	}
	rows, left, err := s.Map(t.Context())
	if err != nil || len(left) != 0 {
		t.Fatal(left, err)
	}
	of := func(who string) (places []string) {
		for _, r := range rows {
			if r.Principal == who {
				places = append(places, r.Place+" "+r.Level.String())
			}
		}
		return places
	}
	for who, want := range map[string][]string{
		"ANA": {"06001 limited", "berkeley limited"}, "BEN": {"berkeley identified"}, "PIA": nil, "ALI": {"06075 deidentified"},
	} {
		if got := of(who); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", who, got, want)
		}
	}
	if got := of("SUE"); len(got) != len(dose.Places())+1 || !slices.Contains(got, "STATE identified") || !slices.Contains(got, "OOS identified") {
		t.Errorf("steward: %v", got)
	}
	for _, r := range rows {
		if until := day.Add(defaultTerm); r.From != day || r.Grant != end.ID && r.Until != until || r.Grant == end.ID && r.Until != *now {
			t.Errorf("%+v", r)
		}
	}
	grant(t, s, "Ana", Epi, dose.Identified, "06113")
	if rows, left, err = s.Map(t.Context()); err != nil || !slices.Equal(left, []string{"Ana"}) || len(of("ANA")) != 0 {
		t.Errorf("names that differ by case only: %v %v %v", of("ANA"), left, err)
	}
}
