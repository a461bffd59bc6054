package main

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/synth"
	"github.com/dosebook/dosebook/transform"
)

// heard are the current events of a world's files, by "registry id", as text,
// with what was counted on the way.
type heard struct {
	events map[string]map[string]string
	order  map[string]string // of the version that is known; compares as text
	codes  map[string]int    // of rejects
}

// hear reads all files of a world that repeat no other, in the order of
// delivery, and keeps the newest version of each event.
func hear(t *testing.T, dir string, truth *synth.Truth) heard {
	t.Helper()
	h := heard{map[string]map[string]string{}, map[string]string{}, map[string]int{}}
	files := map[string]synth.File{}
	for _, f := range truth.Files {
		files[f.Path] = f
	}
	for _, path := range truth.Delivery {
		f := files[path]
		records, rejects := h.file(t, filepath.Join(dir, path), f)
		if records != f.Records || rejects != f.Rejects {
			t.Errorf("%s: %d records and %d rejects, the truth says %d and %d", path, records, rejects, f.Records, f.Rejects)
		}
	}
	for key, e := range h.events {
		if e["tombstone"] == "true" {
			delete(h.events, key)
		}
	}
	return h
}

// content is a file's, or that of all files of an export one behind the other.
func content(t *testing.T, path string) []byte {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(path, "*.ndjson"))
	if err != nil || len(parts) == 0 {
		parts = []string{path}
	}
	var out []byte
	for _, p := range parts {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

func (h *heard) file(t *testing.T, path string, f synth.File) (records, rejects int) {
	t.Helper()
	format := "cvrs"
	if f.Format != "" {
		format = f.Format
	}
	d, err := decoder(format)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Open(bytes.NewReader(content(t, path)), f.Path)
	if err != nil {
		t.Fatal(err)
	}
	action := map[string]string{"": "A", "add": "A", "update": "U", "delete": "D"}[f.Action]
	m := transform.New(transform.Options{Registry: f.Registry, Action: action})
	named, _, _ := extract.ParseName(strings.TrimSuffix(filepath.Base(path), ".txt") + ".zip")
	for {
		b, err := r.Next()
		if err == io.EOF {
			return records, rejects
		}
		if err != nil {
			t.Fatal(err)
		}
		n, bad := h.block(t, b, m, f.RepeatOf == "", named)
		records += n
		rejects += bad
	}
}

func (h *heard) block(t *testing.T, b extract.Block, m *transform.Mapper, fresh bool, named time.Time) (records, rejects int) {
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
	for _, r := range append(slices.Clone(raw.Rejects), res.Rejects...) {
		if rejects++; fresh {
			h.codes[r.Check.Rule().Code]++
		}
	}
	for i := range int(res.Events.NumRows()) {
		e := map[string]string{}
		for c := range int(res.Events.NumCols()) {
			if a := res.Events.Column(c); a.IsValid(i) {
				e[res.Events.ColumnName(c)] = a.ValueStr(i)
			}
		}
		order := named.Format("2006-01-02T15:04:05Z")
		if at := e["source_time"]; at != "" {
			order = at
		}
		key := e["registry"] + " " + e["vax_event_id"]
		if known := h.order[key]; fresh && known == order {
			t.Errorf("%s comes twice at %s", key, order)
		} else if fresh && known < order {
			h.order[key], h.events[key] = order, e
		}
	}
	return int(raw.Records), rejects
}

// unalike are the columns in which the same event may differ when another
// format carries it, and why.
var unalike = map[string][]struct {
	columns, reason string
	holds           func(cvrs, other string) bool
}{
	synth.HL7: {
		{"line content_key filled", "of the file, or made of all columns", nil},
		{"source_time control_id entry_time action protection", "CVRS has no such column", func(a, _ string) bool { return a == "" }},
		{"sender_id", "the registry itself, where nobody knows who reported", func(a, b string) bool { return a == "" && !strings.Contains(b, "-") }},
		{"refusal_reason", "CVRS has no such column", func(a, _ string) bool { return a == "" }},
	},
	synth.FHIR: {
		{"line content_key filled", "of the file, or made of all columns", nil},
		{"source_time control_id entry_time action protection refusal_reason", "CVRS has no such column", func(a, _ string) bool { return a == "" }},
		{"ext_type vax_series_complete admin_type cmorbid_status serology sender_id", "FHIR has no such element", func(_, b string) bool { return b == "" }},
		{"admin_address_county", "a Location has one spelling, the five digits", func(a, b string) bool {
			fips, ok := dose.ParseCounty(a)
			return ok && fips == b
		}},
		{"recip_race_1 recip_race_2", "a list has no gap for a first race that is not known", func(a, b string) bool { return a == "" || b == "" }},
	},
}

func alike(format, column, cvrs, other string) bool {
	if cvrs == other {
		return true
	}
	for _, x := range unalike[format] {
		if slices.Contains(strings.Fields(x.columns), column) && (x.holds == nil || x.holds(cvrs, other)) {
			return true
		}
	}
	return false
}

// TestFormatsSayTheSame writes one world in CVRS and once more with other
// formats, and holds every column of every current event against each other.
func TestFormatsSayTheSame(t *testing.T) {
	wild := synth.Defects{RepeatRows: 0.1, RepeatFiles: 0.2, Updates: 0.2, Deletes: 0.1, LateFiles: 0.3, Unusable: 0.03, Soft: 0.3}
	for name, cfg := range map[string]synth.Config{
		"as usual": {Seed: 31, Rows: size(3_000, 20_000, 100_000), Defects: synth.DefaultDefects(), Overlap: synth.DefaultOverlap()},
		"wild":     {Seed: 32, Rows: size(2_000, 6_000, 20_000), Defects: wild, Overlap: synth.DefaultOverlap(), RowsPerFile: 500},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			plain, err := synth.Write(t.Context(), filepath.Join(dir, "cvrs"), cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := hear(t, filepath.Join(dir, "cvrs"), plain)
			for _, format := range []string{synth.HL7, synth.FHIR} {
				cfg.Formats = map[string]string{}
				for _, r := range plain.Registries {
					cfg.Formats[r] = format
				}
				in := filepath.Join(dir, format)
				truth, err := synth.Write(t.Context(), in, cfg, nil)
				if err != nil {
					t.Fatal(err)
				}
				sameTruth(t, format, truth, plain)
				got := hear(t, in, truth)
				if !maps.Equal(got.codes, truth.Totals.Rejects) {
					t.Errorf("%s: rejects %v, the truth says %v", format, got.codes, truth.Totals.Rejects)
				}
				sameEvents(t, format, got.events, want.events)
			}
		})
	}
}

// sameTruth holds what must not depend on the format.
func sameTruth(t *testing.T, format string, a, b *synth.Truth) {
	t.Helper()
	if !reflect.DeepEqual(a.CountyDay, b.CountyDay) || !reflect.DeepEqual(a.CountyDayTrue, b.CountyDayTrue) || !maps.Equal(a.Rows, b.Rows) ||
		!maps.Equal(a.Cities, b.Cities) || !maps.Equal(a.Totals.CurrentIn, b.Totals.CurrentIn) || a.Totals.Records != b.Totals.Records {
		t.Errorf("%s has another truth", format)
	}
}

func sameEvents(t *testing.T, format string, got, want map[string]map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d events are current, %d in CVRS", format, len(got), len(want))
	}
	wrong := map[string]int{}
	for key, w := range want {
		g := got[key]
		for _, c := range dose.SegmentColumns() {
			if !alike(format, c.Name, w[c.Name], g[c.Name]) {
				if wrong[c.Name]++; wrong[c.Name] <= 3 {
					t.Errorf("%s: %s: %s is %q, in CVRS %q", format, key, c.Name, g[c.Name], w[c.Name])
				}
			}
		}
	}
	if len(wrong) > 0 {
		t.Errorf("%s: columns that differ: %v", format, wrong)
	}
}
