package transform

import (
	"cmp"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/dosebook/dosebook/dose"
)

// CDCOptions say what a file is, as far as the rules depend on it.
type CDCOptions struct {
	Version int  // of CVRS: 1, or 2, which is 3 too
	Filled  bool // the format is none of CVRS's: what CDC's mapping fills in is not missed
	Today   int32
	Codes   *dose.CodeTables // in force; nil: the built-in ones
}

// CDC judges raw rows as CDC's own validator judges them (CDCgov
// CDC_IIS_Open_Tools, extract validator: field rules, requirements by kind of
// event, business rules BUSR001 to BUSR012). It looks at values as they came:
// not trimmed, and not the way Mapper reads them. docs/VALIDATE.md lists where
// it says otherwise than CDC's, and why. Each goroutine has its own.
//
// It never looks at another row, so that the ids that come twice (BUSR013)
// are the caller's to find.
type CDC struct {
	opt      CDCOptions
	fields   []cdcField
	tomorrow string

	// The batch in hand.
	n      int
	cols   []cells
	kinds  []kind
	ext    []byte // D, P, I; 0 for what is none of them
	dead   []bool
	others bool // not all rows are vaccinations
	named  bool // all rows are identified
	found  collector
}

// kind is what a row reports. Its place is the last digit of REQD and DNTS.
type kind uint8

const (
	vaccination kind = iota
	refused
	missed
)

type kinds uint8 // a set of them

const (
	ofVaccination kinds = 1 << vaccination
	ofRefusal     kinds = 1 << refused
	ofMissed      kinds = 1 << missed
	ofAny               = ofVaccination | ofRefusal | ofMissed
	notGivenAny         = ofRefusal | ofMissed
)

// NewCDC returns a CDC.
func NewCDC(opt CDCOptions) *CDC {
	opt.Codes = cmp.Or(opt.Codes, dose.Builtin())
	return &CDC{opt: opt, fields: cdcFields(opt), tomorrow: isoDay(opt.Today + 1), cols: make([]cells, len(dose.Raw()))}
}

// Check lists what is wrong with the rows of a raw batch, in the order of the
// rows. The batch stays the caller's. Of rows that delete, nothing but the key
// is used, and nothing else is asked.
func (c *CDC) Check(raw arrow.RecordBatch) ([]dose.Issue, error) {
	line, err := c.bind(raw)
	if err != nil {
		return nil, err
	}
	c.classify()
	for i := range c.fields {
		c.field(&c.fields[i])
	}
	c.business()
	out := c.found.sorted(c.n, line, c.dead)
	for i := range c.cols {
		c.cols[i] = cells{}
	}
	return out, nil
}

func (c *CDC) bind(raw arrow.RecordBatch) ([]int64, error) {
	if int(raw.NumCols()) != len(c.cols) {
		return nil, fmt.Errorf("raw batch has %d columns, not %d: %w", raw.NumCols(), len(c.cols), dose.ErrInvalid)
	}
	c.n = int(raw.NumRows())
	c.found.reset()
	lines, ok := raw.Column(rawLine).(*array.Int64)
	if !ok {
		return nil, fmt.Errorf("raw column line is %s, not int64: %w", raw.Column(rawLine).DataType(), dose.ErrInvalid)
	}
	for i := range c.cols {
		if i == rawLine {
			continue
		}
		var err error
		if c.cols[i], err = readCells(raw.Column(i), c.n); err != nil {
			return nil, fmt.Errorf("raw column %s: %w", raw.ColumnName(i), err)
		}
	}
	return lines.Int64Values(), nil
}

// classify settles for each row its kind and how it is redacted. A missed
// appointment that is a refusal too counts as a refusal, as CDC's does it.
func (c *CDC) classify() {
	yes := func(s string) bool { return equalFold(s, "YES") }
	appt, refusal := lookup(&c.cols[rawMissed], yes), lookup(&c.cols[rawRefusal], yes)
	deletes := lookup(&c.cols[rawAction], func(s string) bool { return s == "D" })
	types := lookup(&c.cols[rawExtType], func(s string) byte {
		if len(s) == 1 && (s[0]|0x20 == 'd' || s[0]|0x20 == 'p' || s[0]|0x20 == 'i') {
			return s[0] &^ 0x20
		}
		return 0
	})
	c.kinds, c.ext, c.dead = resize(c.kinds, c.n), resize(c.ext, c.n), resize(c.dead, c.n)
	c.others, c.named = false, true
	for i := range c.n {
		k := vaccination
		switch {
		case refusal(i):
			k = refused
		case c.opt.Version == 1 && appt(i):
			k = missed
		}
		ext := types(i)
		if ext == 0 && c.cols[rawExtType].empty(i) {
			ext = c.extOf(i)
		}
		c.kinds[i], c.ext[i], c.dead[i] = k, ext, deletes(i)
		c.others = c.others || k != vaccination
		c.named = c.named && ext == 'I'
	}
}

// extOf is the extract type of a row that does not say: by what it holds.
func (c *CDC) extOf(row int) byte {
	for _, i := range redactable {
		if !equalFold(c.cols[i].value(row), redacted) {
			return 'I'
		}
	}
	if c.cols[rawPPRL].empty(row) {
		return 'D'
	}
	return 'P'
}

func (c *CDC) add(row int, check dose.Check, field int) { c.found.add(row, check, field) }
