package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// found lists a file's findings as "line level code field": the errors, CDC's,
// and of our remarks those that the tests are about.
func (v validated) found(i int) (out []string) {
	for _, x := range v.Files[i].Issues {
		if x.Level == "ERROR" || cdcCode(x.Code) || slices.Contains([]string{"COUNTY_FROM_ZIP", "MISSED_APPT", "RECORDS"}, x.Code) {
			out = append(out, fmt.Sprintf("%d %s %s %s", x.Line, x.Level, x.Code, x.Field))
		}
	}
	return out
}

func TestValidateFindings(t *testing.T) {
	v1 := strings.Join(append(header(), "vax_prov_suffix", "recip_missed_appt"), "\t")
	missed := fields{"recip_address_county": "06001", "cvx": "", "mvx": "", "lot_number": "", "vax_admin_site": "", "vax_route": "", "dose_num": "",
		"vax_series_complete": "", "admin_type": "CL"}
	for _, c := range []struct {
		name, file, text string
		code             int
		want             []string
	}{
		{"good", "20210305_01_CAA.txt", cvrsText(row("1", nil), row("2", nil)), 0, nil},
		{"no rows", "20210305_01_CAA.txt", cvrsText(), 0, nil},
		{"CDC's and ours", "20210305_01_CAA.txt", cvrsText(row("1", fields{"recip_sex": "X", "recip_address_county": ""}), row("2", nil)), 2,
			[]string{"2 ERROR DATA007 recip_sex", "2 WARN BUSR009 recip_address_zip", "2 INFO COUNTY_FROM_ZIP recip_address_county"}},
		{"what loading refuses is said once", "20210305_01_CAA.txt", cvrsText(row("1", fields{"admin_date": "soon", "vax_refusal": "YES"})), 2,
			[]string{"2 ERROR DATA001 admin_date", "2 ERROR DNTS002 mvx", "2 ERROR DNTS002 lot_number", "2 ERROR DNTS002 vax_admin_site", "2 ERROR DNTS002 vax_route",
				"2 ERROR DNTS002 dose_num", "2 ERROR DNTS002 vax_series_complete", "2 ERROR BUSR012 admin_date"}}, // compared as text, as CDC's does
		{"in CDC's words", "20210305_01_CAA.txt", cvrsText(row("1", fields{"admin_date": "", "vax_refusal": "YES", "mvx": "", "lot_number": "",
			"vax_admin_site": "", "vax_route": "", "dose_num": "", "vax_series_complete": ""})), 2,
			[]string{"2 ERROR REQD002 admin_date", "2 ERROR BUSR005 recip_dob"}},
		{"few fields", "20210305_01_CAA.txt", cvrsText("1\tI", row("2", nil)), 2, []string{"2 ERROR FEW_FIELDS "}},
		{"twice, in any case", "20210305_01_CAA.txt", cvrsText(row("a1", nil), row("b", nil), row("A1", nil)), 2, []string{"4 ERROR BUSR013 vax_event_id"}},
		{"header", "20210305_01_CAA.txt", strings.Replace(cvrsText(row("1", nil)), "recip_sex", "recip_gender", 1), 2,
			[]string{"0 ERROR FMT_004 Header", "0 ERROR FMT_002 Header", "2 ERROR REQD001 recip_sex"}},
		{"column twice", "20210305_01_CAA.txt", strings.Replace(cvrsText(row("1", nil)), "\trecip_race_2\t", "\trecip_race_1\t", 1), 2,
			[]string{"0 ERROR FMT_004 Header"}},
		{"mark", "20210305_01_CAA.txt", "\ufeff" + cvrsText(row("1", nil)), 0, []string{"0 WARN FMT_005 Header"}},
		{"commas", "20210305_01_CAA.txt", strings.ReplaceAll(cvrsText(row("1", nil)), "\t", ","), 2, []string{"0 ERROR FMT_001 Header"}},
		{"web page", "a.txt", "<!DOCTYPE html><html><body>Sign in</body></html>", 2, []string{"0 ERROR FMT_003 Header"}},
		{"first version", "20210305_01_CAA.txt", v1 + "\n" + row("1", missed) + "\t\tYES\n" + row("2", fields{"admin_type": "CL"}) + "\tMD\t\n", 2,
			[]string{"2 INFO MISSED_APPT recip_missed_appt", "3 ERROR REQD001 recip_missed_appt"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := validateJSON(t, c.code, write(t, c.file, c.text))
			if got := v.found(0); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if f := v.Files[0]; f.Format != "cvrs" || filepath.Base(f.Path) != c.file {
				t.Errorf("format %q, path %q", f.Format, f.Path)
			}
		})
	}
}

// TestValidateNamesTheEvent holds that a finding names its own record's id,
// also behind records that loading refuses and those that were no rows at all.
func TestValidateNamesTheEvent(t *testing.T) {
	odd := fields{"recip_address_county": "", "recip_sex": "X"}
	v := validateJSON(t, 2, write(t, "20210305_01_CAA.txt", cvrsText(row("1", nil), "2\tI", row("", nil), row("4", odd), row("5", fields{"admin_date": ""}), row("6", odd))))
	n := 0
	for _, x := range v.Files[0].Issues {
		if want := fmt.Sprint(x.Line - 1); x.Line == 5 || x.Line == 7 {
			if n++; x.Vax_event_id != want {
				t.Errorf("line %d %s: %q, want %q", x.Line, x.Code, x.Vax_event_id, want)
			}
		}
	}
	if f := v.Files[0]; n != 6 || f.Records != 6 || f.Failed_records != 5 {
		t.Errorf("%d findings, %d of %d failed", n, f.Failed_records, f.Records)
	}
}

// TestValidateOthers runs files of the other formats through, and several
// files and folders at once.
func TestValidateOthers(t *testing.T) {
	hl7, err := os.ReadFile("../../testdata/cases/hl7-no-hl7/input.hl7")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(write(t, "20210305_01_CAA.txt", cvrsText(row("1", nil))))
	if err := os.WriteFile(filepath.Join(dir, "b.hl7"), hl7, 0o600); err != nil {
		t.Fatal(err)
	}
	v := validateJSON(t, 2, dir, filepath.Join(dir, "none.txt"))
	if len(v.Files) != 3 || v.Files[0].Records != 1 || v.Files[0].Failed_records != 0 {
		t.Fatalf("%+v", v.Files)
	}
	if got := v.found(2); len(got) != 1 || got[0] != "0 ERROR UNREADABLE " {
		t.Errorf("of a file that is not there: %q", got)
	}
	for _, c := range []struct {
		pattern, format string
	}{{"../../testdata/cases/hl7-*/input.hl7", "hl7v2"}, {"../../testdata/cases/fhir-*/*.ndjson", "fhir"}} {
		paths, err := filepath.Glob(c.pattern)
		if err != nil || len(paths) == 0 {
			t.Skip("no cases of ", c.format)
		}
		var out, errs bytes.Buffer
		if code := start(append([]string{"validate", "--json"}, paths...), &out, &errs); code != 2 && code != 0 {
			t.Errorf("%s: exit %d: %s", c.format, code, errs.String())
		}
		n := 0
		for _, f := range parse[validated](t, out.String()).Files {
			if f.Format == c.format {
				n++
			}
			seen := map[string]bool{}
			for _, x := range f.Issues {
				key := fmt.Sprint(x.Vax_event_id, x.Line, x.Code, x.Field)
				if x.Message == "" || x.Code == "" || seen[key] && x.Line > 0 {
					t.Errorf("%s: empty or twice: %+v", f.Path, x)
				}
				seen[key] = true
			}
		}
		if n == 0 {
			t.Errorf("no file was taken for %s", c.format)
		}
	}
}

// TestValidateCut holds that the JSON is whole, and says so, where a file ends
// in the middle.
func TestValidateCut(t *testing.T) {
	var rows []string
	for i := range 30_000 { // more than a block
		rows = append(rows, row(fmt.Sprint(i), nil))
	}
	rows[29_999] = row("7", nil) // its twin is in the first block
	text := cvrsText(rows...)
	v := validateJSON(t, 2, write(t, "20210305_01_CAA.txt", text))
	if got := v.found(0); len(text) < validateBlock || len(got) != 1 || got[0] != "30001 ERROR BUSR013 vax_event_id" || v.Files[0].Records != 30_000 {
		t.Errorf("%d bytes, %d findings, %d records", len(text), len(got), v.Files[0].Records)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	v = validateJSON(t, 2, write(t, "20210305_01_CAA.txt.gz", packed.String()[:packed.Len()-100]))
	if got := v.found(0); len(got) == 0 || !strings.HasPrefix(got[len(got)-1], "0 ERROR FMT_003 Header") || v.Files[0].Failed_records != v.Files[0].Records {
		t.Errorf("%d findings, %d of %d records failed", len(got), v.Files[0].Failed_records, v.Files[0].Records)
	}
}

// TestValidateTellsNothing holds that no report shows a value but the event's
// id, whatever is wrong.
func TestValidateTellsNothing(t *testing.T) {
	secret := fields{"recip_first_name": "Zebulon", "recip_last_name": "Quisling", "recip_dob": "1951-13-77", "recip_address_street": "77 Hidden Way",
		"ext_type": "D", "recip_address_zip": "9460X", "recip_id": "R 99", "cvx": "9977", "admin_date": "2021/03/77"}
	path := write(t, "names.txt", cvrsText(row("EV1", secret), "Zebulon\tQuisling\t1951-13-77"))
	for _, args := range [][]string{{}, {"--json"}, {"--rpt"}} {
		var out, errs bytes.Buffer
		if code := start(append(append([]string{"validate"}, args...), path), &out, &errs); code != 2 {
			t.Errorf("exit %d", code)
		}
		all := out.String() + errs.String()
		for _, private := range []string{"Zebulon", "Quisling", "1951", "Hidden", "9460", "R 99", "9977", "2021/03"} {
			if strings.Contains(all, private) {
				t.Errorf("%v shows %q", args, private)
			}
		}
		if !strings.Contains(all, "DATA006") || !strings.Contains(all, "FEW_FIELDS") || len(args) > 0 && !strings.Contains(all, "EV1") {
			t.Errorf("%v: %s", args, all)
		}
	}
}

// TestValidateReports pins the report for people and the one in CDC's shape.
func TestValidateReports(t *testing.T) {
	path := write(t, "20210305_01_CAA.txt", cvrsText(row("1", fields{"recip_sex": "", "lot_number": "EN6201"}), "",
		row("a-long-identifier-of-it", fields{"admin_address_state": "", "serology": "K", "lot_number": "EN6201"})))
	run := func(flag ...string) string {
		var out, errs bytes.Buffer
		start(append(append([]string{"validate"}, flag...), path), &out, &errs)
		if !strings.Contains(errs.String(), "1 of 1 files have errors") {
			t.Error(errs.String())
		}
		return strings.ReplaceAll(out.String(), filepath.Dir(path)+"/", "")
	}
	want := `20210305_01_CAA.txt: cvrs version 2, 2 records, 2 errors in 2 records

  ERROR  DATA007  the value is not in the value set that CDC gives the field
         → send a code of the value set
             1  serology                 line 4

  ERROR  REQD001  the field is empty, and required of vaccinations
         → send the value, or the code for unknown where the field has one
             1  recip_sex                line 2

  WARN   BUSR008  a ZIP of administration without the state
         → send the state
             1  admin_address_zip        line 4

`
	if got := run(); got != want {
		t.Errorf("got\n%s", got)
	}
	short := middleCut(path, 32)
	want = "Validating 20210305_01_CAA.txt\n" +
		"File                             Vax_Event_Id     Line   Level  Field                    Error  Description\n" +
		short + " 1                1      ERROR  recip_sex                REQD001 the field is empty, and required of vaccinations\n" +
		short + " a-long-***-of-it 2      ERROR  serology                 DATA007 the value is not in the value set that CDC gives the field\n" +
		short + " a-long-***-of-it 2      WARN   admin_address_zip        BUSR008 a ZIP of administration without the state\n" +
		"20210305_01_CAA.txt has 3 errors in 2 of 2 records.\n" +
		"Code    Field                   Count   Description                                         Example\n" +
		"DATA007 serology                    1   the value is not in the value set that CDC gives the field     2 send a code of the value set\n" +
		"REQD001 recip_sex                   1   the field is empty, and required of vaccinations         1 send the value, or the code for unknown where the field has one\n" +
		"BUSR008 admin_address_zip           1   a ZIP of administration without the state                2 send the state\n"
	if got := run("--rpt"); got != want {
		t.Errorf("got\n%s", got)
	}
	for _, args := range [][]string{{"validate"}, {"validate", "--rpt", "--json", path}, {"validate", "--format", "pdf", path}, {"validate", "--cvrs-version", "4", path}} {
		var out, errs bytes.Buffer
		if code := start(args, &out, &errs); code != 2 || out.Len() > 0 {
			t.Errorf("%v: exit %d, %s", args, code, out.String())
		}
	}
}

func TestIDSet(t *testing.T) {
	s := newIDSet()
	ids := array.NewStringBuilder(memory.DefaultAllocator)
	const n = 30_000
	for i := range n {
		ids.Append(fmt.Sprint("id-", i))
	}
	ids.Append("")
	ids.AppendNull()
	h := s.hash(ids.NewArray())
	if h[n] != 0 || h[n+1] != 0 {
		t.Error("no id has a hash")
	}
	for round := range 2 {
		for i, x := range h[:n] {
			if s.add(x) != (round == 0) {
				t.Fatalf("round %d: id %d", round, i)
			}
		}
	}
	bytes := 0
	for _, p := range s.parts {
		bytes += 8 * len(p.at)
	}
	if bytes > 22*n {
		t.Errorf("%d bytes for %d ids", bytes, n)
	}
}
