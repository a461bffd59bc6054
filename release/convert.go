package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// The formats that can be made from a release's Parquet file.
const (
	CSV    = "csv"
	CSVGz  = "csv.gz"
	NDJSON = "ndjson"
)

// Formats returns the names that Convert takes.
func Formats() []string { return []string{CSV, CSVGz, NDJSON, XLSX} }

// gzipLevel is klauspost's. Measured on 70 columns: levels 1 to 3 cost the
// same, 2 being 2 % smaller than 1; level 5 takes 1.6 times the CPU for a
// file 11 % smaller.
const gzipLevel = 2

// flushAt is how much text is gathered before it is written.
const flushAt = 256 << 10

// Convert makes dst from the Parquet file src and returns its rows. dst
// appears whole or not at all, with mode 0600, and is the same bytes every
// time.
//
// csv is RFC 4180 with a header, but with lines that end in LF alone: CR LF
// breaks line tools, and every reader takes LF. Dates are ISO 8601, times RFC
// 3339 in UTC, booleans true and false, null is empty. A cell is quoted when
// it holds a comma, a quote, CR or LF, or starts or ends with a space. Text
// stands as it was reported, also where a spreadsheet would take it for a
// formula: what must not be changed is the record (DESIGN §5.7). csv.gz is
// the same, packed, without a time inside.
//
// ndjson is one object a line with the columns in order; null columns are
// left out. 64-bit integers are JSON numbers with all their digits: readers
// that keep numbers as doubles must be told to keep person_id and dose_id
// whole.
//
// xlsx: see XLSX.
func Convert(ctx context.Context, src, dst, format string) (rows int64, err error) {
	defer dose.Wrap(&err, "convert %s to %s", filepath.Base(src), format)
	out, err := durable.Create(dst)
	if err != nil {
		return 0, err
	}
	rows, err = ConvertTo(ctx, src, out, format)
	if err != nil {
		out.Abort()
		return 0, err
	}
	return rows, out.Commit()
}

// ConvertTo is Convert into w. After an error w holds part of a file.
func ConvertTo(ctx context.Context, src string, w io.Writer, format string) (rows int64, err error) {
	if !slices.Contains(Formats(), format) {
		return 0, fmt.Errorf("format %q is not one of %s: %w", format, strings.Join(Formats(), ", "), dose.ErrInvalid)
	}
	f, p, err := openParquet(src)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	if format == XLSX {
		return writeXLSX(ctx, p, w, sheetName(src), sheetRows)
	}
	if format != CSVGz {
		return newTextTable(p, w, format == NDJSON).write(ctx)
	}
	z, err := gzip.NewWriterLevel(w, gzipLevel)
	if err != nil {
		return 0, err
	}
	if rows, err = newTextTable(p, z, false).write(ctx); err != nil {
		return rows, err
	}
	return rows, z.Close()
}

// Columns returns name and type of the columns of a Parquet file, in order.
func Columns(src string) ([]dose.Column, error) {
	f, p, err := openParquet(src)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var cols []dose.Column
	for _, field := range p.Schema().Fields() {
		k, err := kindOf(field)
		if err != nil {
			return nil, err
		}
		cols = append(cols, dose.Column{Name: field.Name(), Type: k.columnType()})
	}
	return cols, nil
}

// openParquet opens a file and makes sure that every column can be read.
func openParquet(src string) (*os.File, *parquet.File, error) {
	f, err := os.Open(src)
	if err != nil {
		return nil, nil, err
	}
	p, err := parquetIn(f)
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, p, nil
}

func parquetIn(f *os.File) (*parquet.File, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	p, err := parquet.OpenFile(f, st.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		if at := (*os.PathError)(nil); errors.As(err, &at) {
			err = at.Err // this is told to clients, and the path is not theirs
		}
		return nil, fmt.Errorf("%s is no readable Parquet file (%w): %w", filepath.Base(f.Name()), err, dose.ErrInvalid)
	}
	for _, field := range p.Schema().Fields() {
		if _, err := kindOf(field); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// textTable writes the rows of one file as text, or as cells of sheets.
type textTable struct {
	file *parquet.File
	w    io.Writer
	json bool
	book *workbook // XLSX only
	cols []textColumn
	buf  []byte
}

func newTextTable(p *parquet.File, w io.Writer, json bool) *textTable {
	t := &textTable{file: p, w: w, json: json}
	fields := p.Schema().Fields()
	for i, field := range fields {
		k, _ := kindOf(field) // openParquet has asked
		t.cols = append(t.cols, newTextColumn(field.Name(), k, json, i == len(fields)-1, len(fields) == 1))
	}
	return t
}

func (t *textTable) write(ctx context.Context) (rows int64, err error) {
	if !t.json && t.book == nil {
		for i := range t.cols {
			t.buf = appendCSV(t.buf, []byte(t.cols[i].name))
			t.buf = append(t.buf, t.cols[i].after...)
		}
	}
	for _, rg := range t.file.RowGroups() {
		if err := t.rowGroup(ctx, rg); err != nil {
			return rows, err
		}
		rows += rg.NumRows()
	}
	return rows, t.flush()
}

func (t *textTable) rowGroup(ctx context.Context, rg parquet.RowGroup) error {
	chunks := rg.ColumnChunks()
	for i := range t.cols {
		t.cols[i].open(chunks[i])
	}
	defer func() {
		for i := range t.cols {
			t.cols[i].close()
		}
	}()
	for left := int(rg.NumRows()); left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := left
		for i := range t.cols {
			have, err := t.cols[i].rows()
			if err != nil {
				return fmt.Errorf("column %s: %w", t.cols[i].name, err)
			}
			n = min(n, have)
		}
		if err := t.render(ctx, n); err != nil {
			return err
		}
		left -= n
	}
	return nil
}

// render writes the next n rows, which every column has at hand.
func (t *textTable) render(ctx context.Context, n int) error {
	for range n {
		if err := t.row(); err != nil {
			return err
		}
		if len(t.buf) >= flushAt {
			if err := t.flush(); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *textTable) row() error {
	if t.book != nil {
		return t.book.add(t)
	}
	start := len(t.buf)
	for i := range t.cols {
		t.buf = t.cols[i].next(t.buf)
	}
	if t.json {
		t.buf = closeObject(t.buf, start)
	}
	return nil
}

// closeObject turns the members after start, each led by a comma, into an object.
func closeObject(buf []byte, start int) []byte {
	if len(buf) == start {
		return append(buf, "{}\n"...)
	}
	buf[start] = '{'
	return append(buf, "}\n"...)
}

func (t *textTable) flush() error {
	_, err := t.w.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}
