// Package loadtest is the suite that every warehouse passes, and what tests
// need to fill a lake: rows, segments and a log in memory.
//
// It promises that what it expects is found by maps and sorting over all rows,
// never by SQL and never by what a warehouse kept. No program imports it.
package loadtest

import (
	"context"
	"fmt"
	"testing"

	"github.com/dosebook/dosebook/load"
)

// Store is a warehouse whose state a test can see.
type Store interface {
	load.Warehouse
	// Check returns the invariants that do not hold, with their counts.
	Check(ctx context.Context) (map[string]int64, error)
	// Current returns the version that counts of every key, tombstones
	// included, in any order.
	Current(ctx context.Context) ([]Version, error)
}

// Version is the version of an event that counts, and what follows from it.
type Version struct {
	Registry, ID     string
	SourceTime       int64
	Place            int64
	Born             int64
	Tombstone        bool
	Recip            int64
	Day, CVX         int32 // 0: null
	County, City     int32
	AdminCounty      int32 // 0: null
	Countable        bool
	Content          int64
	Derived, Primary bool
	Person, Dose     int64
	Ordinal, Full    int32 // 0: null
}

// TestWarehouse runs the suite. open makes an empty warehouse that follows
// lake; the suite closes it.
func TestWarehouse(t *testing.T, open func(t *testing.T, lake load.Lake) Store) {
	s := suite{open}
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s.run(t, c)
		})
	}
	t.Run("the series rule", s.series)
	t.Run("a failed Apply changes nothing", s.failing)
	t.Run("a cancelled Apply changes nothing", s.cancelled)
	t.Run("any set, cut anyhow", s.random)
}

type suite struct {
	open func(t *testing.T, lake load.Lake) Store
}

func (s suite) store(t *testing.T, l *Log) Store {
	t.Helper()
	w := s.open(t, l.Lake)
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// apply brings w to position to, in one call.
func apply(t *testing.T, w Store, l *Log, to int64) []load.Effect {
	t.Helper()
	at, err := w.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	effects, err := w.Apply(t.Context(), l.Entries(at, to), l.Known(to))
	if err != nil {
		t.Fatal(err)
	}
	if at, err = w.Position(t.Context()); err != nil || at != to {
		t.Fatalf("position %d, %v after entries to %d", at, err, to)
	}
	return effects
}

// same compares the whole state with what the log says at position to.
func same(t *testing.T, w Store, l *Log, to int64) {
	t.Helper()
	got, err := w.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d, where := differ(got, l.Expect(to)); d != "" {
		t.Fatalf("at entry %d: %s\n%s", to, d, l.show(where))
	}
	if bad, err := w.Check(t.Context()); err != nil || len(bad) > 0 {
		t.Fatalf("at entry %d: invariants broken: %v, %v", to, bad, err)
	}
}

// differ says where two states differ, and in which registry, or nothing.
func differ(got, want []Version) (what, where string) {
	sortVersions(got)
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got) || i < len(want) && less(want[i], got[i]):
			return fmt.Sprintf("missing\n  want %+v", want[i]), want[i].Registry
		case i >= len(want) || less(got[i], want[i]):
			return fmt.Sprintf("too much\n  got  %+v", got[i]), got[i].Registry
		case got[i] != want[i]:
			return fmt.Sprintf("another version counts\n  got  %+v\n  want %+v", got[i], want[i]), got[i].Registry
		}
	}
	return "", ""
}

// sameEffects compares what segments did with what the log says they do.
func sameEffects(t *testing.T, l *Log, got []load.Effect) {
	t.Helper()
	want := l.effects()
	for _, g := range got {
		e := l.entries[g.Seq-1]
		if n := g.Adds + g.Updates + g.Deletes + g.Unchanged; n != e.Rows {
			t.Errorf("entry %d: adds + updates + deletes + unchanged = %d of %d events", g.Seq, n, e.Rows)
		}
		if fmt.Sprint(g) != fmt.Sprint(want[g.Seq]) {
			t.Fatalf("entry %d did\n  got  %+v\n  want %+v\n%s", g.Seq, g, want[g.Seq], l.show(e.Registry))
		}
	}
}
