package main

import (
	"path/filepath"
	"testing"

	"github.com/dosebook/dosebook/release"
)

// TestDemoPublicTablesAttacked attacks what the demo publishes, from the
// published files alone: no small count is shown, or bounded more narrowly
// than 1 to 10.
func TestDemoPublicTablesAttacked(t *testing.T) {
	t.Parallel()
	d, _ := shared(t)
	s, store := release.Public{Dir: filepath.Join(string(d), "public")}, release.Store{Dir: filepath.Join(string(d), "releases")}
	day, err := s.Latest()
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Attack(t.Context(), store, day)
	if err != nil || got.Small < 1000 || got.Told > 0 {
		t.Errorf("%+v %v", got, err)
	}
}
