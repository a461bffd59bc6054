package transform

import (
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
)

var cdcToday = civil(2021, 3, 6)

// michigan is a redacted row that CDC's validator finds no fault with, made
// like those of its own test files: a child of Michigan in October 2020.
func michigan(change ...string) row {
	r := row{"vax_event_id": "E1", "ext_type": "D", "recip_id": "4", "recip_dob": "2015-08-26", "recip_sex": "F", "recip_address_county": "26001",
		"recip_address_state": "MI", "recip_address_zip": "48787", "recip_race_1": "UNK", "recip_ethnicity": "UNK", "admin_date": "2020-10-04",
		"cvx": "900", "ndc": "80777-9999-00", "mvx": "AAA", "lot_number": "M9999-05", "vax_expiration": "2021-07", "vax_admin_site": "RVL",
		"vax_route": "C38276", "dose_num": "1", "vax_series_complete": "No", "responsible_org": "COVID-D", "admin_name": "Library",
		"vtrcks_prov_pin": "577689", "admin_type": "28", "admin_address_county": "26011", "vax_refusal": "No", "cmorbid_status": "UNK", "serology": "UNK"}
	for _, i := range redactable {
		r[dose.Raw()[i].Name] = "Redacted"
	}
	for i := 0; i < len(change); i += 2 {
		r[change[i]] = change[i+1]
		if change[i+1] == "" {
			delete(r, change[i])
		}
	}
	return r
}

var given = []string{"ndc", "", "mvx", "", "lot_number", "", "vax_expiration", "", "vax_admin_site", "", "vax_route", "", "dose_num", "", "vax_series_complete", ""}

func refusal(change ...string) row {
	return michigan(append(append(slices.Clone(given), "vax_refusal", "YES"), change...)...)
}

// cdcCases say what CDC's validator says. Where its report on its own file of
// errors (testerror.txt.rpt of the CVRS open tools) has the case, "rpt" stands
// first in the name; the others are read off its rules.
var cdcCases = []struct {
	name string
	opt  CDCOptions
	row  row
	want string // CODE field, …, sorted
}{
	{"rpt good", CDCOptions{}, michigan(), ""},
	{"rpt refusal", CDCOptions{}, refusal(), ""},
	{"rpt no such month", CDCOptions{}, michigan("recip_dob", "2015-26-08"), "DATA001 recip_dob"},
	{"rpt month first", CDCOptions{}, michigan("admin_date", "10/24/2020"), "BUSR005 recip_dob, DATA009 admin_date"},
	{"rpt day is asked", CDCOptions{}, michigan("admin_date", "2020-10"), "DATA001 admin_date"},
	{"rpt city", CDCOptions{}, michigan("recip_address_city", "Not redacted"), "DATA006 recip_address_city"},
	{"rpt ext_type", CDCOptions{}, michigan("ext_type", "Q"), "DATA005 ext_type"},
	{"rpt pprl_id", CDCOptions{}, michigan("pprl_id", "Present"), "DATA004 pprl_id"},
	{"rpt name", CDCOptions{}, michigan("recip_first_name", "UnRedacted"), "DATA006 recip_first_name"},
	{"rpt zip", CDCOptions{}, michigan("recip_address_zip", "48504-"), "DATA005 recip_address_zip"},
	{"rpt sex", CDCOptions{}, michigan("recip_sex", "UNK"), "DATA007 recip_sex"},
	{"rpt cvx", CDCOptions{}, michigan("cvx", "XXX"), "DATA007 cvx"},
	{"rpt mvx", CDCOptions{}, michigan("mvx", "AAAA"), "DATA007 mvx, DATA008 mvx"},
	{"rpt admin_type", CDCOptions{}, michigan("admin_type", "POD"), "DATA007 admin_type"},
	{"rpt counties", CDCOptions{}, michigan("recip_address_county", "49053", "admin_address_county", "49053", "admin_address_state", "MI"),
		"BUSR001 recip_address_county, BUSR002 admin_address_county"},
	{"rpt ZIPs", CDCOptions{}, michigan("recip_address_zip", "1529", "admin_address_zip", "1529", "admin_address_state", "MI"),
		"BUSR003 recip_address_zip, BUSR004 admin_address_zip, DATA005 admin_address_zip, DATA005 recip_address_zip"},
	{"rpt born after", CDCOptions{}, michigan("recip_dob", "2020-11-01"), "BUSR005 recip_dob"},
	{"rpt no state", CDCOptions{}, michigan("recip_address_state", ""), "BUSR007 recip_address_zip"},
	{"rpt no state of site", CDCOptions{}, michigan("admin_address_zip", "49053"), "BUSR008 admin_address_zip"},
	{"rpt no counties", CDCOptions{}, michigan("recip_address_county", "", "admin_address_county", "", "admin_address_zip", "49053", "admin_address_state", "MI"),
		"BUSR009 recip_address_zip, BUSR010 admin_address_zip"},
	{"rpt future", CDCOptions{Today: cdcToday}, michigan("recip_dob", "2032-11-01", "admin_date", "2022-10-04", "cvx", "208", "ndc", "", "mvx", "PFR"),
		"BUSR005 recip_dob, BUSR011 recip_dob, BUSR012 admin_date"},
	{"rpt full refusal", CDCOptions{}, michigan("vax_refusal", "Yes"),
		"DNTS002 dose_num, DNTS002 lot_number, DNTS002 mvx, DNTS002 ndc, DNTS002 vax_admin_site, DNTS002 vax_expiration, DNTS002 vax_route, DNTS002 vax_series_complete"},
	{"rpt nothing given", CDCOptions{}, michigan(append(slices.Clone(given), "cvx", "")...), "REQD001 cvx, REQD001 dose_num, REQD001 vax_series_complete"},
	{"rpt empty name", CDCOptions{}, michigan("recip_middle_name", ""), "DATA006 recip_middle_name"},
	{"rpt empty street", CDCOptions{}, michigan("recip_address_street", "", "recip_address_street_2", ""), "DATA006 recip_address_street, DATA006 recip_address_street_2"},
	{"rpt no dob", CDCOptions{}, michigan("recip_dob", ""), "BUSR005 recip_dob, REQD001 recip_dob"},
	{"rpt no date", CDCOptions{}, michigan("admin_date", ""), "BUSR005 recip_dob, REQD001 admin_date"},
	{"rpt required", CDCOptions{}, michigan("recip_sex", "", "recip_race_1", "", "recip_ethnicity", "", "admin_type", "", "responsible_org", "", "admin_name", ""),
		"REQD001 admin_name, REQD001 admin_type, REQD001 recip_ethnicity, REQD001 recip_race_1, REQD001 recip_sex, REQD001 responsible_org"},
	{"rpt required too", CDCOptions{}, michigan("vax_refusal", "", "cmorbid_status", "", "serology", ""),
		"REQD001 cmorbid_status, REQD001 serology, REQD001 vax_refusal"},
	{"ids", CDCOptions{}, michigan("vax_event_id", "E 1", "recip_id", ""), "DATA005 vax_event_id, REQD001 recip_id"},
	{"no id", CDCOptions{}, michigan("vax_event_id", ""), "REQD001 vax_event_id"},
	{"required of refusals", CDCOptions{}, refusal("cvx", "", "admin_name", ""), "REQD002 admin_name, REQD002 cvx"},
	{"no ext_type", CDCOptions{}, michigan("ext_type", ""), "DATA005 ext_type"},
	{"no ext_type, named", CDCOptions{}, michigan("ext_type", "", "recip_last_name", "Lee"), "DATA005 ext_type"},
	{"no ext_type, linked", CDCOptions{}, michigan("ext_type", "", "pprl_id", "x"), "DATA005 ext_type"},
	{"identified", CDCOptions{}, michigan("ext_type", "i", "recip_last_name", "Lee", "recip_first_name", ""), ""},
	{"linked", CDCOptions{}, michigan("ext_type", "p", "pprl_id", "x"), ""},
	{"linked by nothing", CDCOptions{}, michigan("ext_type", "P"), "DATA004 pprl_id"},
	{"linked and named", CDCOptions{}, michigan("ext_type", "P", "pprl_id", "x", "recip_last_name", "Lee"), "DATA006 recip_last_name"},
	{"lengths", CDCOptions{}, michigan("lot_number", strings.Repeat("é", 256), "vax_route", "12345678901", "responsible_org", strings.Repeat("é", 255)),
		"DATA007 vax_route, DATA008 lot_number, DATA008 vax_route"},
	{"unknown race twice", CDCOptions{}, michigan("recip_race_2", "UNK", "recip_race_3", "2106-3"), "DATA007 recip_race_2"},
	{"pin", CDCOptions{}, michigan("vtrcks_prov_pin", "12345-6"), "DATA005 vtrcks_prov_pin"},
	{"blank before a name", CDCOptions{}, michigan("admin_name", " Library"), "DATA005 admin_name"},
	{"codes with blanks, in any case", CDCOptions{}, michigan("recip_sex", " f ", "vax_route", "c28161"), ""},
	{"no such day", CDCOptions{}, michigan("admin_date", "2021-02-29", "cvx", "208", "ndc", "", "mvx", ""), "DATA001 admin_date"},
	{"year of birth", CDCOptions{}, michigan("recip_dob", "2015", "vax_expiration", "2021"), "DATA001 vax_expiration"},
	{"state and county unknown", CDCOptions{}, michigan("recip_address_state", "XX", "recip_address_county", "99999"),
		"BUSR003 recip_address_zip, DATA007 recip_address_county, DATA007 recip_address_state"},
	{"county without its zero", CDCOptions{}, michigan("recip_address_state", "CA", "recip_address_county", "6001", "recip_address_zip", "94601"),
		"BUSR001 recip_address_county, DATA007 recip_address_county"},
	{"placeholders end with 2020", CDCOptions{}, michigan("admin_date", "2021-01-01"), "DATA007 cvx, DATA007 mvx, DATA007 ndc"},
	{"another vaccine's product", CDCOptions{}, michigan("cvx", "141", "ndc", "49281-0425-50", "mvx", "PMC"), ""},
	{"NDC without dashes", CDCOptions{}, michigan("cvx", "208", "ndc", "59267100001", "mvx", "PFR"), "DATA007 ndc"},
	{"NDC of ten digits", CDCOptions{}, michigan("cvx", "208", "ndc", "59267-1000-1", "mvx", "PFR"), ""},
	{"delete", CDCOptions{}, michigan("action", "D", "cvx", "", "recip_sex", "K"), ""},
	{"born today", CDCOptions{Today: civil(2020, 10, 4)}, michigan("recip_dob", "2020-10-04"), ""},

	{"v1 missed", CDCOptions{Version: 1}, michigan(append(slices.Clone(given), "cvx", "", "recip_missed_appt", "Yes", "admin_type", "")...), ""},
	{"v1 full missed", CDCOptions{Version: 1}, michigan("recip_missed_appt", "YES", "admin_type", "CL", "vax_prov_suffix", "MD"),
		"DNTS003 cvx, DNTS003 dose_num, DNTS003 lot_number, DNTS003 mvx, DNTS003 ndc, DNTS003 vax_admin_site, DNTS003 vax_expiration, DNTS003 vax_prov_suffix, DNTS003 vax_route, DNTS003 vax_series_complete"},
	{"v1 both", CDCOptions{Version: 1}, refusal("recip_missed_appt", "YES", "admin_type", "CL"), "BUSR006 vax_refusal"},
	{"v1 required", CDCOptions{Version: 1}, michigan("admin_type", "CL", "vtrcks_prov_pin", ""), "REQD001 recip_missed_appt, REQD001 vtrcks_prov_pin"},
	{"v1 types", CDCOptions{Version: 1}, michigan("recip_missed_appt", "NO", "vax_prov_suffix", "DVM"), "DATA007 admin_type, DATA007 vax_prov_suffix"},
	{"v1 required of missed", CDCOptions{Version: 1}, michigan(append(slices.Clone(given), "cvx", "", "recip_missed_appt", "Yes", "serology", "", "admin_type", "CL")...), "REQD003 serology"},
	{"v2 ignores them", CDCOptions{}, michigan("recip_missed_appt", "YES", "vax_prov_suffix", "DVM"), ""},

	{"filled in", CDCOptions{Filled: true}, michigan("ext_type", "", "vax_refusal", "", "recip_race_1", "", "recip_ethnicity", "", "dose_num", "",
		"vax_series_complete", "", "admin_type", "", "cmorbid_status", "", "serology", "", "responsible_org", "", "sender_id", "S1"), ""},
	{"not filled in", CDCOptions{Filled: true}, michigan("recip_sex", "", "cvx", "", "responsible_org", ""), "REQD001 cvx, REQD001 recip_sex, REQD001 responsible_org"},
	{"emptied", CDCOptions{Filled: true}, michigan("vax_refusal", "YES"), ""},
	{"filled in, wrong", CDCOptions{Filled: true}, michigan("ext_type", "X", "recip_race_1", "K"), "DATA005 ext_type, DATA007 recip_race_1"},
}

func TestCDC(t *testing.T) {
	for _, c := range cdcCases {
		t.Run(c.name, func(t *testing.T) {
			for _, w := range []way{asDeclared, allPlain, allDict, withNulls} {
				// Between rows of other kinds, so that nothing is skipped for all.
				rows := []row{michigan("ext_type", "I"), c.row, refusal()}
				issues := cdcCheck(t, c.opt, w, rows...)
				var got []string
				for _, x := range issues {
					if x.Row == 1 {
						got = append(got, x.Check.Rule().Code+" "+dose.Raw()[x.Field].Name)
						if x.Line != 3 {
							t.Errorf("line %d", x.Line)
						}
					}
				}
				slices.Sort(got)
				if s := strings.Join(got, ", "); s != c.want {
					t.Errorf("encoded in way %d: got  %s\nwant %s", w, s, c.want)
				}
			}
		})
	}
}

func cdcCheck(t *testing.T, opt CDCOptions, w way, rows ...row) []dose.Issue {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	raw := batch(mem, rows, w, 2)
	defer raw.Release()
	out, err := NewCDC(opt).Check(raw)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCDCAlone holds that a batch of identified rows, which is judged in a
// shorter way, is judged the same, and that one CDC can judge many batches.
func TestCDCAlone(t *testing.T) {
	c := NewCDC(CDCOptions{})
	for range 2 {
		for _, x := range []struct {
			row  row
			want int
		}{{michigan("ext_type", "I", "recip_last_name", "Lee"), 0}, {michigan("recip_last_name", "Lee"), 1}, {good(), 0}, {good("cvx", "9999"), 1}} {
			raw := batch(memory.DefaultAllocator, []row{x.row}, asDeclared, 2)
			got, err := c.Check(raw)
			if err != nil || len(got) != x.want {
				t.Errorf("%v, %v, want %d", got, err, x.want)
			}
		}
	}
	raw := batch(memory.DefaultAllocator, []row{good()}, asDeclared, 2)
	if _, err := c.Check(raw.NewSlice(0, 0)); err != nil {
		t.Error(err)
	}
}

func TestRealDate(t *testing.T) {
	for s, want := range map[string]dose.Check{
		"2020-02-29": cdcFine, "1911-01-01": cdcFine, "2020-2-29": dose.CDCDate, "2020/02/29": dose.CDCDateForm, "20200229": dose.CDCDate,
		"2/29/2020": dose.CDCDateForm, "02/29/20": dose.CDCDateForm, "0000-01-01": dose.CDCDate, "2020-00-10": dose.CDCDate,
		"2020-13-01": dose.CDCDate, "2020-04-31": dose.CDCDate, "later": dose.CDCDate, "2020-04-3x": dose.CDCDate, "1/": dose.CDCDateForm,
		" ": dose.CDCDate, "2020-04": dose.CDCDate,
	} {
		if got := dated()(s); got != want {
			t.Errorf("%q is %s, want %s", s, got.Rule().Code, want.Rule().Code)
		}
	}
	if dated(7, 4)("2020-04") != cdcFine || dated(7, 4)("2020") != cdcFine || dated(7)("2020") != dose.CDCDate {
		t.Error("shorter dates")
	}
}
