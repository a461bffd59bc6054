package pipelines

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// remapping compares segment after segment and counts over all of them.
type remapping struct {
	out     Remap
	sample  int
	columns []dose.Column
	changes map[string]*change
	issues  map[string]*FindingMove
	rejects map[string]*FindingMove

	// The segment in hand.
	segment string
	stored  *load.Stored
	old     arrow.RecordBatch // the row group in hand; nil when none is
	lines   []int64           // of old
	at      int               // its next row
	found   [2]*findings      // issues, rejects
	marked  []bool            // by row of the run in hand
}

// change gathers what happens to one column.
type change struct {
	rows     int64
	examples map[[2]string]*Example
}

func newRemapping(sample int) *remapping {
	return &remapping{sample: sample, columns: dose.SegmentColumns(), changes: map[string]*change{},
		issues: map[string]*FindingMove{}, rejects: map[string]*FindingMove{}}
}

func (m *remapping) open(lake load.Lake, k *Known) (err error) {
	m.segment = k.Segment
	if m.stored, err = lake.Stored(k.Registry, k.Segment, load.EventFile, nil); err != nil {
		return err
	}
	m.out.Rows += m.stored.Rows()
	for i, name := range []string{load.IssueFile, load.RejectFile} {
		f, err := lake.Stored(k.Registry, k.Segment, name, []string{"line", "code", "field"})
		if err != nil {
			return errors.Join(err, m.close())
		}
		m.found[i] = &findings{segment: k.Segment, file: f, open: map[finding]int{}, moves: []map[string]*FindingMove{m.issues, m.rejects}[i]}
	}
	return nil
}

func (m *remapping) close() error {
	m.drop()
	err := m.stored.Close()
	for i, f := range m.found {
		if f != nil {
			err = errors.Join(err, f.file.Close())
		}
		m.found[i] = nil
	}
	return err
}

func (m *remapping) drop() {
	if m.old != nil {
		m.old.Release()
	}
	m.old, m.lines, m.at = nil, nil, 0
}

// fill has a row of the stored events in hand; false at their end.
func (m *remapping) fill(ctx context.Context) (bool, error) {
	for m.at == len(m.lines) {
		m.drop()
		b, err := m.stored.Next(ctx)
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		m.old, m.lines = b, numbersOf(column(b, "line"))
	}
	return true, nil
}

// block compares what a block becomes today with what was stored.
func (m *remapping) block(ctx context.Context, b *mapped) error {
	lines := numbersOf(column(b.events, "line"))
	var pairs []pair
	var with arrow.RecordBatch // what pairs were made with
	for i := 0; i < len(lines); {
		more, err := m.fill(ctx)
		if err != nil {
			return err
		}
		if m.old != with {
			pairs, with = m.pairing(b.events), m.old
		}
		switch {
		case !more || lines[i] < m.lines[m.at]:
			m.out.Appeared++
			i++
		case lines[i] > m.lines[m.at]:
			m.out.Gone++
			m.at++
		default:
			n := 1
			for i+n < len(lines) && m.at+n < len(m.lines) && lines[i+n] == m.lines[m.at+n] {
				n++
			}
			m.run(pairs, i, n)
			i, m.at = i+n, m.at+n
		}
	}
	last := int64(0)
	for _, n := range lines {
		last = max(last, n)
	}
	raw := dose.Raw()
	for _, x := range b.issues {
		field := ""
		if x.Field != dose.NoField {
			field = raw[x.Field].Name
		}
		m.found[0].now(x.Line, x.Check.Rule().Code, field)
		last = max(last, x.Line)
	}
	for _, x := range b.rejects {
		m.found[1].now(x.Line, x.Check.Rule().Code, x.Field)
		last = max(last, x.Line)
	}
	return errors.Join(m.found[0].upTo(ctx, last), m.found[1].upTo(ctx, last))
}

// rest ends a segment: stored rows that nothing stands beside are gone.
func (m *remapping) rest(ctx context.Context) error {
	for {
		more, err := m.fill(ctx)
		if err != nil {
			return err
		}
		if !more {
			return errors.Join(m.found[0].rest(ctx), m.found[1].rest(ctx))
		}
		m.out.Gone += int64(len(m.lines) - m.at)
		m.at = len(m.lines)
	}
}

// pair is one column then and now; one of both may be missing.
type pair struct {
	column   dose.Column
	old, now arrow.Array
	differ   func(i, j int) bool
}

func (m *remapping) pairing(now arrow.RecordBatch) []pair {
	if m.old == nil {
		return nil
	}
	out := make([]pair, len(m.columns))
	for i, c := range m.columns {
		old := column(m.old, c.Name)
		out[i] = pair{c, old, now.Column(i), differs(old, now.Column(i))}
	}
	return out
}

// run compares n rows that stand beside each other, from j of the new batch on.
func (m *remapping) run(pairs []pair, j, n int) {
	m.marked = slices.Grow(m.marked[:0], n)[:n]
	clear(m.marked)
	for _, p := range pairs {
		for k := range n {
			if p.differ(m.at+k, j+k) {
				m.marked[k] = true
				m.note(p, m.at+k, j+k)
			}
		}
	}
	for _, is := range m.marked {
		if is {
			m.out.Changed++
		}
	}
}

// note counts one cell that changed.
func (m *remapping) note(p pair, i, j int) {
	c := m.changes[p.column.Name]
	if c == nil {
		c = &change{examples: map[[2]string]*Example{}}
		m.changes[p.column.Name] = c
	}
	c.rows++
	if m.sample == 0 {
		return
	}
	hidden := p.column.Level > dose.Deidentified || p.column.Stage == dose.Lake || p.column.Type == dose.LongTxt
	var key [2]string
	if !hidden {
		key = [2]string{textAt(p.old, i), textAt(p.now, j)}
	}
	if e := c.examples[key]; e != nil {
		e.Rows++
	} else if len(c.examples) < 16*m.sample {
		c.examples[key] = &Example{Ref{m.segment, m.lines[i]}.String(), key[0], key[1], hidden, 1}
	}
}

func (m *remapping) report() *Remap {
	m.out.Columns = []ColumnChange{}
	for name, c := range m.changes {
		x := ColumnChange{name, c.rows, []Example{}}
		for _, e := range c.examples {
			x.Examples = append(x.Examples, *e)
		}
		slices.SortFunc(x.Examples, func(a, b Example) int {
			return cmp.Or(cmp.Compare(b.Rows, a.Rows), strings.Compare(a.At, b.At), strings.Compare(a.From, b.From))
		})
		x.Examples = x.Examples[:min(len(x.Examples), m.sample)]
		m.out.Columns = append(m.out.Columns, x)
	}
	slices.SortFunc(m.out.Columns, func(a, b ColumnChange) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), strings.Compare(a.Column, b.Column))
	})
	if m.out.Where == nil {
		m.out.Where = []SegmentMove{}
	}
	m.out.Issues, m.out.Rejects = sortedMoves(m.issues), sortedMoves(m.rejects)
	return &m.out
}

// differs returns whether row i of old and row j of now differ. A column that
// one side has not got is null there.
func differs(old, now arrow.Array) func(i, j int) bool {
	switch o := old.(type) {
	case nil:
		return func(_, j int) bool { return now.IsValid(j) }
	case *array.Dictionary:
		if n, ok := now.(*array.Dictionary); ok {
			return differDict(o, n)
		}
	case *array.String:
		if n, ok := now.(*array.String); ok {
			return differBy(o, n, o.Value, n.Value)
		}
	case *array.Int32:
		if n, ok := now.(*array.Int32); ok {
			return differBy(o, n, o.Value, n.Value)
		}
	case *array.Int64:
		if n, ok := now.(*array.Int64); ok {
			return differBy(o, n, o.Value, n.Value)
		}
	case *array.Date32:
		if n, ok := now.(*array.Date32); ok {
			return differBy(o, n, o.Value, n.Value)
		}
	case *array.Timestamp:
		if n, ok := now.(*array.Timestamp); ok {
			return differBy(o, n, o.Value, n.Value)
		}
	case *array.Boolean:
		if n, ok := now.(*array.Boolean); ok {
			return differBy(o, n, o.Value, n.Value)
		}
	}
	return differBy(old, now, func(i int) string { return textAt(old, i) }, func(j int) string { return textAt(now, j) })
}

func differBy[T comparable](old, now arrow.Array, a, b func(int) T) func(i, j int) bool {
	return func(i, j int) bool {
		if old.IsNull(i) || now.IsNull(j) {
			return old.IsNull(i) != now.IsNull(j)
		}
		return a(i) != b(j)
	}
}

// differDict compares each pair of entries once, not once a row.
func differDict(old, now *array.Dictionary) func(i, j int) bool {
	a, okA := old.Dictionary().(*array.String)
	b, okB := now.Dictionary().(*array.String)
	if !okA || !okB {
		return differBy(old, now, old.ValueStr, now.ValueStr)
	}
	same := make([]int, a.Len()) // entry of b + 1 that equals an entry of a
	return func(i, j int) bool {
		if old.IsNull(i) || now.IsNull(j) {
			return old.IsNull(i) != now.IsNull(j)
		}
		x, y := old.GetValueIndex(i), now.GetValueIndex(j)
		if same[x] == y+1 {
			return false
		}
		if a.Value(x) != b.Value(y) {
			return true
		}
		same[x] = y + 1
		return false
	}
}

// column returns a column by name, nil where the batch has none.
func column(b arrow.RecordBatch, name string) arrow.Array {
	if at := b.Schema().FieldIndices(name); len(at) > 0 {
		return b.Column(at[0])
	}
	return nil
}

// numbersOf returns the values of a column of 64-bit numbers.
func numbersOf(a arrow.Array) []int64 {
	if n, ok := a.(*array.Int64); ok {
		return n.Int64Values()
	}
	return nil
}

// textAt writes a cell; null is empty.
func textAt(a arrow.Array, i int) string {
	if a == nil || a.IsNull(i) {
		return ""
	}
	return a.ValueStr(i)
}
