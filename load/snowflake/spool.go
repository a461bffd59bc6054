package snowflake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"golang.org/x/text/unicode/norm"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// A row there says for itself where it lies in the lake: what a COPY can tell
// of a file's rows differs from server to server.
var lineage = []dose.Column{{Name: "filename"}, {Name: "file_row_number", Type: dose.Big}, {Name: "place", Type: dose.Big}}

// streetKey is the street folded for matching (sql/models/21_home.sql).
var streetKey = dose.Column{Name: "street_key", Type: dose.LongTxt}

// file is one file of a segment, on its way.
type file struct {
	entry load.Entry
	name  string // in the segment: load.EventFile and the like
}

// key names the file's segment, and its rows' filename: the digest of the
// source and never of the Parquet, whose bytes may differ.
func (f file) key() string { return key(f.entry) }

func key(e load.Entry) string { return e.Registry + "/" + e.Segment }

// spool writes the file once more, at path, as it goes there: with the columns
// of lineage, and times as microseconds. An emulator reads a time that is not
// there as 1970, and what becomes of a zone is a setting of the server's.
func (d *DB) spool(ctx context.Context, f file, path string) (rows int64, err error) {
	defer dose.Wrap(&err, "spool %s of segment %s", f.name, f.key())
	in, err := d.lake.Stored(f.entry.Registry, f.entry.Segment, f.name, nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	var w *pqarrow.FileWriter
	defer func() {
		if w == nil { // its Close closes the file
			err = errors.Join(err, out.Close())
		}
	}()
	for {
		b, err := in.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		wide := widen(b, f, rows)
		rows += b.NumRows()
		b.Release()
		if w == nil {
			props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy), parquet.WithMaxRowGroupLength(1<<30))
			if w, err = pqarrow.NewFileWriter(wide.Schema(), out, props, pqarrow.DefaultWriterProps()); err != nil {
				wide.Release()
				return 0, err
			}
		}
		err = w.Write(wide)
		wide.Release()
		if err != nil {
			return 0, errors.Join(err, w.Close())
		}
	}
	if w == nil {
		return 0, nil
	}
	if rows != in.Rows() {
		return 0, errors.Join(fmt.Errorf("%d rows of %d: %w", rows, in.Rows(), dose.ErrInvalid), w.Close())
	}
	return rows, w.Close()
}

// widen adds the columns of lineage to a batch whose first row is row from of
// its file.
func widen(b arrow.RecordBatch, f file, from int64) arrow.RecordBatch {
	n := int(b.NumRows())
	name := array.NewStringBuilder(memory.DefaultAllocator)
	row := array.NewInt64Builder(memory.DefaultAllocator)
	place := array.NewInt64Builder(memory.DefaultAllocator)
	for i := range n {
		name.Append(f.key())
		row.Append(from + int64(i))
		place.Append(load.Place(f.entry.Seq, from+int64(i)))
	}
	cols := []arrow.Array{name.NewArray(), row.NewArray(), place.NewArray()}
	var fields []arrow.Field
	for i, c := range lineage {
		fields = append(fields, arrow.Field{Name: c.Name, Type: cols[i].DataType()})
	}
	for i, c := range b.Schema().Fields() {
		col := b.Column(i)
		col.Retain()
		if c.Type.ID() == arrow.TIMESTAMP {
			col, c.Type = micros(col), arrow.PrimitiveTypes.Int64
		}
		if c.Name == "recip_address_street" && f.name == load.EventFile {
			cols = append(cols, folded(col))
			fields = append(fields, arrow.Field{Name: streetKey.Name, Type: arrow.BinaryTypes.String, Nullable: true})
		}
		cols, fields = append(cols, col), append(fields, c)
	}
	out := array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(n))
	for _, c := range cols {
		c.Release()
	}
	return out
}

// micros shows times as the whole numbers that they are, and lets col go.
func micros(col arrow.Array) arrow.Array {
	defer col.Release()
	d := col.Data()
	data := array.NewData(arrow.PrimitiveTypes.Int64, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset())
	defer data.Release()
	return array.NewInt64Data(data)
}

func folded(col arrow.Array) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for i := range col.Len() {
		if col.IsNull(i) {
			b.Append("") // as the model has it
			continue
		}
		b.Append(fold(col.ValueStr(i)))
	}
	return b.NewArray()
}

// fold is DuckDB's regexp_replace(upper(strip_accents(s)), '[^A-Z0-9]', ”, 'g').
func fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		r = unicode.ToUpper(r)
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			b.WriteByte(byte(r))
		}
	}
	return b.String()
}

// spoolName is the file's name on the stage.
func spoolName(f file) string {
	return strings.ReplaceAll(f.key(), "/", "-") + "-" + filepath.Base(f.name)
}
