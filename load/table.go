package load

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/dosebook/dosebook/dose"
)

// File is one file as written. In the ledger its Path is relative to the lake.
type File struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Rows   int64  `json:"rows"`
}

// Table is one Parquet file in the making; its hash is taken on the way. One
// Append makes one row group.
type Table struct {
	file  *os.File
	sum   hash.Hash
	w     *pqarrow.FileWriter
	bytes int64
	rows  int64
	bad   error // the first of a write: the Parquet writer forgets those in a footer
}

// NewTable starts the file at path, which must not exist, with the given
// columns. Text has no statistics, but for the columns named in stats.
func NewTable(path string, cols []dose.Column, stats ...string) (*Table, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	t := &Table{file: f, sum: sha256.New()}
	t.w, err = pqarrow.NewFileWriter(dose.Schema(cols), t, ParquetProperties(cols, stats...), pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return t, nil
}

// ParquetProperties are the settings all our Parquet files share. Dictionaries
// never fall back to plain: the footer's order would be random then (seen in
// arrow-go v18.5), and bytes would differ from run to run.
func ParquetProperties(cols []dose.Column, stats ...string) *parquet.WriterProperties {
	opts := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(1),
		parquet.WithVersion(parquet.V2_LATEST), parquet.WithCreatedBy("dosebook"),
		parquet.WithMaxRowGroupLength(1 << 30), parquet.WithBatchSize(1 << 16),
		parquet.WithDictionaryPageSizeLimit(1 << 30),
	}
	for _, c := range cols {
		switch c.Type {
		case dose.Text:
			opts = append(opts, parquet.WithStatsFor(c.Name, slices.Contains(stats, c.Name)))
		case dose.LongTxt:
			opts = append(opts, parquet.WithDictionaryFor(c.Name, false), parquet.WithStatsFor(c.Name, false))
		default:
			opts = append(opts, parquet.WithDictionaryFor(c.Name, false))
		}
	}
	return parquet.NewWriterProperties(opts...)
}

// Write is for the Parquet writer.
func (t *Table) Write(p []byte) (int, error) {
	if t.bad != nil {
		return 0, t.bad
	}
	n, err := t.file.Write(p)
	t.sum.Write(p[:n])
	t.bytes += int64(n)
	t.bad = err
	return n, err
}

// Close is for the Parquet writer, which closes what it writes to; the file
// is closed by Finish.
func (t *Table) Close() error { return nil }

var _ io.WriteCloser = (*Table)(nil)

// Append writes b as a row group; an empty batch writes nothing.
func (t *Table) Append(b arrow.RecordBatch) error {
	if b.NumRows() == 0 {
		return nil
	}
	t.rows += b.NumRows()
	if err := t.w.Write(b); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(t.file.Name()), err)
	}
	return nil
}

// Note writes a value into the file's footer, for readers that know the key.
func (t *Table) Note(key, value string) error { return t.w.AppendKeyValueMetadata(key, value) }

// Finish ends the file and says what it is; the name stands for the path. The
// bytes are not synced yet.
func (t *Table) Finish() (File, error) {
	name := filepath.Base(t.file.Name())
	err := errors.Join(t.w.Close(), t.file.Close())
	if err == nil {
		err = t.bad
	}
	if err != nil {
		return File{}, fmt.Errorf("close %s: %w", name, err)
	}
	return File{Path: name, Bytes: t.bytes, SHA256: hex.EncodeToString(t.sum.Sum(nil)), Rows: t.rows}, nil
}

// Abort closes a file that will not be used; removing it is the caller's.
func (t *Table) Abort() { _ = t.file.Close() }
