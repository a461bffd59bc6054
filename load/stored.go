package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/dosebook/dosebook/dose"
)

// Stored reads a Parquet file of a segment, one row group after the other: a
// row group is what one block of the payload became, so memory is bounded by
// the block. Texts come as dictionaries. It is for one goroutine.
type Stored struct {
	f       *file.Reader // nil: the segment has no such file
	r       *pqarrow.FileReader
	columns []int
	rows    int64
	next    int
}

// Stored opens a file of a segment. Only the named columns are read, nil means
// all; a column that the file has not got is left out. A file that is not
// there has no rows: a segment holds findings only where there are any.
func (l Lake) Stored(registry, segment, name string, columns []string) (_ *Stored, err error) {
	defer dose.Wrap(&err, "read %s of segment %s/%s", name, registry, segment)
	folder, err := l.Folder(registry, segment)
	if err != nil {
		return nil, err
	}
	f, err := file.OpenParquetFile(filepath.Join(folder, name), false)
	if errors.Is(err, fs.ErrNotExist) && name != EventFile {
		return &Stored{}, nil
	}
	if err != nil {
		return nil, err
	}
	s := &Stored{f: f, rows: f.NumRows()}
	props := pqarrow.ArrowReadProperties{BatchSize: 1}
	for i := range f.NumRowGroups() {
		props.BatchSize = max(props.BatchSize, f.MetaData().RowGroup(i).NumRows())
	}
	schema, types := f.MetaData().Schema, dictionaries()
	want := map[string]bool{}
	for _, c := range columns {
		want[c] = true
	}
	for i := range schema.NumColumns() {
		if c := schema.Column(i).Name(); columns == nil || want[c] {
			s.columns = append(s.columns, i)
			props.SetReadDict(i, types[c])
		}
	}
	if s.r, err = pqarrow.NewFileReader(f, props, memory.DefaultAllocator); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// dictionaries says which columns of a segment's files are dictionaries.
func dictionaries() map[string]bool {
	is := map[string]bool{}
	for _, cols := range [][]dose.Column{dose.SegmentColumns(), issueColumns, rejectColumns} {
		for _, c := range cols {
			is[c.Name] = c.Type == dose.Text
		}
	}
	return is
}

// Rows is the number of rows in the file.
func (s *Stored) Rows() int64 { return s.rows }

// Next returns the next row group, which the caller releases, or io.EOF.
func (s *Stored) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if s.f == nil || s.next == s.f.NumRowGroups() {
		return nil, io.EOF
	}
	batches, err := s.r.GetRecordReader(ctx, s.columns, []int{s.next})
	if err != nil {
		return nil, fmt.Errorf("row group %d: %w", s.next, err)
	}
	defer batches.Release()
	b, err := batches.Read()
	if err != nil {
		return nil, fmt.Errorf("row group %d: %w", s.next, err)
	}
	if want := s.f.MetaData().RowGroup(s.next).NumRows(); b.NumRows() != want {
		return nil, fmt.Errorf("row group %d: %d of %d rows came at once: %w", s.next, b.NumRows(), want, dose.ErrInvalid)
	}
	s.next++
	b.Retain()
	return b, nil
}

// Close gives the file free.
func (s *Stored) Close() error {
	if s.f == nil {
		return nil
	}
	return s.f.Close()
}

// RowGroups returns the rows of each row group of a segment's events: what one
// block of the payload became.
func (l Lake) RowGroups(registry, segment string) (rows []int64, err error) {
	s, err := l.Stored(registry, segment, EventFile, []string{})
	if err != nil {
		return nil, err
	}
	for i := range s.f.NumRowGroups() {
		rows = append(rows, s.f.MetaData().RowGroup(i).NumRows())
	}
	return rows, s.Close()
}
