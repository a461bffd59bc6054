package release

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	parquet "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// stitch writes to w a Parquet file of the given row groups of src: their
// bytes as they are, and a footer of their own. It costs a copy, where writing
// the rows again would cost encoding and compression (bench/README.md).
func stitch(src string, groups []int, w io.Writer) (rows int64, err error) {
	f, err := os.Open(src)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	p, err := parquet.OpenFile(f, st.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return 0, fmt.Errorf("stitch: %w", err)
	}
	meta := *p.Metadata()
	all := meta.RowGroups
	meta.RowGroups, meta.NumRows = nil, 0
	out := &offsetWriter{w: w}
	if _, err := out.Write([]byte("PAR1")); err != nil {
		return 0, err
	}
	for n, g := range groups {
		rg := all[g]
		from, to := extent(&rg)
		move(&rg, out.n-from)
		rg.Ordinal = int16(n)
		if _, err := io.Copy(out, io.NewSectionReader(f, from, to-from)); err != nil {
			return 0, fmt.Errorf("stitch: %w", err)
		}
		meta.RowGroups = append(meta.RowGroups, rg)
		meta.NumRows += rg.NumRows
	}
	return meta.NumRows, writeFooter(&meta, out)
}

// writeFooter ends a Parquet file.
func writeFooter(meta *format.FileMetaData, w io.Writer) error {
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), meta)
	if err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	tail := binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))
	_, err = w.Write(append(tail, "PAR1"...))
	return err
}

// extent returns where a row group's pages lie. Our writer puts the column
// chunks of a row group one after the other.
func extent(rg *format.RowGroup) (from, to int64) {
	for i := range rg.Columns {
		m := &rg.Columns[i].MetaData
		start := m.DataPageOffset
		if m.DictionaryPageOffset > 0 {
			start = min(start, m.DictionaryPageOffset)
		}
		if end := start + m.TotalCompressedSize; i == 0 || end > to {
			to = end
		}
		if i == 0 || start < from {
			from = start
		}
	}
	return from, to
}

func move(rg *format.RowGroup, by int64) {
	cols := rg.Columns
	rg.Columns = nil
	for _, c := range cols {
		m := &c.MetaData
		m.DataPageOffset += by
		if m.DictionaryPageOffset > 0 {
			m.DictionaryPageOffset += by
		}
		// The end of the chunk, where the format once kept a copy of its metadata.
		if c.FileOffset > 0 {
			c.FileOffset += by
		}
		rg.Columns = append(rg.Columns, c)
	}
	if rg.FileOffset > 0 {
		rg.FileOffset += by
	}
}

type offsetWriter struct {
	w io.Writer
	n int64
}

func (c *offsetWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// errShort is a file with other rows than it should have.
var errShort = errors.New("a column has another number of rows than its file")
