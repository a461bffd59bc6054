package release

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release/suppress"
)

// plant makes the chain know that two of the three numbers of a row are out
// already, so that the third, which is small, follows from them.
func plant(t *testing.T, s Public, day string, coming *suppress.Table) {
	t.Helper()
	planted := false
	c, err := s.chain(day, publicRules())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range coming.Rows {
		if p, f := count(row[5]), count(row[6]); p < 1 || p > 10 || f <= 10 || row[0] == allCA {
			continue
		}
		known := append([]string{}, row...)
		known[5] = "0" // the sum of this row does not hold, and binds nothing
		cells, err := c.Publish([]*suppress.Table{nil, {Columns: coming.Columns, Rows: [][]string{known}, Lines: []int{2}}, nil})
		if err != nil {
			t.Fatal(err)
		}
		shown := func(k int) bool { return c.System.Cells[cells[byCountyDemographic][0][k]].State == suppress.Shown }
		if shown(1) && shown(2) {
			planted = true
			break
		}
	}
	var text bytes.Buffer
	z := gzip.NewWriter(&text)
	if err := errors.Join(c.Keep(z), z.Close(), os.WriteFile(s.chainPath(day), text.Bytes(), 0o600)); err != nil || !planted {
		t.Fatal("nothing to plant", err)
	}
	path := filepath.Join(s.Dir, day, manifestName)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m PublicManifest
	if err := json.Unmarshal(old, &m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(old, []byte(m.Chain), []byte(hashHex(text.Bytes()))), 0o600); err != nil {
		t.Fatal(err)
	}
}

// heldWeek publishes a week, and has the next one held by a planted pin.
func heldWeek(t *testing.T) (Public, Store, string) {
	t.Helper()
	dir := t.TempDir()
	store, s := Store{Dir: filepath.Join(dir, "releases")}, Public{Dir: filepath.Join(dir, "public")}
	first, second := time.Date(2021, 3, 16, 12, 0, 0, 0, time.UTC), "000002-0000000a"
	world(t, store, "000001-0000000a", first, 0)
	m, err := s.Publish(t.Context(), store, "000001-0000000a", DefaultPublic(), nil)
	if err != nil {
		t.Fatal(err)
	}
	world(t, store, second, first.AddDate(0, 0, 7), 1)
	tables, err := publicTables(t.Context(), filepath.Join(store.Dir, second), first)
	if err != nil {
		t.Fatal(err)
	}
	plant(t, s, m.ID, tables[byCountyDemographic])
	if m, err := s.Publish(t.Context(), store, second, DefaultPublic(), nil); m != nil || !errors.Is(err, dose.ErrHeld) || !strings.Contains(err.Error(), "by_county_demographic waits for a steward") {
		t.Fatalf("%v %v", m, err)
	}
	return s, store, second
}

// TestHeldTable has one table held by a planted pin. It stands in the record;
// put off by a steward, the others go out, proven, and it stays as it was.
func TestHeldTable(t *testing.T) {
	s, store, second := heldWeek(t)
	h, err := s.Held()
	if err != nil || h.Day != "2021-03-16" || h.Release != second || len(h.Tables) != 1 || h.Tables[0].Name != "by_county_demographic" {
		t.Fatalf("%+v %v", h, err)
	}
	d := Decision{Status: Later, By: "ana", Reason: "next week"}
	for name, c := range map[string]struct {
		table string
		d     Decision
		want  error
	}{
		"another table": {"by_county", d, dose.ErrNotFound},
		"no reason":     {"by_county_demographic", Decision{Status: Later, By: "ana"}, dose.ErrInvalid},
		"unproven":      {"by_county_demographic", Decision{Status: Ready, By: "ana", Reason: "now"}, dose.ErrInvalid},
	} {
		if _, err := s.Decide(c.table, c.d, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if h, err = s.Decide("by_county_demographic", d, nil); err != nil {
		t.Fatal(err)
	}
	m, err := s.Retry(t.Context(), store, h, nil)
	if err != nil || m == nil || !m.Tables[byCountyDemographic].Held || m.Tables[byCounty].Held || m.Tables[byCounty].Counts == 0 {
		t.Fatalf("%+v %v", m, err)
	}
	read := func(day, name string) string {
		text, err := os.ReadFile(filepath.Join(s.Dir, day, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if read(m.ID, "by_county_demographic.csv") != read(m.Previous, "by_county_demographic.csv") || read(m.ID, "by_county.csv") == read(m.Previous, "by_county.csv") {
		t.Error("the held table went out, or another did not")
	}
	if log := read(m.ID, "changes.csv"); !strings.Contains(log, "by_county_demographic,,,,,held: ") {
		t.Error("the change log has no word of it")
	}
	if _, err := s.Held(); !errors.Is(err, dose.ErrNotFound) {
		t.Errorf("still held: %v", err)
	}
	if p, err := VerifyDir(filepath.Join(s.Dir, m.ID), nil); err != nil || len(p.Bad) > 0 {
		t.Errorf("%v %v", p, err)
	}
	if got, err := s.Attack(t.Context(), store, m.ID); err != nil || got.Told > 0 || got.Small == 0 {
		t.Errorf("%+v %v", got, err)
	}
}

// TestHeldDayWaits denies: nothing of that day goes out, also not on another try.
func TestHeldDayWaits(t *testing.T) {
	s, store, second := heldWeek(t)
	h, err := s.Decide("by_county_demographic", Decision{Status: Wait, By: "ana", Reason: "all or nothing"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if m, err := s.Retry(t.Context(), store, h, nil); m != nil || !errors.Is(err, dose.ErrHeld) || !strings.Contains(err.Error(), "all or nothing") {
			t.Errorf("%v %v", m, err)
		}
		if m, err := s.Publish(t.Context(), store, second, DefaultPublic(), nil); m != nil || !errors.Is(err, dose.ErrHeld) {
			t.Errorf("%v %v", m, err)
		}
	}
	if day, err := s.Latest(); err != nil || day != "2021-03-09" {
		t.Errorf("%s %v", day, err)
	}
}
