// Package transform turns raw batches into events: dates, codes, county of
// residence, keys, checks. Everything it decides, it decides from one row.
//
// It promises that a row comes out either as an event or as a reject, that
// the result depends on the row and the options alone (not on where a batch
// begins or how a column is encoded), and that what was reported stays as it
// was reported beside what was made of it. It never reads a clock or a file,
// never looks at another row, and no value of a record gets into an error.
package transform

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/dosebook/dosebook/dose"
)

// Options are the feed's settings that rules depend on.
type Options struct {
	Registry  string           // of all rows; empty: the rows' own
	Action    string           // A, U or D of rows without an action of their own; empty: A
	Today     int32            // days since 1970-01-01; 0 leaves out the checks on the future
	Precision string           // least precision of admin_date: year (default), month, day
	Senders   dose.Senders     // of the registry, at the start of the run; nil: not checked
	Levels    dose.Levels      // of the registry's checks
	Required  []string         // raw columns whose blank is an issue; nil: DefaultRequired
	Codes     *dose.CodeTables // in force; nil: the built-in ones
}

// DefaultRequired are the required columns of CVRS that every format can
// carry. A validator of CVRS files asks for more.
func DefaultRequired() []string {
	return []string{"recip_dob", "recip_sex", "recip_race_1", "recip_ethnicity"}
}

// Result is what became of a batch. Rows of the raw batch = rows of Events +
// len(Rejects); both are in the order of the raw batch.
type Result struct {
	Events  arrow.RecordBatch // dose.SegmentSchema(); the caller releases it
	Rejects []dose.Reject     // Row is the row of the raw batch; Record is nil
	Issues  []dose.Issue      // Row is the row of Events
	RawRow  []int32           // for each event its row of the raw batch; nil when none was rejected
}

// Mapper applies the rules. It keeps scratch memory from batch to batch, so
// each goroutine has its own.
type Mapper struct {
	opt       Options
	precision uint8
	required  []int
	schema    *arrow.Schema
	make      []func(*Mapper) arrow.Array // one for each segment column
	fixed     fixed
	levels    dose.Levels
	checks    []func(*Mapper)

	// The batch in hand.
	n       int // rows that are left
	cols    []column
	line    []int64
	rows    []int32 // raw row of each row left; nil when all are left
	dead    []bool  // tombstones
	cvx     []int32
	senders senders
	place   residence
	issues  collector
	key     []byte
	doing   dose.Check // the check that is being made
	crashed []string   // by row: the check that crashed on it; nil when none did

	// Lookups by code of the batch in hand.
	dob, admin, expiry []date
	sourceTime         []int64
	home, site         address
}

// New returns a Mapper.
func New(opt Options) *Mapper {
	if opt.Required == nil {
		opt.Required = DefaultRequired()
	}
	if opt.Codes == nil {
		opt.Codes = dose.Builtin()
	}
	m := &Mapper{opt: opt, precision: precisionOf(opt.Precision), schema: dose.SegmentSchema(), fixed: newFixed(opt.Codes), levels: opt.Levels, checks: rowChecks()}
	for i, c := range dose.Raw() {
		m.cols = append(m.cols, newColumn(i, c))
	}
	m.cols[rawMVX].set = opt.Codes.MVX()
	for _, name := range opt.Required {
		if i, ok := rawIndex[name]; ok {
			m.required = append(m.required, i)
		}
	}
	makers := makers()
	for _, c := range dose.SegmentColumns() {
		f, ok := makers[c.Name]
		if !ok {
			f = passOn(rawIndex[c.Name])
		}
		m.make = append(m.make, f)
	}
	return m
}

// Apply maps one raw batch. The batch stays the caller's. A check that panics
// on a row rejects that row (see crash.go).
func (m *Mapper) Apply(raw arrow.RecordBatch) (Result, error) {
	res, crashed, err := m.try(raw)
	if crashed {
		return m.without(raw)
	}
	return res, err
}

func (m *Mapper) apply(raw arrow.RecordBatch) (Result, error) {
	defer m.unbind()
	if err := m.bind(raw); err != nil {
		return Result{}, err
	}
	rejects := m.judge()
	m.keep(rejects)
	m.check()
	if raised := m.raise(); len(raised) > 0 {
		rejects = merge(rejects, raised)
		m.check()
	}
	out := make([]arrow.Array, len(m.make))
	for i, f := range m.make {
		out[i] = f(m)
	}
	res := Result{Events: array.NewRecordBatch(m.schema, out, int64(m.n)), Rejects: rejects, RawRow: m.rows}
	for _, a := range out {
		a.Release()
	}
	res.Issues = m.levels.Apply(m.issues.sorted(m.n, m.line, m.dead))
	return res, nil
}

// Levels are the registry's, for findings that decoders made.
func (m *Mapper) Levels() dose.Levels { return m.levels }

// bind reads the batch's columns and cleans them.
func (m *Mapper) bind(raw arrow.RecordBatch) error {
	if int(raw.NumCols()) != len(m.cols) {
		return fmt.Errorf("raw batch has %d columns, not %d: %w", raw.NumCols(), len(m.cols), dose.ErrInvalid)
	}
	m.n, m.rows = int(raw.NumRows()), nil
	for i := range m.cols {
		c := &m.cols[i]
		if got := raw.ColumnName(i); got != c.name {
			return fmt.Errorf("column %d of a raw batch is %q, not %q: %w", i, got, c.name, dose.ErrInvalid)
		}
		if i == rawLine {
			continue
		}
		if err := c.bind(raw.Column(i), m.n); err != nil {
			return fmt.Errorf("raw column %s: %w", c.name, err)
		}
	}
	return m.bindLine(raw.Column(rawLine))
}

func (m *Mapper) bindLine(a arrow.Array) error {
	m.line = resize(m.line, m.n)
	switch a := a.(type) {
	case *array.Int64:
		copy(m.line, a.Int64Values())
		for i := range m.n {
			if a.IsNull(i) {
				m.line[i] = 0
			}
		}
	case *array.Null:
		clear(m.line)
	default:
		return fmt.Errorf("raw column line is %s, not int64: %w", a.DataType(), dose.ErrInvalid)
	}
	return nil
}

// unbind lets go of the batch.
func (m *Mapper) unbind() {
	for i := range m.cols {
		m.cols[i].unbind()
	}
	m.rows = nil
}

// keep leaves out the rejected rows, which are rows of the raw batch.
func (m *Mapper) keep(rejects []dose.Reject) {
	if len(rejects) == 0 {
		return
	}
	rows, from := make([]int32, 0, m.n-len(rejects)), make([]int32, 0, m.n-len(rejects))
	next := 0
	for i := range int32(m.n) {
		row := m.rawRow(i)
		if next < len(rejects) && rejects[next].Row == row {
			next++
			continue
		}
		rows, from = append(rows, i), append(from, row)
	}
	for i := range m.cols {
		m.cols[i].take(rows)
	}
	for to, from := range rows {
		m.line[to], m.dead[to], m.cvx[to] = m.line[from], m.dead[from], m.cvx[from]
	}
	m.n, m.rows = len(rows), from
	m.line, m.dead, m.cvx = m.line[:m.n], m.dead[:m.n], m.cvx[:m.n]
}

// rawRow is the row of the raw batch of a row that is left.
func (m *Mapper) rawRow(i int32) int32 {
	if m.rows == nil {
		return i
	}
	return m.rows[i]
}

// resize returns a slice of n elements, s where it is large enough.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/8)
	}
	return s[:n]
}
