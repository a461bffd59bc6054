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

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// File is one file of a segment. Path is relative to the lake.
type File struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Rows   int64  `json:"rows"`
}

// Segment is one segment in the making. Write its batches in the order of the
// payload, then Commit; Abort in any other case.
type Segment struct {
	lake   Lake
	folder *durable.Folder
	event  *table
	issue  *table
	reject *table
	rows   int64
}

// Begin starts a segment. A folder of that name that is left from a run which
// never reached the ledger is removed: call it under the lease only, and only
// for a segment that the ledger does not hold.
func (l Lake) Begin(registry, segment string) (_ *Segment, err error) {
	defer dose.Wrap(&err, "begin segment %s/%s", registry, segment)
	path, err := l.Folder(registry, segment)
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	folder, err := durable.MkdirPart(path)
	if err != nil {
		return nil, err
	}
	s := &Segment{lake: l, folder: folder}
	s.event, err = newTable(filepath.Join(folder.Dir, EventFile), dose.SegmentColumns())
	if err != nil {
		folder.Abort()
		return nil, err
	}
	return s, nil
}

// Write appends one batch of events (the segment schema) as a row group, with
// its findings. Issue rows count from the start of the batch.
func (s *Segment) Write(events arrow.RecordBatch, issues []dose.Issue, rejects []dose.Reject) error {
	err := s.event.write(events)
	if err == nil && len(issues) > 0 {
		err = s.findings(&s.issue, IssueFile, issueColumns, issueBatch(issues, s.rows))
	}
	if err == nil && len(rejects) > 0 {
		err = s.findings(&s.reject, RejectFile, rejectColumns, rejectBatch(rejects))
	}
	s.rows += events.NumRows()
	return err
}

func (s *Segment) findings(t **table, name string, cols []dose.Column, b arrow.RecordBatch) (err error) {
	defer b.Release()
	if *t == nil {
		if *t, err = newTable(filepath.Join(s.folder.Dir, name), cols); err != nil {
			return err
		}
	}
	return (*t).write(b)
}

// Commit makes the segment part of the lake. It counts only once the ledger
// names it.
func (s *Segment) Commit(registry, segment string) (_ []File, err error) {
	defer dose.Wrap(&err, "commit segment %s/%s", registry, segment)
	var files []File
	for _, t := range []*table{s.event, s.issue, s.reject} {
		if t == nil {
			continue
		}
		f, err := t.close()
		if err != nil {
			return nil, err
		}
		f.Path = registry + "/" + segment + "/" + f.Path
		files = append(files, f)
	}
	return files, s.folder.Commit()
}

// Abort removes what was written. After Commit it does nothing.
func (s *Segment) Abort() {
	for _, t := range []*table{s.event, s.issue, s.reject} {
		if t != nil {
			_ = t.file.Close()
		}
	}
	s.folder.Abort()
}

// table is one Parquet file in the making; its hash is taken on the way.
type table struct {
	file  *os.File
	sum   hash.Hash
	w     *pqarrow.FileWriter
	bytes int64
	rows  int64
}

func newTable(path string, cols []dose.Column) (*table, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	t := &table{file: f, sum: sha256.New()}
	t.w, err = pqarrow.NewFileWriter(dose.Schema(cols), t, ParquetProperties(cols), pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return t, nil
}

// ParquetProperties are the settings all our Parquet files share. Dictionaries
// never fall back to plain: the footer's order would be random then (seen in
// arrow-go v18.5), and bytes would differ from run to run.
func ParquetProperties(cols []dose.Column) *parquet.WriterProperties {
	opts := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(1),
		parquet.WithVersion(parquet.V2_LATEST), parquet.WithCreatedBy("dosebook"),
		parquet.WithMaxRowGroupLength(1 << 30), parquet.WithBatchSize(1 << 16),
		parquet.WithDictionaryPageSizeLimit(1 << 30),
	}
	for _, c := range cols {
		switch c.Type {
		case dose.Text:
			opts = append(opts, parquet.WithStatsFor(c.Name, false))
		case dose.LongTxt:
			opts = append(opts, parquet.WithDictionaryFor(c.Name, false), parquet.WithStatsFor(c.Name, false))
		default:
			opts = append(opts, parquet.WithDictionaryFor(c.Name, false))
		}
	}
	return parquet.NewWriterProperties(opts...)
}

func (t *table) Write(p []byte) (int, error) {
	n, err := t.file.Write(p)
	t.sum.Write(p[:n])
	t.bytes += int64(n)
	return n, err
}

// Close is for the Parquet writer, which closes what it writes to; the file
// is closed by close.
func (t *table) Close() error { return nil }

var _ io.WriteCloser = (*table)(nil)

func (t *table) write(b arrow.RecordBatch) error {
	if b.NumRows() == 0 {
		return nil
	}
	t.rows += b.NumRows()
	if err := t.w.Write(b); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(t.file.Name()), err)
	}
	return nil
}

func (t *table) close() (File, error) {
	name := filepath.Base(t.file.Name())
	if err := errors.Join(t.w.Close(), t.file.Close()); err != nil {
		return File{}, fmt.Errorf("close %s: %w", name, err)
	}
	return File{Path: name, Bytes: t.bytes, SHA256: hex.EncodeToString(t.sum.Sum(nil)), Rows: t.rows}, nil
}
