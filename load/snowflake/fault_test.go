//go:build !nosnowflake

package snowflake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/loadtest"
)

// twoLoads is a log whose second entry changes, deletes and adds.
func twoLoads(t testing.TB) *loadtest.Log {
	t.Helper()
	l := loadtest.NewLog(filepath.Join(t.TempDir(), "lake"))
	row := func(id string, change func(*loadtest.Row)) loadtest.Row {
		r := loadtest.Row{ID: id, Recip: "r" + id, Day: 18700, CVX: 208, County: "06001", Given: "06001", Name: "same"}
		change(&r)
		return r
	}
	as := func(*loadtest.Row) {}
	l.Add(t, "CAIR2", "A", 10, row("1", as), row("2", as), row("3", as))
	l.Add(t, "CAIR2", "U", 20, row("1", func(r *loadtest.Row) { r.CVX = 207 }), row("2", func(r *loadtest.Row) { r.Tombstone = true }),
		row("4", func(r *loadtest.Row) { r.Recip = "r3"; r.Day += 21 }))
	return l
}

// is compares the state with what the log says at position to.
func is(t testing.TB, d *DB, l *loadtest.Log, to int64) {
	t.Helper()
	at, err := d.Position(t.Context())
	if err != nil || at != to {
		t.Fatalf("position %d, %v; want %d", at, err, to)
	}
	got, err := store{d}.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := func(all []loadtest.Version) (out []string) {
		for _, v := range all {
			out = append(out, fmt.Sprintf("%+v", v))
		}
		slices.Sort(out)
		return out
	}
	if g, w := text(got), text(l.Expect(to)); !slices.Equal(g, w) {
		t.Fatalf("at entry %d the store has\n%v\nwant\n%v", to, g, w)
	}
	if bad, err := d.Check(t.Context()); err != nil || len(bad) > 0 {
		t.Fatalf("at entry %d: %v, %v", to, bad, err)
	}
	for table, want := range map[string]int64{"segment_row": int64(3 * to), "load_run": to, "position": 1, "load_lease": 1} {
		if n := count(t, d, "SELECT COUNT(*) AS N FROM "+table); n != want {
			t.Errorf("%s has %d rows, want %d", table, n, want)
		}
	}
	if n := count(t, d, "SELECT COUNT(*) AS N FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = CURRENT_SCHEMA() AND STARTSWITH(TABLE_NAME, 'LAND_')"); n != 0 {
		t.Errorf("%d landing tables are left", n)
	}
}

func count(t testing.TB, d *DB, query string) int64 {
	t.Helper()
	s, err := d.own(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.number(t.Context(), "count", query)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// outside holds that the next statement on the pool starts outside any
// transaction: within one, the emulator refuses BEGIN.
func outside(t testing.TB, d *DB) {
	t.Helper()
	s, err := d.own(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	other, err := d.session(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*session{s, other} {
		for _, statement := range []string{"BEGIN", "ROLLBACK"} {
			if _, err := s.exec(t.Context(), statement, statement); err != nil {
				t.Fatalf("the connection is inside a transaction: %v", err)
			}
		}
	}
	if err := other.close(); err != nil {
		t.Fatal(err)
	}
}

func long() bool { return os.Getenv("DOSEBOOK_TEST_LONG") == "1" }

// hooks are how many times an application of the second entry calls after.
func hooks(t testing.TB, c Config, l *loadtest.Log) int {
	t.Helper()
	d := openAt(t, c, l.Lake, Options{})
	defer d.Close()
	apply(t, d, l, 1)
	n := 0
	d.after = func(string) { n++ }
	apply(t, d, l, 2)
	return n
}

func apply(t testing.TB, d *DB, l *loadtest.Log, to int64) {
	t.Helper()
	if _, err := d.Apply(t.Context(), l.Entries(to-1, to), l.Known(to)); err != nil {
		t.Fatal(err)
	}
	is(t, d, l, to)
}

// TestCancelled: a load that is cancelled at 6 instants (30 in the long run),
// between statements and inside them, leaves all as it was, no transaction, no lease; the next one
// goes on.
func TestCancelled(t *testing.T) {
	f := shared(t)
	l := twoLoads(t)
	n := hooks(t, config(f), l)
	d := openAt(t, config(f), l.Lake, Options{})
	defer d.Close()
	apply(t, d, l, 1)
	instants := 6
	if long() {
		instants = 30
	}
	for i := range instants {
		ctx, cancel := context.WithCancel(t.Context())
		at, seen, where := i*(n-2)/instants, 0, ""
		d.after = func(step string) {
			if seen++; seen-1 != at {
				return
			}
			where = step
			if i%2 == 0 {
				cancel()
				return
			}
			time.AfterFunc(time.Duration(i)*200*time.Microsecond, cancel)
		}
		_, err := d.Apply(ctx, l.Entries(1, 2), l.Known(2))
		cancel()
		d.after = func(string) {}
		if err == nil {
			if pos, _ := d.Position(t.Context()); pos == 2 && i%2 == 1 {
				t.Logf("instant %d: the load was faster", i)
				return
			}
			t.Fatalf("instant %d, after %q: the load went on without its context", i, where)
		}
		if errors.Is(err, dose.ErrInvalid) {
			t.Errorf("instant %d: %v is no mistake of the user", i, err)
		}
		outside(t, d)
		is(t, d, l, 1)
		t.Logf("instant %d: cancelled after step %d, %q", i, at, where)
	}
	apply(t, d, l, 2)
}

// TestTwoLoaders: of two loads of one run at once, one counts.
func TestTwoLoaders(t *testing.T) {
	f := shared(t)
	times := 2
	if long() {
		times = 50
	}
	l := twoLoads(t)
	won, neither := 0, 0
	defer func() { t.Logf("%d races: one loaded in %d, neither in %d", won+neither, won, neither) }()
	for i := range times {
		c := config(f)
		a := openAt(t, c, l.Lake, Options{})
		b := openAt(t, c, l.Lake, Options{})
		apply(t, a, l, 1)
		if i%2 == 1 { // as if the lease had run out: the position keeps them apart
			a.lease, b.lease = -time.Hour, -time.Hour
		}
		var errs [2]error
		var wg sync.WaitGroup
		for k, d := range []*DB{a, b} {
			wg.Go(func() { _, errs[k] = d.Apply(t.Context(), l.Entries(1, 2), l.Known(2)) })
		}
		wg.Wait()
		if errs[0] != nil && errs[1] != nil && i%2 == 0 {
			t.Fatalf("neither loaded: %v; %v", errs[0], errs[1])
		}
		if errs[0] == nil && errs[1] == nil {
			t.Fatal("both say that they loaded")
		}
		if errs[0] == nil || errs[1] == nil {
			won++
		} else {
			neither++
		}
		t.Logf("race %d: %v; %v", i, errs[0], errs[1])
		for _, d := range []*DB{a, b} {
			if at, err := d.Position(t.Context()); err != nil {
				t.Fatal(err)
			} else if at == 1 {
				a.lease = time.Hour
				apply(t, a, l, 2)
			}
			is(t, d, l, 2)
			outside(t, d)
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestLease: a loader that died keeps others out for as long as the lease says.
func TestLease(t *testing.T) {
	f := shared(t)
	l := twoLoads(t)
	now := time.Now()
	d := openAt(t, config(f), l.Lake, Options{Lease: time.Hour, Now: func() time.Time { return now }})
	defer d.Close()
	s, err := d.own(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.hold(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Apply(t.Context(), l.Entries(0, 1), l.Known(1)); !errors.Is(err, dose.ErrLocked) {
		t.Fatalf("%v is not dose.ErrLocked", err)
	}
	now = now.Add(time.Hour + time.Second)
	apply(t, d, l, 1)
	h, err := d.hold(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(30 * time.Minute)
	if err := h.keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := count(t, d, fmt.Sprintf("SELECT UNTIL_AT - %d AS N FROM LOAD_LEASE", now.UnixMicro())); left != time.Hour.Microseconds() {
		t.Errorf("the lease has %d µs left", left)
	}
	if err := h.release(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestSame: entries that were applied are not applied again, and entries that
// are not the next are refused.
func TestSame(t *testing.T) {
	f := shared(t)
	l := twoLoads(t)
	d := openAt(t, config(f), l.Lake, Options{})
	defer d.Close()
	if _, err := d.Apply(t.Context(), l.Entries(1, 2), l.Known(2)); !errors.Is(err, dose.ErrLocked) {
		t.Errorf("entry 2 before entry 1: %v", err)
	}
	apply(t, d, l, 1)
	if _, err := d.Apply(t.Context(), l.Entries(0, 1), l.Known(1)); !errors.Is(err, dose.ErrLocked) {
		t.Errorf("entry 1 again: %v", err)
	}
	is(t, d, l, 1)
	if e, err := d.Apply(t.Context(), nil, l.Known(1)); e != nil || err != nil {
		t.Errorf("nothing to apply: %v, %v", e, err)
	}
	var _ load.Warehouse = d
}
