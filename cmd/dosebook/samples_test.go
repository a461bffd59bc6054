package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// samples returns the folder of the CDC validator's sample files.
func samples(t *testing.T) string {
	t.Helper()
	dir := filepath.FromSlash("../../../shared/data/cvrs/samples")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		how := "put the sample files of CDC's vaccine data validator into ../shared/data/cvrs/samples beside the repository"
		if need := strings.Split(os.Getenv(requireEnv), ","); slices.Contains(need, "all") || slices.Contains(need, "data") {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	return dir
}

// What DESIGN §5.7 ("Reject or issue") makes of CDC's samples, worked out by
// hand: a row is refused without vax_event_id, without a possible admin_date,
// without a numeric CVX and a known NDC, or with fewer fields than the header.
var sampleWant = map[string]struct {
	code    int
	records int64
	rejects []string // line code, of each refused row
	says    []string // for files that can't be read
}{
	// No byte at all: not even the header that a day without doses has.
	"empty.txt": {code: 2, says: []string{"empty.txt", "FMT_003", "empty", "send it again"}},
	// Two lines of prose: no tab, no column name in line 1.
	"notacvrs.txt": {code: 2, says: []string{"notacvrs.txt", "line 1", "FMT_001", "FMT_003", "must hold the CVRS column names"}},
	// 40 columns: race 2 to 6 are missing in the header.
	"testMissingHeaders.txt": {code: 2, says: []string{"testMissingHeaders.txt", "line 1", "FMT_004", "recip_race_2", "recip_race_6", "add the columns"}},
	// 33 rows of 45 fields; each has an id, a date of 2020 and CVX 900, 901 or
	// 902. The refusals (vax_refusal Yes) have a CVX too. Nothing is refused.
	"testgood.txt": {code: 0, records: 33},
	// 51 rows, the same way: all of CVX 902. What is missing in them (admin_name
	// in line 14, responsible_org in line 15) is no reason to refuse.
	"testdefault.txt": {code: 0, records: 51},
	// Version 1, 47 columns, 35 rows. Lines 2, 3 and 6 report missed
	// appointments, with neither CVX nor NDC, so that no dose can be made of
	// them; the code says the better reason. Line 36 has 46 fields: what stands
	// in which column cannot be known. Line 35, with recip_missed_appt empty,
	// is a dose of CVX 901. 4 of 35 is more than 5 %: exit 7.
	"testgoodv1.txt": {code: 7, records: 35, rejects: []string{"2 MISSED_APPT", "3 MISSED_APPT", "6 MISSED_APPT", "36 FEW_FIELDS"}},
}

func TestSamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(samples(t), "*.txt"))
	if err != nil || len(files) < len(sampleWant) {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	for _, path := range files {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, known := sampleWant[name]
			if !known {
				t.Fatal("a sample that no one has judged yet")
			}
			d := newData(t)
			r := d.exits(t, want.code, "ingest", "--registry", "CAIR2", "--json", path)
			p := reportOf(t, r.out).Payloads[0]
			if p.Records != want.records || p.Rejects != int64(len(want.rejects)) || p.Adds != want.records-p.Rejects {
				t.Errorf("%d records, %d rejects, %d adds; want %d records, %d rejects", p.Records, p.Rejects, p.Adds, want.records, len(want.rejects))
			}
			for _, part := range want.says {
				if !strings.Contains(p.Error, part) || !strings.Contains(r.err, part) {
					t.Errorf("the message does not say %q: %s", part, r.err)
				}
			}
			if want.code == 2 {
				d.exits(t, 4, "release", "build") // nothing was loaded
				return
			}
			d.ok(t, "release", "build")
			out := d.ok(t, "sql", "--format", "csv", "select line || ' ' || code from reject order by line")
			got := strings.Split(strings.TrimSpace(out), "\r\n")[1:]
			if !slices.Equal(got, want.rejects) {
				t.Errorf("rejects %q, want %q", got, want.rejects)
			}
			if n := d.count(t, "select count(*) from reject where message = '' or remedy = '' or record = ''"); n != "0" {
				t.Errorf("%s rejects do not say what to do", n)
			}
			d.sound(t)
		})
	}
}
