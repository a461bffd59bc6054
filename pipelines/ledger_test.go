package pipelines_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/control"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/pipelines"
)

var noon = time.Date(2021, 3, 10, 12, 0, 0, 0, time.UTC)

func newLedger(t *testing.T, dir string) *pipelines.Ledger {
	t.Helper()
	db, err := control.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return pipelines.NewLedger(db)
}

// sha is a made-up hash.
func sha(n int) string { return fmt.Sprintf("%016x%048x", n, 0) }

// arrive records an arrival; append enters its segment unless it is known.
type arrival struct {
	sha      int
	registry string
	action   string
	name     string
	time     int64
	known    bool // want
	skip     bool // the run is killed before the entry
}

func (a arrival) run(t *testing.T, l *pipelines.Ledger, at time.Time) {
	t.Helper()
	segment, known, err := l.Arrive(t.Context(), pipelines.Arrival{SHA256: sha(a.sha), Bytes: 5, Registry: a.registry,
		Action: a.action, Name: a.name, SourceTime: a.time, At: at})
	if err != nil {
		t.Fatal(err)
	}
	if want := load.SegmentID(sha(a.sha), a.action); segment != want || known != a.known {
		t.Fatalf("%s: segment %s, known %v; want %s, %v", a.name, segment, known, want, a.known)
	}
	if known || a.skip {
		return
	}
	k := &pipelines.Known{Entry: load.Entry{Registry: a.registry, Segment: segment, Action: a.action, Rows: 3}, SHA256: sha(a.sha),
		Name: a.name, Records: 4, Rejects: 1, Issues: map[string]int64{"DATA001": 2},
		Files: []load.File{{Path: "event.parquet", Bytes: 9, SHA256: sha(99), Rows: 3}}}
	k.Format = "cvrs"
	if err := l.Append(t.Context(), k, at); err != nil {
		t.Fatal(err)
	}
}

func TestLedger(t *testing.T) {
	received := noon.UnixMicro()
	for _, c := range []struct {
		name     string
		arrivals []arrival
		want     []string // seq registry segment action kind time, times after noon as +n
	}{
		{"a name says the time", []arrival{{1, "CAIR2", "A", "a", 50, false, false}, {2, "CAIR2", "A", "b", 40, false, false}},
			[]string{"1 CAIR2 1 A segment 50", "2 CAIR2 2 A segment 40"}},
		{"without one it is when it was received", []arrival{{1, "CAIR2", "A", "a", 0, false, false}}, []string{"1 CAIR2 1 A segment +0"}},
		{"when it was first received", []arrival{{1, "CAIR2", "A", "a", 0, false, true}, {1, "CAIR2", "A", "b", 0, false, false}},
			[]string{"1 CAIR2 1 A segment +0"}},
		{"the earliest of two names", []arrival{{1, "CAIR2", "A", "a", 50, false, true}, {1, "CAIR2", "A", "b", 60, false, false}},
			[]string{"1 CAIR2 1 A segment 50"}},
		{"known under another name", []arrival{{1, "CAIR2", "A", "a", 50, false, false}, {1, "CAIR2", "A", "a", 50, true, false},
			{1, "CAIR2", "A", "b", 60, true, false}, {1, "CAIR2", "A", "c", 0, true, false}}, []string{"1 CAIR2 1 A segment 50"}},
		{"a name that shows an earlier time", []arrival{{1, "CAIR2", "A", "a", 50, false, false}, {2, "CAIR2", "A", "z", 70, false, false},
			{1, "CAIR2", "A", "b", 40, true, false}, {1, "CAIR2", "A", "c", 45, true, false}, {1, "CAIR2", "A", "d", 30, true, false}},
			[]string{"1 CAIR2 1 A segment 50", "2 CAIR2 2 A segment 70", "3 CAIR2 1 A retime 40", "4 CAIR2 1 A retime 30"}},
		{"a name for a payload that had none", []arrival{{1, "CAIR2", "A", "a", 0, false, false}, {1, "CAIR2", "A", "b", 40, true, false}},
			[]string{"1 CAIR2 1 A segment +0", "2 CAIR2 1 A retime 40"}},
		{"as add, update and delete it is three", []arrival{{1, "CAIR2", "A", "a", 50, false, false}, {1, "CAIR2", "U", "u", 51, false, false},
			{1, "CAIR2", "D", "a", 52, false, false}, {1, "CAIR2", "D", "e", 52, true, false}},
			[]string{"1 CAIR2 1 A segment 50", "2 CAIR2 1-update U segment 51", "3 CAIR2 1-delete D segment 52"}},
		{"another registry's is its own", []arrival{{1, "CAIR2", "A", "a", 50, false, false}, {1, "SDIR", "A", "a", 60, false, false}},
			[]string{"1 CAIR2 1 A segment 50", "2 SDIR 1 A segment 60"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLedger(t, t.TempDir())
			for i, a := range c.arrivals {
				a.run(t, l, noon.Add(time.Duration(i)*time.Hour))
			}
			last, err := l.Position(t.Context())
			if err != nil || last != int64(len(c.want)) {
				t.Fatalf("position %d, %v, want %d", last, err, len(c.want))
			}
			entries, err := l.Since(t.Context(), 0, last)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range entries {
				got = append(got, show(e, received))
				if e.Rows != 3 {
					t.Errorf("entry %d has %d rows", e.Seq, e.Rows)
				}
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("entries\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func show(e load.Entry, received int64) string {
	kind, at := "segment", fmt.Sprint(e.SourceTime)
	if e.Retime {
		kind = "retime"
	}
	if e.SourceTime >= received {
		at = fmt.Sprintf("+%d", e.SourceTime-received)
	}
	return fmt.Sprintf("%d %s %s %s %s %s", e.Seq, e.Registry, strings.TrimLeft(e.Segment, "0"), e.Action, kind, at)
}

// TestLedgerAsOf: an earlier position answers as it did then.
func TestLedgerAsOf(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	l := newLedger(t, dir)
	for i, a := range []arrival{{1, "CAIR2", "A", "a", 50, false, false}, {2, "CAIR2", "D", "b", 60, false, false},
		{1, "CAIR2", "A", "c", 40, true, false}, {3, "SDIR", "A", "d", 10, false, false}} {
		a.run(t, l, noon.Add(time.Duration(i)*time.Hour))
	}
	for last, want := range map[int64]string{
		1: "1 CAIR2 1 A segment 50", 2: "1 CAIR2 1 A segment 50, 2 CAIR2 2-delete D segment 60",
		3: "1 CAIR2 1 A segment 40, 2 CAIR2 2-delete D segment 60",
		4: "1 CAIR2 1 A segment 40, 2 CAIR2 2-delete D segment 60, 4 SDIR 3 A segment 10",
	} {
		known, err := l.Segments(t.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		listed, err := l.List(t.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		var a, b []string
		for i := range known {
			a = append(a, show(known[i], noon.UnixMicro()))
			b = append(b, show(listed[i].Entry, noon.UnixMicro()))
		}
		if strings.Join(a, ", ") != want || strings.Join(b, ", ") != want {
			t.Errorf("at %d: %v and %v, want %s", last, a, b, want)
		}
	}
	all, err := newLedger(t, dir).List(t.Context(), 0) // opened again
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	if k := all[0]; k.SHA256 != sha(1) || k.Bytes != 5 || k.Name != "a" || k.Records != 4 || k.Rejects != 1 || k.Issues["DATA001"] != 2 ||
		k.Format != "cvrs" || len(k.Files) != 1 || k.Files[0].SHA256 != sha(99) || k.ReceivedAt != noon.UnixMicro() {
		t.Errorf("listed %+v", k)
	}
}

// TestFailedEntry: an entry that is refused leaves no gap.
func TestFailedEntry(t *testing.T) {
	l := newLedger(t, t.TempDir())
	first := arrival{1, "CAIR2", "A", "a", 50, false, false}
	first.run(t, l, noon)
	k := &pipelines.Known{Entry: load.Entry{Registry: "CAIR2", Segment: load.SegmentID(sha(1), "A"), Action: "A"}, SHA256: sha(1)}
	if err := l.Append(t.Context(), k, noon); err == nil {
		t.Fatal("a segment was entered twice")
	}
	arrival{2, "CAIR2", "A", "b", 60, false, false}.run(t, l, noon)
	if entries, err := l.Since(t.Context(), 0, 99); err != nil || len(entries) != 2 || entries[1].Seq != 2 {
		t.Errorf("%v, %v", entries, err)
	}
}
