package loadtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/load"
)

// Log is a ledger in memory over a lake on disk.
type Log struct {
	Lake    load.Lake
	entries []load.Entry
	rows    map[int64][]Row // by seq of a segment
	files   map[int64][]load.File
}

// NewLog starts a log with an empty lake in dir.
func NewLog(dir string) *Log {
	return &Log{Lake: load.Lake{Dir: dir}, rows: map[int64][]Row{}, files: map[int64][]load.File{}}
}

// Last is the seq of the last entry.
func (l *Log) Last() int64 { return int64(len(l.entries)) }

// Add writes a segment of rows and enters it. Its name is made of its seq, so
// that equal rows may come again as another payload.
func (l *Log) Add(t testing.TB, registry, action string, source int64, rows ...Row) load.Entry {
	t.Helper()
	return l.Split(t, registry, action, source, len(rows), rows...)
}

// Split is Add with row groups of perGroup rows.
func (l *Log) Split(t testing.TB, registry, action string, source int64, perGroup int, rows ...Row) load.Entry {
	t.Helper()
	e := load.Entry{Seq: l.Last() + 1, Registry: registry, Action: action, SourceTime: source, Rows: int64(len(rows))}
	e.Segment = load.SegmentID(fmt.Sprintf("%064x", e.Seq)[48:], action)
	s, err := l.Lake.Begin(registry, e.Segment)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	for at := 0; at < len(rows); at += perGroup {
		b := Batch(t, registry, int64(at)+2, rows[at:min(at+perGroup, len(rows))]...)
		err := s.Write(b, nil, nil)
		b.Release()
		if err != nil {
			t.Fatal(err)
		}
	}
	if l.files[e.Seq], err = s.Commit(registry, e.Segment); err != nil {
		t.Fatal(err)
	}
	l.entries = append(l.entries, e)
	l.rows[e.Seq] = rows
	return e
}

// Retime enters that the segment of entry seq has an earlier source time.
func (l *Log) Retime(seq, source int64) {
	e := l.entries[seq-1]
	e.Seq, e.Retime, e.SourceTime = l.Last()+1, true, source
	l.entries = append(l.entries, e)
}

// Entries returns the entries after from, up to and including to.
func (l *Log) Entries(from, to int64) []load.Entry {
	return append([]load.Entry(nil), l.entries[from:to]...)
}

// Known returns the segments up to and including to, each with the source time
// that counts there: the earliest of its own entry and its retimes.
func (l *Log) Known(to int64) []load.Entry {
	var out []load.Entry
	at := map[string]int{}
	for _, e := range l.entries[:to] {
		k := e.Registry + "/" + e.Segment
		if i, ok := at[k]; ok && e.Retime {
			out[i].SourceTime = min(out[i].SourceTime, e.SourceTime)
			continue
		}
		at[k] = len(out)
		out = append(out, e)
	}
	return out
}

// show lists a registry's entries and rows, for a test that fails.
func (l *Log) show(registry string) string {
	var b strings.Builder
	for _, e := range l.entries {
		if e.Registry != registry {
			continue
		}
		if e.Retime {
			fmt.Fprintf(&b, "  %d: %s %s from %d on\n", e.Seq, e.Registry, e.Segment, e.SourceTime)
			continue
		}
		fmt.Fprintf(&b, "  %d: %s %s, action %s, time %d\n", e.Seq, e.Registry, e.Segment, e.Action, e.SourceTime)
		for i, r := range l.rows[e.Seq] {
			fmt.Fprintf(&b, "     %d: %+v\n", i, r)
		}
	}
	return b.String()
}
