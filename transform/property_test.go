package transform

import (
	"maps"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
)

// outcome is what became of one raw line, told without batch or encoding.
type outcome struct {
	cells  map[string]string
	reject dose.Reject
	issues []dose.Issue
}

func outcomes(t *testing.T, rows []row, w way, size int) map[int64]outcome {
	t.Helper()
	return outcomesBy(t, New(Options{Registry: "CAIR2", Today: 20000}), rows, w, size)
}

func outcomesOf(t *testing.T, m *Mapper, rows []row, w way) map[int64]outcome {
	return outcomesBy(t, m, rows, w, len(rows))
}

// same compares two outcomes.
func same(g, o outcome) bool {
	return maps.Equal(g.cells, o.cells) && g.reject.Check == o.reject.Check && g.reject.Field == o.reject.Field && slices.Equal(g.issues, o.issues)
}

func outcomesBy(t *testing.T, m *Mapper, rows []row, w way, size int) map[int64]outcome {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	out := map[int64]outcome{}
	for from := 0; from < len(rows); from += size {
		part := rows[from:min(from+size, len(rows))]
		raw := batch(mem, part, w, from+2)
		res, err := m.Apply(raw)
		if err != nil {
			t.Fatal(err)
		}
		raw.Release()
		if got := int(res.Events.NumRows()) + len(res.Rejects); got != len(part) || int64(res.Events.Schema().NumFields()) != res.Events.NumCols() {
			t.Fatalf("%d rows became %d", len(part), got)
		}
		for i, a := range res.Events.Columns() {
			if a.Len() != int(res.Events.NumRows()) || !arrow.TypeEqual(a.DataType(), res.Events.Schema().Field(i).Type) {
				t.Fatalf("%s has %d rows of %s", res.Events.ColumnName(i), a.Len(), a.DataType())
			}
		}
		for _, r := range res.Rejects {
			if want := int64(from + 2 + int(r.Row)); r.Line != want {
				t.Fatalf("reject of line %d says %d", want, r.Line)
			}
			r.Row = 0
			out[r.Line] = outcome{reject: r}
		}
		for i, cells := range cellsOf(res.Events) {
			line := int64(from + 2 + i)
			if res.RawRow != nil {
				line = int64(from+2) + int64(res.RawRow[i])
			}
			out[line] = outcome{cells: cells}
		}
		for _, is := range res.Issues {
			o := out[is.Line]
			is.Row = 0
			o.issues = append(o.issues, is)
			out[is.Line] = o
		}
		res.Events.Release()
	}
	mem.AssertSize(t, 0)
	return out
}

// What becomes of a row depends on the row, not on where its batch begins or
// how its columns are encoded.
func TestBoundariesAndEncodingDontMatter(t *testing.T) {
	for _, faults := range []bool{true, false} {
		rows := sample(200, faults)
		want := outcomes(t, rows, asDeclared, len(rows))
		if len(want) != len(rows) {
			t.Fatalf("%d outcomes of %d rows", len(want), len(rows))
		}
		for w := asDeclared; w <= withNulls; w++ {
			for _, size := range []int{1, 7, 64, 200} {
				got := outcomes(t, rows, w, size)
				for line, o := range want {
					g := got[line]
					if !same(g, o) {
						t.Fatalf("way %d, size %d, line %d:\n got %v\nwant %v", w, size, line, g, o)
					}
				}
			}
		}
	}
}

// A sliced batch gives what its rows give by themselves.
func TestSlicedBatch(t *testing.T) {
	rows := sample(300, true)
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	for _, w := range []way{asDeclared, allPlain, allDict, withNulls} {
		whole := batch(mem, rows, w, 2)
		part := whole.NewSlice(101, 222)
		alone := batch(mem, rows[101:222], w, 103)
		a, err := New(Options{Registry: "RIDE"}).Apply(part)
		if err != nil {
			t.Fatal(err)
		}
		b, err := New(Options{Registry: "RIDE"}).Apply(alone)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(cellsOf(a.Events), cellsOf(b.Events), maps.Equal) || !slices.Equal(a.Issues, b.Issues) {
			t.Errorf("way %d: the slice differs", w)
		}
		for _, r := range []interface{ Release() }{whole, part, alone, a.Events, b.Events} {
			r.Release()
		}
	}
	mem.AssertSize(t, 0)
}

// The result of an untouched column is the raw column itself.
func TestUnchangedColumnsArePassedOn(t *testing.T) {
	raw := batch(memory.NewGoAllocator(), sample(100, false), asDeclared, 2)
	res, err := New(Options{Registry: "CAIR2"}).Apply(raw)
	if err != nil || res.RawRow != nil {
		t.Fatal(err, res.RawRow)
	}
	for i, c := range dose.SegmentColumns() {
		if j, ok := rawIndex[c.Name]; ok && (c.Name == "lot_number" || c.Name == "recip_id") && res.Events.Column(i) != raw.Column(j) {
			t.Errorf("%s was copied", c.Name)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	for _, c := range []struct {
		name   string
		rows   int
		faults bool
	}{{"clean", 118_000, false}, {"faults", 118_000, true}, {"small", 1000, true}, {"one", 1, false}} {
		b.Run(c.name, func(b *testing.B) {
			raw := batch(memory.NewGoAllocator(), sample(c.rows, c.faults), asDeclared, 2)
			m := New(Options{Registry: "CAIR2", Today: 20800})
			b.ReportAllocs()
			for b.Loop() {
				res, err := m.Apply(raw)
				if err != nil {
					b.Fatal(err)
				}
				res.Events.Release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.rows), "ns/row")
		})
	}
}

// What the checks cost: the same rows with all of them and with none.
func BenchmarkChecks(b *testing.B) {
	raw := batch(memory.NewGoAllocator(), sample(118_000, false), asDeclared, 2)
	for _, c := range []struct {
		name   string
		checks []func(*Mapper)
	}{{"none", nil}, {"all", rowChecks()}} {
		b.Run(c.name, func(b *testing.B) {
			m := New(Options{Registry: "CAIR2", Today: 20800})
			m.checks = c.checks
			for b.Loop() {
				res, err := m.Apply(raw)
				if err != nil {
					b.Fatal(err)
				}
				res.Events.Release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/118_000, "ns/row")
		})
	}
}
