package fhir

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/tidwall/gjson"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// reader sorts a payload into people, places and records, then hands out the
// records in blocks.
type reader struct {
	*store
	d       *Decoder
	lines   lines
	sorted  bool
	blocks  []span
	open    span // the block that records are being added to
	outcome bool // the payload holds an OperationOutcome
	other   bool // or resources that are not read
	issues  []dose.Issue
	scratch cells
	pick    *picker // takes everything instead of the store; nil: none
	err     error
}

// span is the place of a block's records in the spool.
type span struct{ from, to int64 }

// store is what blocks need of the whole payload. The last user closes it;
// where a reading is abandoned Go's collector closes the files.
type store struct {
	people  people
	places  places
	records spool
	users   atomic.Int32
}

func (s *store) release() error {
	if s.users.Add(-1) > 0 {
		return nil
	}
	return errors.Join(s.people.spool.close(), s.records.close())
}

// Kinds of records. Above them come the refused ones: refused plus the place
// in verdicts.
const (
	isResource = iota
	isEntry    // an entry of a Bundle
	refused
)

var verdicts = [...]dose.Check{dose.LineTooLong, dose.NULByte, dose.JSONBad, dose.ResourceBad}

func newReader(d *Decoder, src io.Reader, name string) *reader {
	s := &store{people: people{spool: spool{dir: d.Dir, room: or(d.inHand, 32<<20)}},
		records: spool{dir: d.Dir, room: or(d.inHand, 4<<20)}}
	s.users.Store(1)
	return &reader{store: s, d: d, scratch: newCells(),
		lines: lines{src: bufio.NewReaderSize(src, 256<<10), name: name, max: or(d.text, maxText)}}
}

// Next returns the next block. The first call reads the whole payload.
func (r *reader) Next() (extract.Block, error) {
	if r.err != nil {
		return nil, r.err
	}
	if !r.sorted {
		r.sorted = true
		if err := r.sort(); err != nil {
			r.err = errors.Join(err, r.release())
			return nil, r.err
		}
	}
	if len(r.blocks) == 0 && r.issues == nil {
		r.err = io.EOF
		if err := r.release(); err != nil {
			r.err = fmt.Errorf("read %s: %w", r.lines.name, err)
		}
		return nil, r.err
	}
	b := &block{d: r.d, store: r.store, issues: r.issues}
	r.issues = nil
	if len(r.blocks) > 0 {
		b.span, r.blocks = r.blocks[0], r.blocks[1:]
	}
	r.users.Add(1)
	return b, nil
}

// sort reads the payload to its end.
func (r *reader) sort() error {
	for begun := false; ; {
		text, cut, err := r.lines.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		whole := trim(text)
		switch {
		case len(whole) == 0:
			continue
		case cut:
			err = r.refuse(dose.LineTooLong, r.lines.line, whole)
		case !begun && goesOn(whole):
			err = r.document(text)
		default:
			err = r.take(whole, r.lines.line)
		}
		if err != nil {
			return err
		}
		begun = true
	}
	return r.settle()
}

func (r *reader) settle() error {
	r.closeBlock()
	if err := r.records.flush(false); err != nil {
		return err
	}
	if err := r.people.settle(); err != nil {
		return err
	}
	file := func(is bool, check dose.Check) {
		if is {
			r.issues = append(r.issues, dose.Issue{Row: -1, Check: check, Field: dose.NoField})
		}
	}
	file(r.other, dose.ResourceOther)
	file(r.outcome, dose.ServerOutcome)
	return nil
}

// document reads a payload that is JSON over several lines, one value or some
// behind one another.
func (r *reader) document(start []byte) error {
	text, cut, err := r.lines.rest(start)
	if err != nil {
		return err
	}
	if cut {
		return extract.NewFault(r.lines.name, 0, "FMT_003", fmt.Sprintf("the JSON document is larger than %d MiB", r.lines.max>>20),
			"send NDJSON, one resource a line")
	}
	line := r.lines.line
	for at := 0; ; {
		skipped := len(text) - at - len(trimLeft(text[at:]))
		line += int64(newlines(text[at : at+skipped]))
		if at += skipped; at == len(text) {
			return nil
		}
		end, _, _ := walk(text[at:], len(text))
		if end < 0 {
			return extract.NewFault(r.lines.name, line, "FMT_003", "the JSON document is damaged or cut short", "send it again, whole")
		}
		if err := r.take(text[at:at+end], line); err != nil {
			return err
		}
		line += int64(newlines(text[at : at+end]))
		at += end
	}
}

// take sorts one JSON value that begins on a line.
func (r *reader) take(text []byte, line int64) error {
	kind := ""
	if text[0] == '{' {
		kind = gjson.Get(str(text), "resourceType").Str
	}
	switch {
	case kind == "Immunization":
		return r.keep(isResource, line, text)
	case kind == "" && text[0] != '[':
		return r.keep(isResource, line, text)
	case !readable(text):
		return r.refuse(dose.JSONBad, line, text)
	}
	x := walker{r: r, text: text, line: line}
	return x.value(parse(text), "", 0)
}

// keep sets a text aside that will be a row or a reject.
func (r *reader) keep(kind byte, line int64, text []byte) error {
	if len(text) > maxResource {
		return r.refuse(dose.LineTooLong, line, text)
	}
	return r.record(kind, line, text)
}

// refuse sets the beginning of a text aside that will be a reject.
func (r *reader) refuse(check dose.Check, line int64, text []byte) error {
	return r.record(refused+byte(slices.Index(verdicts[:], check)), line, text[:min(len(text), keptOfLong)])
}

// record adds a record to the block that is open, or to the next.
func (r *reader) record(kind byte, line int64, text []byte) error {
	return r.recordAt(kind, line, "", text)
}

// recordAt is record with the time of a Bundle, for its deletions.
func (r *reader) recordAt(kind byte, line int64, time string, text []byte) error {
	if r.pick != nil {
		r.pick.record(kind, line, time, text)
		return nil
	}
	s := &r.records
	at := s.end()
	if r.open.to > r.open.from && r.open.to-r.open.from+int64(len(text)) > int64(or(r.d.BlockSize, defaultBlock)) {
		r.closeBlock()
	}
	if r.open.to == r.open.from {
		r.open.from = at
	}
	s.buf = append(s.buf, kind)
	s.buf = binary.AppendUvarint(s.buf, uint64(line))
	s.buf = appendText(appendText(s.buf, raw(time)), text)
	r.open.to = s.end()
	return s.spill()
}

func (r *reader) closeBlock() {
	if r.open.to > r.open.from {
		r.blocks = append(r.blocks, r.open)
	}
	r.open = span{}
}
