package synth

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

// TestPlantMonth: the same month each time; its files hold what it says, behind
// the files that were there, and nobody is met twice.
func TestPlantMonth(t *testing.T) {
	const n = 5
	plant := func() (*Truth, []byte) {
		dir := t.TempDir()
		truth, err := Write(t.Context(), dir, Config{Seed: 5, Rows: 3000, Registries: []string{"CAIR2"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		was := len(truth.Delivery)
		if err := PlantMonth(t.Context(), dir, truth, n); err != nil {
			t.Fatal(err)
		}
		if truth.Month.From != was+1 || len(truth.Delivery) != was+4 {
			t.Fatalf("files from %d on, of %d, were %d", truth.Month.From, len(truth.Delivery), was)
		}
		var text []byte
		for _, f := range truth.Files[len(truth.Files)-4:] {
			b, err := os.ReadFile(filepath.Join(dir, f.Path))
			if err != nil || bytes.Count(b, []byte("\n")) != f.Records+1 || f.Records < n {
				t.Fatalf("%+v: %d lines, %v", f, bytes.Count(b, []byte("\n")), err)
			}
			text = append(text, b...)
		}
		return truth, text
	}
	truth, text := plant()
	if _, again := plant(); !bytes.Equal(text, again) {
		t.Error("planted twice, the month differs")
	}
	kinds := map[string]int{}
	for _, c := range truth.Month.Changes {
		kinds[c.Kind]++
		if !bytes.Contains(text, []byte(c.Event)) {
			if c.Kind != "merge" && c.Kind != "split" { // the first id's own dose is not sent again
				t.Errorf("%+v is in no file of the month", c)
			}
		}
	}
	for _, k := range monthKinds {
		if kinds[k.name] < n {
			t.Errorf("%s: %d changes", k.name, kinds[k.name])
		}
	}
	people := slices.Clone(truth.Month.People)
	slices.Sort(people)
	if got := len(slices.Compact(people)); got != len(truth.Month.People) || got != n*(len(monthKinds)+2) {
		t.Errorf("%d people, %d times met", got, len(truth.Month.People))
	}
	dir := t.TempDir()
	small, err := Write(t.Context(), dir, Config{Seed: 5, Rows: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := PlantMonth(t.Context(), dir, small, 50); !errors.Is(err, dose.ErrInvalid) {
		t.Errorf("too few people: %v", err)
	}
}
