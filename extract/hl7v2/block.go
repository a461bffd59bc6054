package hl7v2

import (
	"bytes"
	"cmp"
	"slices"
	"unicode/utf8"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// block is a run of whole messages.
type block struct {
	d       *Decoder
	buf     *[]byte // text and slack, from the decoder's pool; nil for none
	text    []byte
	regions []region
	issues  []dose.Issue // on the batches
	kept    []byte       // the start of the one region, a message that was skipped; instead of text
}

// end returns where region i ends.
func (b *block) end(i int) int {
	if i+1 < len(b.regions) {
		return int(b.regions[i+1].at)
	}
	return len(b.text)
}

// worker holds what decoding needs and what is worth keeping between blocks.
type worker struct {
	table *extract.Table
	batch *extract.Batch
	refs  []ref // of the rows
	text  []byte
	cells [][]byte // of the row in hand, by raw column
	group group
	msg   messageState
	arena []byte // texts that are not in the payload as such: dates, escapes undone

	field, comp parts
}

// ref says where a row's record lies: the message up to its first order, and
// the order.
type ref struct{ head, headEnd, from, to uint32 }

// messageState is what the segments of a message before its orders say.
type messageState struct {
	delimiters
	at, end  int
	line     int64
	verdict  verdict // why none of it can be used
	pid, pd1 bool
	dirty    bool // has escapes, or bytes that are no UTF-8
	issues   []finding
	headEnd  int // where the first order begins; 0 before
	orders   int // RXA so far
	rejects  int // of the batch, before this message
	orphans  []dose.Reject
}

// verdict is a check that refuses; none when bad is false.
type verdict struct {
	check dose.Check
	field string // raw column
	bad   bool
}

func (v *verdict) set(c dose.Check, field string) {
	if !v.bad {
		*v = verdict{c, field, true}
	}
}

type finding struct {
	check dose.Check
	field uint16
}

// group is one order: ORC, RXA and what follows them.
type group struct {
	open, orc, rxa, rxr bool
	at                  int
	line                int64 // of the RXA, else of the ORC
	issues              []finding
}

func newWorker() *worker {
	return &worker{table: extract.NewTable(), cells: make([][]byte, len(dose.Raw())-1)}
}

// Decode makes the block's rows. It never returns an error: what can't be read
// becomes a reject.
func (b *block) Decode() (*extract.Batch, error) {
	w := b.d.worker()
	defer b.d.workers.Put(w)
	w.batch = &extract.Batch{Issues: slices.Clone(b.issues)}
	w.text = b.text
	w.refs = make([]ref, 0, len(b.regions)) // of its own, since Record needs it after the worker has gone on
	valid, hasNUL := utf8.Valid(b.text), bytes.IndexByte(b.text, 0) >= 0
	for i, r := range b.regions {
		at, end := int(r.at), b.end(i)
		switch {
		case b.kept != nil:
			w.reject(b.tooLong(i), r.line, b.kept)
		case end-at > maxMessage:
			w.reject(b.tooLong(i), r.line, b.text[at:at+keptOfLong])
		case r.kind != message:
			w.stray(r, end)
		case hasNUL && bytes.IndexByte(b.text[at:end], 0) >= 0:
			w.reject(dose.NULByte, r.line, b.text[at:end])
		default:
			w.message(r, end, !valid && !utf8.Valid(b.text[at:end]))
		}
	}
	return w.finish(b), nil
}

func (b *block) tooLong(i int) dose.Check {
	if b.regions[i].kind == message {
		return dose.MessageTooLong
	}
	return dose.StrayText
}

// stray rejects what stands behind a batch or file segment and is in no
// message. The batch segments themselves are no records.
func (w *worker) stray(r region, end int) {
	s := newSegments(w.text[r.at:end], r.line)
	for {
		seg, at, line, ok := s.next()
		if !ok {
			return
		}
		if len(trimFrame(seg)) > 0 && (at > 0 || r.kind == inside) {
			w.reject(dose.StrayText, line, w.text[int(r.at)+at:end])
			return
		}
	}
}

func (w *worker) finish(b *block) *extract.Batch {
	n, out := w.table.Len(), w.batch
	out.Rows = w.table.Batch(b.d.mem())
	out.Records = int64(n + len(out.Rejects))
	slices.SortStableFunc(out.Issues, func(x, y dose.Issue) int {
		return cmp.Or(cmp.Compare(x.Row, y.Row), cmp.Compare(x.Field+1, y.Field+1))
	})
	text, refs, buf := b.text, w.refs, b.buf
	out.Record = func(row int) []byte { return record(text, refs[row]) }
	out.Done = func() {
		if buf != nil {
			b.d.texts.Put(buf)
			buf = nil
		}
	}
	w.batch, w.refs, w.text = nil, nil, nil
	clear(w.cells)
	w.arena = w.arena[:0]
	return out
}

// record puts a message's head and one of its orders together: what was
// received of one dose, and a message by itself.
func record(text []byte, r ref) []byte {
	if r.headEnd == r.from {
		return trimEnd(text[r.head:r.to])
	}
	head := text[r.head:r.headEnd]
	return trimEnd(append(head[:len(head):len(head)], text[r.from:r.to]...))
}

// trimEnd takes line ends and MLLP's end block off.
func trimEnd(text []byte) []byte { return bytes.TrimRight(text, "\r\n\x1c\v") }

// ref returns the place of the order in hand, which ends at to. The head is
// left out when the message has so many orders that repeating it would cost
// too much.
func (w *worker) ref(to int) ref {
	m := &w.msg
	r := ref{uint32(m.at), uint32(m.headEnd), uint32(w.group.at), uint32(to)}
	if (m.headEnd-m.at)*m.orders > keptInAll {
		r.head, r.headEnd = r.from, r.from
	}
	return r
}

func (w *worker) reject(check dose.Check, line int64, record []byte) {
	w.batch.Rejects = append(w.batch.Rejects, refused(verdict{check: check}, line, record))
}

func refused(v verdict, line int64, record []byte) dose.Reject {
	record = trimEnd(record[:min(len(record), keptOfLong)])
	return dose.Reject{Row: -1, Line: line, Check: v.check, Field: v.field, Record: bytes.Clone(record)}
}
