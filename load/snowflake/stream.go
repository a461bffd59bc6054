package snowflake

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/snowconn"
)

// typeOf is the type that a column's values have in a file of ours. Whole
// numbers are 64 bits: Snowflake's NUMBER tells no width.
func typeOf(f snowconn.Field) (arrow.DataType, error) {
	switch {
	case f.Kind == "fixed" && f.Scale == 0:
		return arrow.PrimitiveTypes.Int64, nil
	case f.Kind == "fixed", f.Kind == "real":
		return arrow.PrimitiveTypes.Float64, nil
	case f.Kind == "date":
		return arrow.FixedWidthTypes.Date32, nil
	case f.Kind == "boolean":
		return arrow.FixedWidthTypes.Boolean, nil
	case f.Kind == "text":
		return arrow.BinaryTypes.String, nil
	}
	return nil, fmt.Errorf("column %s is of type %s, which no export has: ask for microseconds: %w", f.Name, f.Kind, dose.ErrInvalid)
}

// gather collects rows of results in columns of ours and gives them on in
// batches of the sizes that are asked for.
type gather struct {
	builder *array.RecordBuilder
	fields  []snowconn.Field
	rows    int64
}

func newGather(schema *arrow.Schema, fields []snowconn.Field) *gather {
	return &gather{builder: array.NewRecordBuilder(memory.DefaultAllocator, schema), fields: fields}
}

// add appends rows from up to to of a batch whose columns are those of the
// schema, in order.
func (g *gather) add(b arrow.RecordBatch, from, to int) error {
	for i := range g.builder.Schema().NumFields() {
		if err := appendCells(g.builder.Field(i), b.Column(i), g.fields[i].Scale, from, to); err != nil {
			return fmt.Errorf("column %s: %w", g.fields[i].Name, err)
		}
	}
	g.rows += int64(to - from)
	return nil
}

// flush gives what was collected to use.
func (g *gather) flush(use func(arrow.RecordBatch) error) error {
	b := g.builder.NewRecordBatch()
	defer b.Release()
	g.rows = 0
	if b.NumRows() == 0 {
		return nil
	}
	return use(b)
}

func (g *gather) release() { g.builder.Release() }

var errForm = errors.New("the server sends values in a form that is not known")

// appendCells appends rows from up to to of a column of a result.
func appendCells(b array.Builder, col arrow.Array, scale int64, from, to int) error {
	for i := from; i < to; i++ {
		if col.IsNull(i) {
			b.AppendNull()
			continue
		}
		if err := appendCell(b, col, scale, i); err != nil {
			return err
		}
	}
	return nil
}

func appendCell(b array.Builder, col arrow.Array, scale int64, i int) error {
	switch b := b.(type) {
	case *array.StringBuilder:
		s, ok := textAt(col, i)
		b.Append(s)
		return formed(ok)
	case *array.BinaryDictionaryBuilder:
		s, ok := textAt(col, i)
		return errors.Join(b.AppendString(s), formed(ok))
	case *array.BooleanBuilder:
		v, ok := col.(*array.Boolean)
		if !ok {
			return errForm
		}
		b.Append(v.Value(i))
		return nil
	case *array.Float64Builder:
		if v, ok := col.(*array.Float64); ok {
			b.Append(v.Value(i))
			return nil
		}
		n, ok := wholeAt(col, i)
		b.Append(float64(n) / math.Pow10(int(scale)))
		return formed(ok)
	}
	n, ok := wholeAt(col, i)
	switch b := b.(type) {
	case *array.Int64Builder:
		b.Append(n)
	case *array.Int32Builder:
		b.Append(int32(n))
		ok = ok && int64(int32(n)) == n
	case *array.Date32Builder:
		b.Append(arrow.Date32(n))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(n))
	default:
		ok = false
	}
	return formed(ok)
}

func formed(ok bool) error {
	if !ok {
		return errForm
	}
	return nil
}

func textAt(col arrow.Array, i int) (string, bool) {
	switch v := col.(type) {
	case *array.String:
		return v.Value(i), true
	case *array.LargeString:
		return v.Value(i), true
	}
	return "", false
}

// wholeAt reads a whole number, which a server sends as narrow as a batch's
// values allow, or a day.
func wholeAt(col arrow.Array, i int) (int64, bool) {
	switch v := col.(type) {
	case *array.Int8:
		return int64(v.Value(i)), true
	case *array.Int16:
		return int64(v.Value(i)), true
	case *array.Int32:
		return int64(v.Value(i)), true
	case *array.Int64:
		return v.Value(i), true
	case *array.Date32:
		return int64(v.Value(i)), true
	case *array.Decimal128:
		n := v.Value(i)
		return int64(n.LowBits()), n.BigInt().IsInt64()
	}
	return 0, false
}

// stream asks a query and hands its result on, batch after batch, each
// released after it: one part of the result is in memory at a time.
func (s *session) stream(ctx context.Context, doing, statement string, start func([]snowconn.Field) error, use func(arrow.RecordBatch) error) error {
	err := snowconn.Stream(snowconn.Tagged(ctx, s.tag), s.conn, statement, nil, start, use)
	if err != nil {
		s.doubt(ctx)
	}
	return told(ctx, doing, err)
}
