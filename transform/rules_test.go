package transform

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/zeebo/xxh3"

	"github.com/dosebook/dosebook/dose"
)

func TestRawColumnsExist(t *testing.T) {
	for i, n := range []int{rawEventID, rawRecipID, rawFirst, rawLast, rawDOB, rawCity, rawCounty, rawState, rawZIP, rawRace1, rawEthnicity,
		rawAdminDate, rawCVX, rawNDC, rawMVX, rawLot, rawExpiration, rawOrg, rawSite, rawSiteCity, rawSiteCounty, rawSiteState, rawSiteZIP,
		rawRefusal, rawMissed, rawRegistry, rawAction, rawSourceTime, rawInfoSource, rawCompletion, rawControlID, rawSenderID, rawPIN, rawExtType, rawLine} {
		if n < 0 {
			t.Errorf("raw column %d of raw.go does not exist", i)
		}
	}
	if rawEthnicity != rawRace1+6 {
		t.Error("raceEth reads the six races and the ethnicity as neighbours")
	}
	for _, v := range dose.Vaccines() {
		if v.CVX >= maxCVX-1 {
			t.Errorf("CVX %d does not fit", v.CVX)
		}
	}
	made := makers()
	for _, c := range dose.SegmentColumns() {
		if _, ok := rawIndex[c.Name]; !ok && made[c.Name] == nil {
			t.Errorf("nothing makes %s", c.Name)
		}
	}
}

var listed = dose.Senders{"LIVE": dose.SenderLive, "NEW": dose.SenderEnrolled, "TEST": dose.SenderTesting, "STOP": dose.SenderSuspended}

// Each case changes the good row; want holds cells ("" for null), issues the
// issues in order, reject the one reason.
var ruleCases = []struct {
	name   string
	opt    Options
	change []string
	want   []string
	issues string
	reject string
}{
	{name: "good", want: []string{"registry", "CAIR2", "county", "06001", "county_method", "reported", "admin_county", "06001", "lhj", "06001",
		"recip_race_eth", "White", "recip_age", "41", "recip_age_group", "18-49", "hpi_quartile", "1", "vaccine_name", "Pfizer-BioNTech, 30 mcg, original",
		"manufacturer", "Pfizer", "vaccine_type", "original", "admin_date", "2021-03-05", "admin_date_precision", "day", "cvx", "208",
		"completion", "CP", "is_historical", "", "tombstone", "false", "line", "2", "filled", "32", "source_time", ""}},
	{name: "trimmed", change: []string{"vax_event_id", " E1\u00a0", "recip_sex", " f ", "recip_first_name", "  ann lee ", "lot_number", " "},
		want: []string{"vax_event_id", "E1", "recip_sex", "F", "recip_first_name", "ann lee", "lot_number", "", "lot_key", "", "filled", "31"}},
	{name: "quotes are data", change: []string{"recip_first_name", `""`}, want: []string{"recip_first_name", `""`, "name_key", ""}},

	{name: "no id", change: []string{"vax_event_id", "  "}, reject: "REQD001 vax_event_id"},
	{name: "no date", change: []string{"admin_date", ""}, reject: "REQD001 admin_date"},
	{name: "impossible date", change: []string{"admin_date", "2021-02-29"}, reject: "DATA001 admin_date"},
	{name: "other format", change: []string{"admin_date", "03/05/2021"}, reject: "DATA001 admin_date"},
	{name: "too coarse", opt: Options{Precision: "day"}, change: []string{"admin_date", "2021-03"}, reject: "DATA009 admin_date"},
	{name: "month is enough", opt: Options{Precision: "month"}, change: []string{"admin_date", "2021-03"},
		want: []string{"admin_date", "2021-03-01", "admin_date_precision", "month"}, issues: "DATE_PARTIAL admin_date"},
	{name: "year", change: []string{"admin_date", "2021"}, want: []string{"admin_date", "2021-01-01", "admin_date_precision", "year"}, issues: "DATE_PARTIAL admin_date"},
	{name: "no vaccine", change: []string{"cvx", "", "ndc", "12345-6789-01"}, reject: "REQD001 cvx"},
	{name: "word for a vaccine", change: []string{"cvx", "Pfizer", "ndc", ""}, reject: "REQD001 cvx"},
	{name: "missed", change: []string{"recip_missed_appt", "yes"}, reject: "MISSED_APPT recip_missed_appt"},
	{name: "first reason only", change: []string{"vax_event_id", "", "admin_date", "", "cvx", ""}, reject: "REQD001 vax_event_id"},

	{name: "sender by id", opt: Options{Senders: listed}, change: []string{"sender_id", "LIVE", "vtrcks_prov_pin", "TEST"}},
	{name: "sender by PIN", opt: Options{Senders: listed}, change: []string{"vtrcks_prov_pin", " LIVE ", "responsible_org", "TEST"}},
	{name: "sender by organisation", opt: Options{Senders: listed}, change: []string{"responsible_org", "TEST"}, reject: "SENDER_TESTING responsible_org TEST"},
	{name: "sender not listed", opt: Options{Senders: listed}, change: []string{"sender_id", "live", "vtrcks_prov_pin", "LIVE"}, reject: "SENDER_UNKNOWN sender_id live"},
	{name: "sender enrolled", opt: Options{Senders: listed}, change: []string{"sender_id", "NEW"}, reject: "SENDER_TESTING sender_id NEW"},
	{name: "sender suspended", opt: Options{Senders: listed}, change: []string{"vtrcks_prov_pin", "STOP"}, reject: "SENDER_SUSPENDED vtrcks_prov_pin STOP"},
	{name: "no sender", opt: Options{Senders: listed}, change: []string{"responsible_org", ""}, reject: "SENDER_UNKNOWN sender_id"},
	{name: "empty list", opt: Options{Senders: dose.Senders{}}, reject: "SENDER_UNKNOWN responsible_org County of Alameda"},
	{name: "sender before all else", opt: Options{Senders: listed}, change: []string{"sender_id", "STOP", "vax_event_id", "", "action", "D"}, reject: "SENDER_SUSPENDED sender_id STOP"},
	{name: "a sender's mistake", opt: Options{Senders: listed}, change: []string{"sender_id", "LIVE", "admin_date", ""}, reject: "REQD001 admin_date LIVE"},

	{name: "leading zero", change: []string{"cvx", "0208"}, want: []string{"cvx", "208"}},
	{name: "vaccine by NDC", change: []string{"cvx", "", "ndc", "80777027310"}, want: []string{"cvx", "207", "manufacturer", "Moderna"}, issues: "CVX_FROM_NDC cvx, CVX_MVX mvx"},
	{name: "unknown number", change: []string{"cvx", "9999"}, want: []string{"cvx", "9999", "vaccine_name", "", "vaccine_type", "other", "manufacturer", "Pfizer"}, issues: "DATA007 cvx, CVX_NDC ndc"},
	{name: "maker by MVX", change: []string{"cvx", "213", "mvx", "mod", "ndc", ""}, want: []string{"vaccine_type", "unspecified", "manufacturer", "Moderna"}},
	{name: "season by NDC", change: []string{"cvx", "309", "ndc", "00069-2432-10"}, want: []string{"vaccine_type", "2024-25"}, issues: "CVX_DATE cvx, NDC_DATE ndc"},
	{name: "season by date", change: []string{"cvx", "309", "ndc", "", "admin_date", "2025-09-01"}, want: []string{"vaccine_type", "2025-26"}, issues: "AFTER_EXPIRY vax_expiration"},
	{name: "unknown NDC", change: []string{"ndc", "11111-1111-11"}, issues: "DATA007 ndc"},
	{name: "placeholder's NDC", change: []string{"cvx", "901", "ndc", "99999-9999-01"}, want: []string{"vaccine_type", "placeholder"}, issues: "CVX_DATE cvx"},
	{name: "before EUA", change: []string{"admin_date", "2020-12-13"}, issues: "BEFORE_EUA admin_date"},
	{name: "first day", change: []string{"admin_date", "2020-12-14"}},
	{name: "2020 may be after EUA", change: []string{"admin_date", "2020"}, issues: "DATE_PARTIAL admin_date"},
	{name: "flu before EUA", change: []string{"admin_date", "2019-10-01", "cvx", "141", "ndc", ""}, want: []string{"vaccine_type", "other"}, issues: "NOT_COVID cvx"},
	{name: "refused, no vaccine", change: []string{"cvx", "998", "ndc", "", "vax_refusal", "YES"}, want: []string{"completion", "RE"}, issues: "DNTS002 vax_refusal"},
	{name: "lot unknown", change: []string{"lot_number", "Unknown"}, want: []string{"lot_number", "Unknown", "lot_key", ""}, issues: "LOT_NONE lot_number"},
	{name: "lot of zeros", change: []string{"lot_number", "00-000"}, want: []string{"lot_key", ""}, issues: "LOT_NONE lot_number"},
	{name: "short lot", change: []string{"lot_number", "n/a"}, want: []string{"lot_key", ""}, issues: "LOT_NONE lot_number"},

	{name: "bad codes", change: []string{"ext_type", "A", "mvx", "QQQ", "recip_race_2", "1"}, issues: "DATA003 ext_type, DATA007 recip_race_2, DATA007 mvx"},
	{name: "bad dates", change: []string{"recip_dob", "1980-13-01", "vax_expiration", "soon", "source_time", "now"},
		want:   []string{"recip_dob", "", "vax_expiration", "", "source_time", "", "recip_age", "", "recip_age_group", "Unknown Agegroup", "name_key", ""},
		issues: "DATA001 recip_dob, DATA001 vax_expiration, DATA001 source_time"},
	{name: "blanks", change: []string{"recip_dob", "", "recip_sex", "", "recip_id", ""}, issues: "REQD001 recip_dob, REQD001 recip_sex, REQD001 recip_id"},
	{name: "born after", change: []string{"recip_dob", "2021-03-06"}, want: []string{"recip_age", ""}, issues: "BUSR005 recip_dob"},
	{name: "born that day", change: []string{"recip_dob", "2021-03-05"}, want: []string{"recip_age", "0", "recip_age_group", "Under 5"}, issues: "CVX_AGE cvx"},
	{name: "born that year", change: []string{"recip_dob", "2021"}, want: []string{"recip_age", "0", "recip_dob_precision", "year", "recip_dob", "2021-01-01", "name_key", ""}, issues: "DATE_PARTIAL recip_dob, CVX_AGE cvx"},
	{name: "dose of the birth year", change: []string{"recip_dob", "2021-05-05", "admin_date", "2021"}, want: []string{"recip_age", "0"}, issues: "DATE_PARTIAL admin_date, CVX_AGE cvx"},
	{name: "over 120", change: []string{"recip_dob", "1899-01-01"}, want: []string{"recip_age", "", "recip_age_group", "Unknown Agegroup"}, issues: "BORN_LONG_AGO recip_dob, CVX_AGE cvx"},
	{name: "day before birthday", change: []string{"recip_dob", "1980-03-06"}, want: []string{"recip_age", "40"}},
	{name: "leap day", change: []string{"recip_dob", "1980-02-29", "admin_date", "2021-02-28"}, want: []string{"recip_age", "40"}},
	{name: "future", opt: Options{Today: 18690}, change: []string{"admin_date", "2021-03-05", "recip_dob", "2021-03-05"}, issues: "BUSR011 recip_dob, BUSR012 admin_date, CVX_AGE cvx"},
	{name: "today", opt: Options{Today: 18691}},

	{name: "another state", change: []string{"recip_address_state", "nv", "recip_address_county", "32003"}, want: []string{"county", "OOS", "county_method", "reported", "lhj", "OOS", "admin_county", "06001"}, issues: "BUSR003 recip_address_zip"},
	{name: "blank state", change: []string{"recip_address_state", ""}, want: []string{"county", "OOS", "county_method", "reported"}, issues: "STATE_BLANK recip_address_state"},
	{name: "nothing known of home", change: []string{"recip_address_state", "", "recip_address_county", "", "recip_address_zip", ""}, want: []string{"county", "OOS", "hpi_quartile", ""}},
	{name: "county by name", change: []string{"recip_address_county", "los angeles county"}, want: []string{"county", "06037", "county_method", "reported"}, issues: "COUNTY_ZIP recip_address_county"},
	{name: "county from ZIP", change: []string{"recip_address_county", "", "recip_address_zip", "95814-1234"}, want: []string{"county", "06067", "county_method", "zip"}, issues: "COUNTY_FROM_ZIP recip_address_county"},
	{name: "county unusable", change: []string{"recip_address_county", "Clark"}, want: []string{"county", "06001", "county_method", "zip"}, issues: "COUNTY_UNUSABLE recip_address_county, COUNTY_FROM_ZIP recip_address_county"},
	{name: "county from site", change: []string{"recip_address_county", "", "recip_address_zip", "", "admin_address_county", "013"}, want: []string{"county", "06013", "county_method", "admin", "admin_county", "06013"}, issues: "COUNTY_FROM_ADMIN recip_address_county"},
	{name: "county from site's ZIP", change: []string{"recip_address_county", "", "recip_address_zip", "89101", "admin_address_county", "", "admin_address_state", ""}, want: []string{"county", "06001", "county_method", "admin"}, issues: "COUNTY_FROM_ADMIN recip_address_county, BUSR003 recip_address_zip"},
	{name: "site elsewhere", change: []string{"recip_address_county", "", "recip_address_zip", "", "admin_address_state", "NV"}, want: []string{"county", "UNK", "county_method", "none", "admin_county", "", "lhj", "UNK"}, issues: "COUNTY_UNKNOWN recip_address_county, BUSR004 admin_address_zip, BUSR002 admin_address_county"},
	{name: "bad ZIPs", change: []string{"recip_address_zip", "9460", "admin_address_zip", "94621-12"}, issues: "DATA005 recip_address_zip, DATA005 admin_address_zip"},
	{name: "city jurisdiction", change: []string{"recip_address_city", "BERKELEY "}, want: []string{"county", "06001", "lhj", "berkeley"}},
	{name: "city of another county", change: []string{"recip_address_city", "Pasadena"}, want: []string{"lhj", "06001"}},

	{name: "Latino", change: []string{"recip_ethnicity", "2135-2", "recip_race_2", "2028-9"}, want: []string{"recip_race_eth", "Latino"}},
	{name: "Multiracial", change: []string{"recip_race_3", "2028-9"}, want: []string{"recip_race_eth", "Multiracial"}},
	{name: "first race", change: []string{"recip_race_1", "2131-1", "recip_race_2", "2106-3"}, want: []string{"recip_race_eth", "Other Race"}},
	{name: "no race", change: []string{"recip_race_1", "UNK"}, want: []string{"recip_race_eth", "Unknown"}},

	{name: "refused", change: []string{"vax_refusal", "yes"}, want: []string{"completion", "RE", "vax_refusal", "YES"}, issues: "DNTS002 vax_refusal"},
	{name: "refused as complete", change: []string{"vax_refusal", "YES", "completion", "CP"}, want: []string{"completion", "RE"}, issues: "DNTS002 vax_refusal, REFUSED_COMPLETE completion"},
	{name: "partial", change: []string{"completion", "pa"}, want: []string{"completion", "PA"}},
	{name: "new", change: []string{"information_source", "00"}, want: []string{"is_historical", "false"}},
	{name: "historical", change: []string{"information_source", "08"}, want: []string{"is_historical", "true"}, issues: "LOOKS_GIVEN information_source"},
	{name: "unknown source", change: []string{"information_source", "09"}, want: []string{"is_historical", ""}, issues: "DATA007 information_source"},
	{name: "sent at", change: []string{"source_time", "2021-03-05T10:00:00.25-08:00"}, want: []string{"source_time", "2021-03-05T18:00:00.25Z"}},

	{name: "delete by key", change: []string{"action", "D", "admin_date", "", "cvx", "", "ndc", "", "recip_dob", "1900-99-99", "recip_sex", "Q", "recip_address_county", "x"},
		want: []string{"tombstone", "true", "admin_date", "", "cvx", "", "vaccine_type", "", "vax_event_id", "E1"}},
	{name: "delete without key", change: []string{"action", "D", "vax_event_id", ""}, reject: "REQD001 vax_event_id"},
	{name: "file of deletes", opt: Options{Action: "D"}, change: []string{"admin_date", ""}, want: []string{"tombstone", "true"}},
	{name: "own action wins", opt: Options{Action: "D"}, change: []string{"action", "a"}, want: []string{"tombstone", "false"}},
}

func TestRules(t *testing.T) {
	for _, c := range ruleCases {
		t.Run(c.name, func(t *testing.T) {
			c.opt.Registry = "CAIR2"
			res, cells := result(t, c.opt, good(c.change...))
			reject := ""
			for _, r := range res.Rejects {
				reject += r.Check.Rule().Code + " " + r.Field
				if c.opt.Senders != nil && r.Sender != "" {
					reject += " " + r.Sender
				}
				if r.Line != 2 || r.Record != nil || !r.Check.Rule().Rejects {
					t.Errorf("reject %+v", r)
				}
			}
			if reject != c.reject {
				t.Fatalf("rejected %q, want %q", reject, c.reject)
			}
			if got := codesOf(res.Issues); got != c.issues {
				t.Errorf("issues %q, want %q", got, c.issues)
			}
			for i := 0; i < len(c.want); i += 2 {
				if got := cells[0][c.want[i]]; got != c.want[i+1] {
					t.Errorf("%s = %q, want %q", c.want[i], got, c.want[i+1])
				}
			}
		})
	}
}

func key64(parts string) string { return fmt.Sprint(int64(xxh3.HashString(parts))) }

func key63(parts string) string { return fmt.Sprint(int64(xxh3.HashString(parts) >> 1)) }

func TestKeys(t *testing.T) {
	_, cells := result(t, Options{Registry: "CAIR2"}, good(), good("recip_id", ""), good("recip_first_name", "José-Ángel", "recip_last_name", "Nguyễn"),
		good("recip_first_name", "Redacted"), good("recip_first_name", "王"), good("lot_number", "en-6201 "), good("admin_name", "", "responsible_org", "-"))
	if got, want := cells[0]["event_key"], key63("CAIR2\x00E1"); got != want {
		t.Errorf("event_key %s, want %s", got, want)
	}
	if cells[0]["recip_key"] != key63("CAIR2\x00R1") || cells[1]["recip_key"] != cells[1]["event_key"] {
		t.Error("recip_key is not that of the id, or of the event")
	}
	if got, want := cells[2]["name_key"], key64("JOSEANGEL|NGUYEN|"+fmt.Sprint(civil(1980, 3, 5))); got != want {
		t.Errorf("name_key %s, want %s", got, want)
	}
	if cells[3]["name_key"] != "" || cells[4]["name_key"] != "" {
		t.Error("a placeholder has a name_key")
	}
	if cells[5]["lot_key"] != fmt.Sprint(int32(xxh3.HashString("EN6201"))) || cells[5]["lot_key"] != cells[0]["lot_key"] {
		t.Error("lot_key does not fold the lot")
	}
	if cells[0]["org_key"] != fmt.Sprint(int32(xxh3.HashString("COLISEUM|COUNTYOFALAMEDA"))) || cells[6]["org_key"] != "" {
		t.Error("org_key")
	}
}

func TestContentKey(t *testing.T) {
	key := func(change ...string) string {
		_, cells := result(t, Options{Registry: "CAIR2"}, good(change...))
		return cells[0]["content_key"]
	}
	same := key()
	for _, c := range [][]string{{"source_time", "2021-03-05"}, {"action", "U"}, {"registry", "X"}, {"control_id", "9"}, {"recip_sex", " f"}} {
		if key(c...) != same {
			t.Errorf("%v changed the content", c)
		}
	}
	seen := map[string]bool{same: true}
	for _, c := range dose.Raw() {
		switch c.Name {
		case "registry", "action", "source_time", "control_id", "line", "admin_date", "cvx", "vax_event_id", "recip_missed_appt":
			continue
		}
		k := key(c.Name, "7")
		if seen[k] {
			t.Errorf("%s is not part of the content", c.Name)
		}
		seen[k] = true
	}
	if key("recip_race_2", "2028-9") == key("recip_race_3", "2028-9") {
		t.Error("a value in another column is other content")
	}
}

func TestParseDateAgainstTime(t *testing.T) {
	for d := time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() <= 2100; d = d.AddDate(0, 0, 1) {
		s := d.Format(time.DateOnly)
		if got := parseDate(s); got.prec != fullDate || int64(got.day) != d.Unix()/86400 {
			t.Fatalf("parseDate(%s) = %+v", s, got)
		}
	}
	for _, s := range []string{"1849-12-31", "2101-01-01", "2021-00-10", "2021-13-01", "2021-04-31", "1900-02-29", "2021-1-1", "20210101", "2021/01/01",
		"2021-01-01 ", "21-01-01", "202a", "2021-0x", "2021-01-", "٢٠", "-021-01-01", "2021-01-01T00:00"} {
		if got := parseDate(s); got.prec != badDate {
			t.Errorf("parseDate(%q) = %+v", s, got)
		}
	}
}

func TestParseTime(t *testing.T) {
	for _, s := range []string{"2021-03-05T10:00:00Z", "2021-03-05T10:00:00.123456Z", "1999-12-31T23:59:59-08:00", "2024-02-29T00:00:00+05:30"} {
		want, err := time.Parse(time.RFC3339Nano, s)
		if got, ok := parseTime(s); err != nil || !ok || got != want.UnixMicro() {
			t.Errorf("parseTime(%s) = %d, %v, want %d", s, got, ok, want.UnixMicro())
		}
	}
	for _, s := range []string{"2021-03-05", "2021-03-05T00:00", "2021-03-05 00:00:00", "2021-03-05T00:00:00.0+0000"} {
		if got, ok := parseTime(s); !ok || got != int64(civil(2021, 3, 5))*86400e6 {
			t.Errorf("parseTime(%s) = %d, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "2021", "2021-03-05T", "2021-03-05T25:00", "2021-03-05T10:00:00X", "2021-03-05T10:61", "2021-03-05T10:00:00+9", "2021-13-05T10:00", "2021-03-05T10:00:0"} {
		if got, ok := parseTime(s); ok {
			t.Errorf("parseTime(%q) = %d", s, got)
		}
	}
}

func TestFold(t *testing.T) {
	for s, want := range map[string]string{"O'Brien-Smith": "OBRIENSMITH", "Ñuñez": "NUNEZ", "Łukasz": "LUKASZ", "Straße": "STRASSE", "Nguyễn": "NGUYEN",
		"e\u0301": "E", "Œuvre": "OEUVRE", "Ærø": "AERO", "王": "", "A1": "A1", "": "", "Đặng": "DANG"} {
		if got := fold(s); got != want {
			t.Errorf("fold(%q) = %q, want %q", s, got, want)
		}
	}
}

// What a batch of another shape gets is an error of kind ErrInvalid without a
// value of the batch in it.
func TestWrongBatch(t *testing.T) {
	raw := batch(memory.NewGoAllocator(), []row{good()}, asDeclared, 2)
	short := raw.NewSlice(0, 1)
	rec, err := short.SetColumn(0, short.Column(rawLine))
	if err == nil {
		_, err = New(Options{}).Apply(rec)
	}
	if !errors.Is(err, dose.ErrInvalid) && !strings.Contains(fmt.Sprint(err), "type") {
		t.Errorf("error %v", err)
	}
}
