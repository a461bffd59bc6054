package dose_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

func names(cols []dose.Column) (out []string) {
	for _, c := range cols {
		out = append(out, c.Name)
	}
	return out
}

// The safe-harbour list (45 CFR 164.514(b)(2)(i)), letter by letter: none of
// it in a de-identified file.
func TestDeidentifiedProfile(t *testing.T) {
	for _, cols := range [][]dose.Column{dose.ReleaseColumns(), dose.Recipient()} {
		made := dose.Profile(cols, dose.Deidentified)
		for _, c := range made {
			for letter, part := range map[string]string{
				"A names": "name", "B places": "county lhj _city zip street hpi method because registry admin_name org pin",
				"D phones": "phone", "F mail": "mail", "R codes": "_id segment line key lot",
			} {
				for _, p := range strings.Fields(part) {
					if strings.Contains(c.Name, p) && c.Name != "vaccine_name" {
						t.Errorf("%s: %s", letter, c.Name)
					}
				}
			}
			if c.Type == dose.Date || c.Type == dose.Time || strings.HasSuffix(c.Name, "_date") {
				t.Errorf("C dates: %s", c.Name)
			}
			if c.Name == "recip_age" && !strings.Contains(c.Meaning, "90 stands for 90 and more") {
				t.Errorf("C ages: %s", c.Meaning)
			}
			if _, coded := dose.Codes(c.Name); c.Stage == dose.Reported && !coded {
				t.Errorf("%s is text as reported without a value set: it can hold anything", c.Name)
			}
			if c.Level != dose.Deidentified {
				t.Errorf("%s is declared %s", c.Name, c.Level)
			}
		}
	}
	event := names(dose.Profile(dose.ReleaseColumns(), dose.Deidentified))
	for _, want := range []string{"admin_year", "recip_age", "recip_sex", "recip_address_state", "cvx", "recip_race_eth"} {
		if !slices.Contains(event, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if got := names(dose.Profile(dose.Recipient(), dose.Deidentified)); !slices.Contains(got, "ds1_admin_year") || !slices.Contains(got, "booster_year") {
		t.Errorf("years of doses are missing: %v", got)
	}
}

// A limited data set (45 CFR 164.514(e)(2)) leaves out names, streets, phones
// and record numbers; towns, ZIPs and dates stay.
func TestLimitedProfile(t *testing.T) {
	left := names(dose.ReleaseColumns())
	limited := names(dose.Profile(dose.ReleaseColumns(), dose.Limited))
	left = slices.DeleteFunc(left, func(n string) bool { return slices.Contains(limited, n) })
	want := []string{"vax_event_id", "pprl_id", "recip_id", "recip_first_name", "recip_middle_name", "recip_last_name",
		"recip_address_street", "recip_address_street_2", "admin_address_street", "admin_address_street_2"}
	if !slices.Equal(left, want) {
		t.Errorf("left out are %v, want %v", left, want)
	}
	if !slices.Equal(names(dose.Profile(dose.Recipient(), dose.Identified)), names(dose.Recipient())) {
		t.Error("identified sees less than all")
	}
}
