package snowflake

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/dosebook/dosebook/dose"
)

// Prepare makes the table of persons that a release's queries share. It is a
// work table of this session.
func (d *DB) Prepare(ctx context.Context) (err error) {
	defer dose.Wrap(&err, "prepare a release from Snowflake")
	s, err := d.own(ctx, "dosebook:release")
	if err != nil {
		return err
	}
	all, err := steps("45_release_person")
	if err != nil {
		return err
	}
	for _, st := range all {
		for _, text := range []string{st.shape, st.do} {
			if _, err := s.exec(ctx, "45_release_person", text); err != nil {
				return err
			}
		}
	}
	return nil
}

// exportRows is how many rows make one row group of an export.
const exportRows = 100_000

// Export writes the rows of a query of the models to a Parquet file at path.
// Whole numbers are 64 bits there: Snowflake's NUMBER tells no width.
func (d *DB) Export(ctx context.Context, query, path string) (err error) {
	defer dose.Wrap(&err, "export %s from Snowflake", filepath.Base(path))
	s, err := d.own(ctx, "dosebook:export")
	if err != nil {
		return err
	}
	rows, err := s.conn.QueryContext(tagged(ctx, s.tag), translate(query))
	if err != nil {
		return told(ctx, "query", err)
	}
	defer rows.Close()
	e, err := newExport(rows, path)
	if err != nil {
		return err
	}
	defer e.builder.Release()
	for n := 1; rows.Next(); n++ {
		if err := e.row(rows); err != nil {
			return errors.Join(told(ctx, "read the result", err), e.w.Close())
		}
		if n%exportRows == 0 {
			if err := e.flush(); err != nil {
				return errors.Join(err, e.w.Close())
			}
		}
	}
	if err := rows.Err(); err != nil {
		return errors.Join(told(ctx, "read the result", err), e.w.Close())
	}
	return errors.Join(e.flush(), e.w.Close())
}

// export is a result on its way into a file.
type export struct {
	cells   []any
	builder *array.RecordBuilder
	w       *pqarrow.FileWriter
}

func newExport(rows *sql.Rows, path string) (*export, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	e := &export{cells: make([]any, len(types))}
	fields := make([]arrow.Field, len(types))
	for i, t := range types {
		fields[i] = arrow.Field{Name: strings.ToLower(t.Name()), Nullable: true}
		_, scale, _ := t.DecimalSize()
		switch kind := t.DatabaseTypeName(); {
		case kind == "FIXED" && scale == 0:
			fields[i].Type, e.cells[i] = arrow.PrimitiveTypes.Int64, new(sql.NullInt64)
		case kind == "FIXED", kind == "REAL":
			fields[i].Type, e.cells[i] = arrow.PrimitiveTypes.Float64, new(sql.NullFloat64)
		case kind == "DATE":
			fields[i].Type, e.cells[i] = arrow.FixedWidthTypes.Date32, new(sql.NullTime)
		case kind == "BOOLEAN":
			fields[i].Type, e.cells[i] = arrow.FixedWidthTypes.Boolean, new(sql.NullBool)
		case kind == "TEXT":
			fields[i].Type, e.cells[i] = arrow.BinaryTypes.String, new(sql.NullString)
		default:
			return nil, fmt.Errorf("column %s is of type %s, which no export has: ask for microseconds: %w", fields[i].Name, kind, dose.ErrInvalid)
		}
	}
	schema := arrow.NewSchema(fields, nil)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Uncompressed), parquet.WithMaxRowGroupLength(1<<30))
	if e.w, err = pqarrow.NewFileWriter(schema, f, props, pqarrow.DefaultWriterProps()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	e.builder = array.NewRecordBuilder(memory.DefaultAllocator, schema)
	return e, nil
}

func (e *export) row(rows *sql.Rows) error {
	if err := rows.Scan(e.cells...); err != nil {
		return err
	}
	for i, c := range e.cells {
		b := e.builder.Field(i)
		switch v := c.(type) {
		case *sql.NullInt64:
			appendOr(b, v.Valid, func() { b.(*array.Int64Builder).Append(v.Int64) })
		case *sql.NullFloat64:
			appendOr(b, v.Valid, func() { b.(*array.Float64Builder).Append(v.Float64) })
		case *sql.NullTime:
			appendOr(b, v.Valid, func() {
				b.(*array.Date32Builder).Append(arrow.Date32(v.Time.Unix() / int64((24 * time.Hour).Seconds())))
			})
		case *sql.NullBool:
			appendOr(b, v.Valid, func() { b.(*array.BooleanBuilder).Append(v.Bool) })
		case *sql.NullString:
			appendOr(b, v.Valid, func() { b.(*array.StringBuilder).Append(v.String) })
		default:
			return fmt.Errorf("column %s: %w", strconv.Itoa(i), dose.ErrInvalid)
		}
	}
	return nil
}

func appendOr(b array.Builder, valid bool, add func()) {
	if !valid {
		b.AppendNull()
		return
	}
	add()
}

func (e *export) flush() error {
	b := e.builder.NewRecordBatch()
	defer b.Release()
	if b.NumRows() == 0 {
		return nil
	}
	return e.w.Write(b)
}

// Rest is for a warehouse whose memory is this machine's: here there is none.
func (d *DB) Rest(context.Context) error { return nil }
