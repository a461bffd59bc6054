package fhir

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// block is a run of records in the spool.
type block struct {
	*store
	d      *Decoder
	span   span
	issues []dose.Issue // on the payload
}

// worker holds what decoding needs and what is worth keeping between blocks.
type worker struct {
	*store // of the block in hand
	table  *extract.Table
	batch  *extract.Batch
	kept   [][]byte // the records of the rows
	cells  cells
	record []byte // of the patient in hand
}

func newWorker() *worker { return &worker{table: extract.NewTable(), cells: newCells()} }

// Decode makes the block's rows. An error means that what was set aside could
// not be read back.
func (b *block) Decode() (_ *extract.Batch, err error) {
	defer func() { err = errors.Join(err, b.release()) }()
	buf := b.d.buffer(int(b.span.to - b.span.from))
	text := *buf
	if n, err := b.records.readAt(text, b.span.from); err != nil {
		return nil, err
	} else if n < len(text) {
		return nil, errShort
	}
	w := b.d.worker()
	w.store, w.batch = b.store, &extract.Batch{Issues: slices.Clone(b.issues)}
	w.kept = nil // of its own, since Record needs it after the worker has gone on
	for len(text) > 0 {
		if text, err = w.next(text); err != nil {
			return nil, err
		}
	}
	out := w.finish(b, buf)
	b.d.workers.Put(w)
	return out, nil
}

// next decodes the record at the front of text and returns what follows.
func (w *worker) next(from []byte) (rest []byte, err error) {
	kind := from[0]
	line, n := binary.Uvarint(from[1:])
	time, rest := text(from[1+n:])
	record, rest := text(rest)
	refuse := func(check dose.Check) ([]byte, error) {
		w.batch.Rejects = append(w.batch.Rejects, dose.Reject{Row: -1, Line: int64(line), Check: check,
			Record: bytes.Clone(record[:min(len(record), keptOfLong)])})
		return rest, nil
	}
	switch {
	case kind >= refused:
		return refuse(verdicts[kind-refused])
	case hasNUL(record):
		return refuse(dose.NULByte)
	case !readable(record):
		return refuse(dose.JSONBad)
	}
	e := entry{resource: parse(record)}
	if kind == isEntry {
		e = readEntry(e.resource)
	}
	c := &w.cells
	c.reset(notUTF8(record))
	switch {
	case e.deletes:
		w.deletion(e, str(time))
	case scalar(e.resource.get("resourceType")) != "Immunization":
		return refuse(dose.ResourceBad)
	default:
		if err := w.immunization(e.resource, e.url); err != nil {
			return nil, err
		}
	}
	row := int32(w.table.Len())
	for _, f := range c.issues {
		w.batch.Issues = append(w.batch.Issues, dose.Issue{Row: row, Line: int64(line), Check: f.check, Field: f.field})
	}
	w.table.Append(c.at, int64(line))
	w.kept = append(w.kept, record)
	return rest, nil
}

func (w *worker) finish(b *block, buf *[]byte) *extract.Batch {
	n, out := w.table.Len(), w.batch
	out.Rows = w.table.Batch(b.d.mem())
	out.Records = int64(n + len(out.Rejects))
	slices.SortStableFunc(out.Issues, func(x, y dose.Issue) int {
		return cmp.Or(cmp.Compare(x.Row, y.Row), cmp.Compare(x.Field+1, y.Field+1))
	})
	kept, d := w.kept, b.d
	out.Record = func(row int) []byte { return kept[row] }
	out.Done = func() {
		if buf != nil {
			d.texts.Put(buf)
			buf, kept = nil, nil
		}
	}
	w.store, w.batch, w.kept = nil, nil, nil
	clear(w.cells.at)
	return out
}

func notUTF8(text []byte) bool { return !utf8.Valid(text) }

func newlines(text []byte) int { return bytes.Count(text, []byte{'\n'}) }

func trimLeft(text []byte) []byte {
	text = bytes.TrimLeft(text, " \t\r\n")
	return bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), " \t\r\n")
}
