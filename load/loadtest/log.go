package loadtest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/zeebo/xxh3"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// ID is an event, recipient or organisation in its registry.
type ID struct{ Registry, ID string }

func (i ID) key() int64 { return idKey(i.Registry, i.ID) }

// Link is one row of a crosswalk (A is B now), or of decisions.
type Link struct {
	Entity  string
	A, B    ID
	Verdict string // of a decision
}

// Payload is what arrives once: rows, or the links of a crosswalk or of
// decisions, or the news that an earlier one is older than was known.
type Payload struct {
	Name             string // names the segment; empty: made of its seq
	Registry, Action string
	Time             int64
	Rows             []Row
	Format           string // load.Crosswalk or load.Decision, with Links
	Links            []Link
	Retime           string // name of an earlier payload, which is as old as Time
}

// Log is a ledger in memory over a lake on disk.
type Log struct {
	Lake    load.Lake
	Rules   Rules
	From    int64 // added to the times of payloads
	entries []load.Entry
	held    map[int64]Payload // by seq of a segment
	byName  map[string]int64
}

// Rules are the choices that a warehouse is opened with (docs/MATCHING.md).
type Rules struct {
	ComponentLimit, ApartDays int
	SameDayOtherLot           string
}

func defaults() Rules { return Rules{20, 14, "same"} }

// NewLog starts a log with an empty lake in dir.
func NewLog(dir string) *Log {
	return &Log{Lake: load.Lake{Dir: dir}, Rules: defaults(), held: map[int64]Payload{}, byName: map[string]int64{}}
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
	return l.enter(t, Payload{Registry: registry, Action: action, Time: source, Rows: rows}, perGroup)
}

// Enter enters a payload. A segment that another log of the same lake has
// written under this name is taken as it is.
func (l *Log) Enter(t testing.TB, p Payload) load.Entry {
	t.Helper()
	if p.Retime != "" {
		l.Retime(l.byName[p.Retime], p.Time)
		return l.entries[l.Last()-1]
	}
	return l.enter(t, p, len(p.Rows))
}

func (l *Log) enter(t testing.TB, p Payload, perGroup int) load.Entry {
	t.Helper()
	e := load.Entry{Seq: l.Last() + 1, Registry: p.Registry, Action: p.Action, Format: p.Format, SourceTime: l.From + p.Time, Rows: int64(len(p.Rows))}
	sum := fmt.Sprintf("%064x", e.Seq)[48:]
	if p.Name != "" {
		sum = fmt.Sprintf("%016x", xxh3.HashString(p.Name))
		l.byName[p.Name] = e.Seq
	}
	e.Segment = load.SegmentID(sum, p.Action)
	folder, err := l.Lake.Folder(e.Registry, e.Segment)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); err != nil {
		l.write(t, e, p, perGroup)
	}
	l.entries = append(l.entries, e)
	l.held[e.Seq] = p
	return e
}

func (l *Log) write(t testing.TB, e load.Entry, p Payload, perGroup int) {
	t.Helper()
	if p.Format != "" {
		if _, err := l.Lake.WriteInput(e.Registry, e.Segment, linkColumns(p.Format), linkBatch(p)); err != nil {
			t.Fatal(err)
		}
		return
	}
	s, err := l.Lake.Begin(e.Registry, e.Segment)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	for at := 0; at < len(p.Rows); at += perGroup {
		b := Batch(t, e.Registry, int64(at)+2, p.Rows[at:min(at+perGroup, len(p.Rows))]...)
		err := s.Write(b, nil, nil)
		b.Release()
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Commit(e.Registry, e.Segment); err != nil {
		t.Fatal(err)
	}
}

// linkColumns are the columns of a crosswalk or of decisions that a warehouse
// reads (package pipelines writes them).
func linkColumns(format string) []dose.Column {
	if format == load.Decision {
		return []dose.Column{{Name: "entity"}, {Name: "a", Type: dose.Big}, {Name: "b", Type: dose.Big}, {Name: "verdict"}}
	}
	return []dose.Column{{Name: "entity"}, {Name: "old_registry"}, {Name: "old_id", Type: dose.LongTxt}, {Name: "old_key", Type: dose.Big},
		{Name: "new_registry"}, {Name: "new_id", Type: dose.LongTxt}, {Name: "new_key", Type: dose.Big}}
}

func linkBatch(p Payload) arrow.RecordBatch {
	cols := linkColumns(p.Format)
	b := array.NewRecordBuilder(memory.DefaultAllocator, dose.Schema(cols))
	defer b.Release()
	for _, k := range p.Links {
		text := map[string]string{"entity": k.Entity, "verdict": k.Verdict, "old_registry": k.A.Registry, "old_id": k.A.ID, "new_registry": k.B.Registry, "new_id": k.B.ID}
		keys := map[string]int64{"a": k.A.key(), "b": k.B.key(), "old_key": k.A.key(), "new_key": k.B.key()}
		for i, c := range cols {
			switch f := b.Field(i).(type) {
			case *array.Int64Builder:
				f.Append(keys[c.Name])
			case *array.StringBuilder:
				f.Append(text[c.Name])
			case *array.BinaryDictionaryBuilder:
				_ = f.AppendString(text[c.Name]) // fails only on types that a text never is
			}
		}
	}
	return b.NewRecordBatch()
}

// Retime enters that the segment of entry seq has an earlier source time.
func (l *Log) Retime(seq, source int64) {
	e := l.entries[seq-1]
	e.Seq, e.Retime, e.SourceTime = l.Last()+1, true, l.From+source
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
		for i, r := range l.held[e.Seq].Rows {
			fmt.Fprintf(&b, "     %d: %+v\n", i, r)
		}
		for _, k := range l.held[e.Seq].Links {
			fmt.Fprintf(&b, "     %s %s\n", e.Format, fmt.Sprint(k))
		}
	}
	return b.String()
}
