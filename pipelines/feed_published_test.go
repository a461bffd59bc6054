package pipelines

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/dosebook/dosebook/extract"
)

// A published table is kept under its name and is no part of the log; a newer
// one takes its place.
func TestPublishedTablesAreKept(t *testing.T) {
	dir := t.TempDir()
	s := newStand(t, dir)
	s.List[0].Format = Published
	for run, text := range []string{"county,doses\nYolo,1\n", "county,doses\nYolo,2\n"} {
		s.src.fetch = func(dir, mark string) (extract.Fetched, error) {
			path := filepath.Join(dir, "brought")
			err := os.WriteFile(path, []byte(text), 0o600)
			return extract.Fetched{Mark: mark + "+", Payloads: []extract.Payload{{Path: path, Name: "by-county.csv"}}}, err
		}
		if o, err := s.Run(t.Context(), "north"); err != nil || o.State != "ok" {
			t.Fatalf("run %d: %+v, %v", run, o, err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "feeds", "north", Published, "by-county.csv"))
		if err != nil || string(got) != text {
			t.Errorf("run %d kept %q, %v", run, got, err)
		}
	}
	if mark, _, err := s.Book.mark(t.Context(), "north"); mark != "++" || err != nil {
		t.Errorf("mark %q, %v", mark, err)
	}
	l := Ledger{s.Book.db}
	if seq, err := l.Position(t.Context()); seq != 0 || err != nil {
		t.Errorf("the ledger stands at %d, %v", seq, err)
	}
}
