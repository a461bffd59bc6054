package synth

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

// TestPlant: the same bytes each time, a Latino of the sender's becomes another,
// the day is gone, and its rows that come again have ids of their own.
func TestPlant(t *testing.T) {
	cfg := Config{Seed: 2, Rows: 20_000, Defects: DefaultDefects()}
	read := func(all []Disaster) (*Truth, []byte) {
		dir := t.TempDir()
		truth, err := Write(t.Context(), dir, cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := Plant(t.Context(), dir, truth, all); err != nil {
			t.Fatal(err)
		}
		var text []byte
		for _, f := range truth.Files {
			b, err := os.ReadFile(filepath.Join(dir, f.Path))
			if err != nil || bytes.Count(b, []byte("\n")) != f.Records+1 {
				t.Fatalf("%s: %d lines, the truth says %d records; %v", f.Path, bytes.Count(b, []byte("\n")), f.Records, err)
			}
			text = append(text, b...)
		}
		return truth, text
	}
	all := Disasters("CAIR2")
	truth, text := read(all)
	if _, again := read(all); !bytes.Equal(text, again) || len(truth.Disasters) != 7 {
		t.Error("planted twice, the files differ")
	}
	_, clean := read(nil)
	ids := map[string]bool{}
	for line := range bytes.Lines(clean) {
		ids[string(line[:bytes.IndexByte(line, '\t')])] = true
	}
	resent := 0
	for line := range bytes.Lines(text) {
		cells := bytes.Split(line, []byte{'\t'})
		if len(cells) < 45 {
			continue
		}
		if date := string(cells[cvrsAdminDate]); date == "2021-04-07" && cells[cvrsPIN] != nil && bytes.HasPrefix(cells[0], []byte("C")) {
			t.Errorf("a row of the missing day: %s", cells[0])
		}
		if !ids[string(cells[0])] {
			resent++
		}
	}
	if resent < 10 {
		t.Errorf("%d rows under new ids", resent)
	}
	if err := Plant(t.Context(), t.TempDir(), truth, Disasters("NONE")); !errors.Is(err, dose.ErrInvalid) {
		t.Errorf("a registry that is not there: %v", err)
	}
}
