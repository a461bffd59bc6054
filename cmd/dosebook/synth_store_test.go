package main

import (
	"archive/zip"
	"cmp"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
	"github.com/dosebook/dosebook/synth"
)

// threeFormats is the demo's world: a registry each in CVRS, HL7 and FHIR.
var threeFormats = map[string]string{"SDIR": synth.HL7, "RIDE": synth.FHIR}

// TestThreeFormatsInTheStore loads three registries in three formats, late and
// repeated files among them, and holds the release against the truth.
func TestThreeFormatsInTheStore(t *testing.T) {
	// Before the vaccines of 2023-24: what they complete is not the formats' matter.
	cfg := synth.Config{Seed: 41, Rows: size(3_000, 12_000, 200_000), Through: "2023-08-31", Defects: synth.DefaultDefects(), Formats: threeFormats}
	dir := t.TempDir()
	truth, err := synth.Write(t.Context(), filepath.Join(dir, "in"), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if differs := loaded(t, dir, truth, false); len(differs) > 0 {
		t.Errorf("the deliveries make another release than the truth: %v", differs)
	}
	if differs := loaded(t, dir, truth, true); len(differs) > 0 {
		t.Errorf("with the full export instead: %v", differs)
	}
}

// loaded loads a world into a store of its own, releases it and lists what
// differs from the truth. With full, a FHIR server's registry comes as its full
// export alone.
func loaded(t *testing.T, dir string, truth *synth.Truth, full bool) []string {
	t.Helper()
	e := &env{data: filepath.Join(t.TempDir(), "data"), out: io.Discard, err: io.Discard, now: time.Now}
	if err := e.readConfig(nil); err != nil {
		t.Fatal(err)
	}
	b, err := e.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	var differs []string
	err = e.writing(t.Context(), "test", b, func(w *duckdb.DB) error {
		rep, err := e.load(t.Context(), b, w, asDelivered(t, filepath.Join(dir, "in"), truth, full)...)
		if err != nil {
			return err
		}
		if n := rep.Totals; !full && (n.Rejects != int64(truth.Totals.Rejected) || n.Records != int64(truth.Totals.Records)) {
			t.Errorf("%d records and %d rejects, the truth has %d and %d", n.Records, n.Rejects, truth.Totals.Records, truth.Totals.Rejected)
		}
		m, err := e.buildFrom(t.Context(), b, w, 0)
		if err != nil {
			return err
		}
		found, err := w.Check(t.Context())
		if len(found) > 0 {
			t.Errorf("invariants: %v", found)
		}
		if err == nil {
			differs, err = e.compare(t.Context(), b, m.ID, truth)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return differs
}

// asDelivered loads the files in the order of delivery, an export as a zip of its
// files under its own name.
func asDelivered(t *testing.T, in string, truth *synth.Truth, full bool) (reqs []pipelines.Request) {
	t.Helper()
	action := map[string]string{"": "A", "add": "A", "update": "U", "delete": "D"}
	files := map[string]synth.File{}
	for _, f := range truth.Files {
		files[f.Path] = f
	}
	for _, path := range truth.Delivery {
		f := files[path]
		if full && f.Format == synth.FHIR {
			continue
		}
		at := filepath.Join(in, filepath.FromSlash(path))
		if f.Format == synth.FHIR {
			at = zipped(t, at)
		}
		reqs = append(reqs, pipelines.Request{Registry: f.Registry, Format: cmp.Or(f.Format, synth.CVRS), Action: action[f.Action], Limit: 1, Paths: []string{at}})
	}
	for registry, path := range truth.Full {
		if full {
			reqs = append(reqs, pipelines.Request{Registry: registry, Format: synth.FHIR, Action: "A", Limit: 1, Paths: []string{zipped(t, filepath.Join(in, path))}})
		}
	}
	return reqs
}

// zipped packs a folder; the same files make the same bytes.
func zipped(t *testing.T, dir string) string {
	t.Helper()
	f, err := os.Create(dir + ".zip")
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	parts, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		w, err := z.Create(filepath.Base(p))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
