package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// validated is what validate --json prints.
type validated struct {
	Files []struct {
		Path, Format   string
		Records        int64
		Failed_records int64
		Issues         []struct {
			Vax_event_id                string
			Line                        int64
			Code, Field, Level, Message string
		}
	}
}

// validateJSON runs validate --json on files.
func validateJSON(t *testing.T, code int, paths ...string) validated {
	t.Helper()
	var out, errs bytes.Buffer
	if got := start(append([]string{"validate", "--json"}, paths...), &out, &errs); got != code {
		t.Fatalf("exit %d, want %d: %s", got, code, errs.String())
	}
	var v validated
	d := json.NewDecoder(&out)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil || d.More() {
		t.Fatalf("%v in %s", err, out.String())
	}
	return v
}

// rptPlace is a finding as CDC's report names it: by the number of the record,
// with -1 for the file.
type rptPlace struct {
	record      int64
	field, code string
}

// different are the findings of one side alone that have a reason. ours says
// whose they are.
var different = []struct {
	file   string
	place  rptPlace
	ours   bool
	reason string
}{
	{"testdefault.txt", rptPlace{13, "admin_name", "REQD001"}, true,
		"testdefault.txt.rpt is no report: it holds converted records. CDC reports the same of the same record in testdefault.hl7.rpt"},
	{"testdefault.txt", rptPlace{14, "responsible_org", "REQD001"}, true, "as the record before"},
}

var (
	detailLine  = regexp.MustCompile(`^\S+\s+\S+\s+(-?\d+)\s+(ERROR|WARN|INFO)\s+(\S+)\s+([A-Z]+_?\d{3})(\s|$)`)
	summaryLine = regexp.MustCompile(`^([A-Z]+_?\d{3})\s+(\S+)\s+1\s{3,}.*\s(-?\d+) `)
)

// cdcReport reads the errors of one of CDC's reports: of an empty file there is
// no detail, but a summary.
func cdcReport(t *testing.T, path string) (all []rptPlace) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var summary []rptPlace
	for line := range strings.Lines(string(text)) {
		if m := detailLine.FindStringSubmatch(line); m != nil && m[2] == "ERROR" {
			all = append(all, rptPlace{intOf(t, m[1]), m[3], m[4]})
		} else if m := summaryLine.FindStringSubmatch(line); m != nil {
			summary = append(summary, rptPlace{intOf(t, m[3]), m[2], m[1]})
		}
	}
	if len(all) == 0 {
		return summary
	}
	return all
}

func intOf(t *testing.T, s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// recordAt returns the number of the record on each physical line.
func recordAt(t *testing.T, path string) map[int64]int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at, n := map[int64]int64{0: -1}, int64(0)
	for i, line := range strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text)), "\n") {
		if hl7 := strings.HasSuffix(path, ".hl7"); hl7 && strings.HasPrefix(line, "RXA") || !hl7 && i > 0 && line != "" {
			n++
			at[int64(i+1)] = n
		}
	}
	return at
}

// TestValidateAsCDC holds validate's errors against those of CDC's own
// validator, for each of its sample files that has a report, by record, field
// and code.
func TestValidateAsCDC(t *testing.T) {
	dir := samples(t)
	reports, err := filepath.Glob(filepath.Join(dir, "*.rpt"))
	if err != nil || len(reports) == 0 {
		t.Fatal("no reports", err)
	}
	excused := map[string]map[rptPlace]bool{}
	for _, d := range different {
		if excused[d.file] == nil {
			excused[d.file] = map[rptPlace]bool{}
		}
		excused[d.file][d.place] = d.ours
	}
	var both, cdcs, ours, raw int
	for _, report := range reports {
		name := strings.TrimSuffix(filepath.Base(report), ".rpt")
		if strings.HasSuffix(name, ".cnv") {
			continue // of conversions, run with all findings suppressed
		}
		want := map[rptPlace]bool{}
		for _, p := range cdcReport(t, report) {
			want[p] = true
		}
		path := filepath.Join(dir, name)
		got := errorsOf(t, path)
		raw += len(got)
		hits := 0
		for p := range got {
			own, why := excused[name][p]
			switch {
			case want[p]:
				hits++
			case why && own:
				delete(got, p)
				delete(excused[name], p)
			default:
				t.Errorf("%s: record %d, %s, %s is ours alone", name, p.record, p.field, p.code)
			}
		}
		for p := range want {
			if own, why := excused[name][p]; !got[p] && !(why && !own) {
				t.Errorf("%s: record %d, %s, %s is CDC's alone", name, p.record, p.field, p.code)
			}
		}
		both, cdcs, ours = both+hits, cdcs+len(want), ours+len(got)
		t.Logf("%-24s CDC %2d, ours %2d, both %2d", name, len(want), len(got), hits)
	}
	t.Logf("recall %d/%d; precision %d/%d, and %d/%d with the %d that are explained", both, cdcs, both, ours, both, raw, len(different))
	if cdcs < 25 || float64(both) < 0.98*float64(cdcs) || float64(both) < 0.95*float64(ours) {
		t.Error("recall is below 0.98, precision below 0.95, or the reports were not read")
	}
	for file, left := range excused {
		if len(left) > 0 {
			t.Errorf("%s: these differences are gone, take them out: %v", file, slices.Collect(maps.Keys(left)))
		}
	}
}

// errorsOf validates one file.
func errorsOf(t *testing.T, path string) map[rptPlace]bool {
	t.Helper()
	got := map[rptPlace]bool{}
	var out, errs bytes.Buffer
	code := start([]string{"validate", "--json", path}, &out, &errs)
	var v validated
	if err := json.Unmarshal(out.Bytes(), &v); err != nil || len(v.Files) != 1 {
		t.Fatal(err, out.String())
	}
	at := recordAt(t, path)
	for _, x := range v.Files[0].Issues {
		if x.Level != "ERROR" {
			continue
		}
		record, ok := at[x.Line]
		p := rptPlace{record, x.Field, x.Code}
		if !ok || got[p] {
			t.Errorf("%s: line %d holds no record, or %v comes twice", path, x.Line, p)
		}
		got[p] = true
	}
	if want := map[bool]int{true: 2, false: 0}[len(got) > 0]; code != want {
		t.Errorf("%s: exit %d, want %d: %s", path, code, want, errs.String())
	}
	if f := v.Files[0]; fmt.Sprint(f.Records, f.Failed_records) != sampleCounts[filepath.Base(path)] {
		t.Errorf("%s: %d records, %d failed", path, f.Records, f.Failed_records)
	}
	return got
}

// sampleCounts are records and failed records as CDC's reports count them. Of
// the empty file CDC's fails one record of none.
var sampleCounts = map[string]string{"empty.txt": "0 0", "notacvrs.txt": "1 1", "testMissingHeaders.txt": "1 1",
	"testdefault.txt": "51 2", "testdefault.hl7": "51 2", "testgood.txt": "33 0", "testgood.hl7": "33 0"}
