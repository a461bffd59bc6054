package transform

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/dosebook/dosebook/dose"
)

// try applies the rules and tells whether one of them panicked; m.doing is
// then the check it was. What the panic says is dropped: it may hold values.
func (m *Mapper) try(raw arrow.RecordBatch) (res Result, crashed bool, err error) {
	defer func() {
		if recover() != nil {
			res, crashed, err = Result{}, true, nil
		}
	}()
	res, err = m.apply(raw)
	return res, false, err
}

// without finds the rows that a check panics on, and applies the rules to the
// others: those rows are rejects that name the check.
func (m *Mapper) without(raw arrow.RecordBatch) (Result, error) {
	bad := make([]string, raw.NumRows())
	if err := m.search(raw, bad, 0, len(bad)); err != nil {
		return Result{}, err
	}
	m.crashed = bad
	defer func() { m.crashed = nil }()
	rest := flat(raw, 0, len(bad), bad)
	defer rest.Release()
	res, crashed, err := m.try(rest)
	if crashed {
		return res, fmt.Errorf("check %s failed on a batch, and on no row alone: %w", m.doing.Rule().Name, dose.ErrInvalid)
	}
	return res, err
}

// search halves the rows from lo to hi until the rows are found that crash.
func (m *Mapper) search(raw arrow.RecordBatch, bad []string, lo, hi int) error {
	if lo == hi {
		return nil
	}
	part := flat(raw, lo, hi, nil)
	res, crashed, err := m.try(part)
	part.Release()
	if res.Events != nil {
		res.Events.Release()
	}
	switch {
	case err != nil || !crashed:
		return err
	case hi-lo == 1:
		bad[lo] = "check " + m.doing.Rule().Name
		if m.doing == dose.RuleCrashed {
			bad[lo] = "making the event's columns"
		}
		return nil
	}
	mid := (lo + hi) / 2
	if err := m.search(raw, bad, lo, mid); err != nil {
		return err
	}
	return m.search(raw, bad, mid, hi)
}

// flat copies rows as plain strings, so that no dictionary carries values of
// other rows along. Of rows in skip only the line is left.
func flat(raw arrow.RecordBatch, lo, hi int, skip []string) arrow.RecordBatch {
	cols := make([]arrow.Array, raw.NumCols())
	fields := make([]arrow.Field, len(cols))
	for c := range cols {
		a := raw.Column(c)
		switch a.(type) {
		case *array.Int64, *array.Null:
			cols[c] = array.NewSlice(a, int64(lo), int64(hi))
		default:
			cols[c] = stringsOf(hi-lo, func(i int) string {
				if row := lo + i; !a.IsNull(row) && (skip == nil || skip[row] == "") {
					return a.ValueStr(row)
				}
				return ""
			})
		}
		fields[c] = arrow.Field{Name: raw.ColumnName(c), Type: cols[c].DataType(), Nullable: true}
	}
	rec := array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(hi-lo))
	for _, a := range cols {
		a.Release()
	}
	return rec
}
