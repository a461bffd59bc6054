package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/transform"
)

// mapAll takes a payload through its decoder and transform, and returns the
// events as text by id, null cells left out, with how many records and rejects
// there were.
func mapAll(t testing.TB, format string, text []byte) (events map[string]map[string]string, records, rejects int64) {
	t.Helper()
	d, err := decoder(format)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Open(bytes.NewReader(text), "in")
	if err != nil {
		t.Fatal(err)
	}
	m := transform.New(transform.Options{Registry: "TEST"})
	events = map[string]map[string]string{}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return events, records, rejects
		}
		if err != nil {
			t.Fatal(err)
		}
		n, out := mapBlock(t, b, m)
		records += n.records
		rejects += n.rejects
		for _, e := range out {
			events[e["vax_event_id"]] = e
		}
	}
}

type counted struct{ records, rejects int64 }

func mapBlock(t testing.TB, b extract.Block, m *transform.Mapper) (counted, []map[string]string) {
	t.Helper()
	raw, err := b.Decode()
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Done()
	defer raw.Rows.Release()
	res, err := m.Apply(raw.Rows)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Events.Release()
	out := make([]map[string]string, res.Events.NumRows())
	for i := range out {
		out[i] = map[string]string{}
		for c := range int(res.Events.NumCols()) {
			if a := res.Events.Column(c); a.IsValid(i) {
				out[i][res.Events.ColumnName(c)] = a.ValueStr(i)
			}
		}
	}
	return counted{raw.Records, int64(len(raw.Rejects) + len(res.Rejects))}, out
}

func givenData(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("../../../shared/data/" + name)
	if err != nil {
		if need := os.Getenv("DOSEBOOK_TEST_REQUIRE"); strings.Contains(need, "all") || strings.Contains(need, "data") {
			t.Fatal(err)
		}
		t.Skip("put CDC's sample files (CVRS open tools, src/test/resources) into ../shared/data/cvrs/samples beside the repository to run this")
	}
	return text
}

// unlike are the differences between CDC's pairs that are theirs, not ours.
var unlike = []struct {
	columns, reason string
	holds           func(column string, cvrs, hl7 map[string]string) bool
}{
	{"line", "the place in another file", func(string, map[string]string, map[string]string) bool { return true }},
	{"content_key name_key org_key filled", "made of the columns below", func(string, map[string]string, map[string]string) bool { return true }},
	{"source_time control_id sender_id", "CVRS has no such column", func(c string, a, b map[string]string) bool { return a[c] == "" }},
	{"recip_first_name recip_last_name", "CDC's sheet swaps PID-5.1 and PID-5.2; HL7 has the family name first", func(c string, a, b map[string]string) bool {
		return a["recip_first_name"] == b["recip_last_name"] && a["recip_last_name"] == b["recip_first_name"]
	}},
	{"dose_num vax_series_complete serology cmorbid_status admin_type recip_race_1 recip_ethnicity", "CDC's tool writes UNK where HL7 says nothing", func(c string, a, b map[string]string) bool {
		return a[c] == "UNK" && b[c] == ""
	}},
	{"dose_num vax_series_complete vax_admin_site vax_route", "CDC's tool leaves it out of refusals; the message has it", func(c string, a, b map[string]string) bool {
		return a[c] == "" && b["vax_refusal"] == "YES"
	}},
	{"ext_type", "CDC's tool guesses it where MSH-8 is empty", func(c string, a, b map[string]string) bool { return b[c] == "" }},
	{"responsible_org", "CDC's tool takes MSH-4 where MSH-22 is empty; in California MSH-4 is an id", func(c string, a, b map[string]string) bool {
		return b[c] == "" && a[c] == "Sending Facility"
	}},
}

// TestPairs takes CDC's pairs, the same records as CVRS and as HL7, and holds
// every column of the events against each other.
func TestPairs(t *testing.T) {
	used := map[string]int{}
	for _, name := range []string{"testgood", "testdefault"} {
		want, n, _ := mapAll(t, "cvrs", givenData(t, "cvrs/samples/"+name+".txt"))
		got, k, rejects := mapAll(t, "hl7v2", givenData(t, "cvrs/samples/"+name+".hl7"))
		if n != k || rejects != 0 || len(got) != len(want) {
			t.Errorf("%s: %d records as CVRS, %d as HL7 with %d rejects; %d and %d events", name, n, k, rejects, len(want), len(got))
		}
		for id, w := range want {
			g := got[id]
			for _, c := range dose.SegmentColumns() {
				if w[c.Name] != g[c.Name] {
					if reason := excused(c.Name, w, g); reason != "" {
						used[reason]++
					} else {
						t.Errorf("%s: %s: %s is %q as CVRS, %q as HL7", name, id, c.Name, w[c.Name], g[c.Name])
					}
				}
			}
		}
	}
	for _, x := range unlike {
		if used[x.reason] == 0 {
			t.Errorf("no difference of this kind is left: %s", x.reason)
		}
	}
}

func excused(column string, cvrs, hl7 map[string]string) string {
	for _, x := range unlike {
		if strings.Contains(" "+x.columns+" ", " "+column+" ") && x.holds(column, cvrs, hl7) {
			return x.reason
		}
	}
	return ""
}

// TestGivenMessages reads messages that nobody here wrote: one record that
// loads in each, but for those named.
func TestGivenMessages(t *testing.T) {
	unlike := map[string]struct {
		records, rejects int64
		events           int
		why              string
	}{
		"FHIR-Converter__002__VXU_V04_01.hl7":         {1, 1, 0, "an NDC alone, of no COVID-19 vaccine"},
		"izgw-transform__001__QUICK_START.hl7":        {1, 1, 0, "from a web page: no line ends, so a header without orders"},
		"izgw-transform__002__QUICK_START.hl7":        {1, 1, 0, "the same"},
		"izgw-transform__003__QUICK_START_DOCKER.hl7": {2, 0, 1, "two doses under one ORC-3"},
		"testdefault.hl7":                             {51, 0, 51, "all of CDC's"},
		"testgood.hl7":                                {33, 0, 33, "all of CDC's"},
	}
	givenData(t, "vxu/testgood.hl7")
	files, err := filepath.Glob("../../../shared/data/vxu/*.hl7")
	if err != nil || len(files) < 50 {
		t.Fatal(len(files), err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		want, ok := unlike[filepath.Base(f)]
		if !ok {
			want.records, want.events = 1, 1
		}
		events, records, rejects := mapAll(t, "hl7v2", text)
		if records != want.records || rejects != want.rejects || len(events) != want.events {
			t.Errorf("%s: %d records, %d rejects, %d events; want %v", filepath.Base(f), records, rejects, len(events), want)
		}
	}
}
