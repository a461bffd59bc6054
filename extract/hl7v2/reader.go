package hl7v2

import (
	"bytes"
	"fmt"
	"io"
	"strconv"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// reader cuts a payload into blocks of whole messages, counts lines, and holds
// batch trailers against what came before them. The rest is Decode's.
type reader struct {
	d     *Decoder
	src   io.Reader
	name  string
	size  int
	tail  []byte // read, and not yet handed out
	line  int64  // number of the next line
	done  bool   // src has ended
	ended bool   // what there is to say at the end was said
	count counter
	err   error
}

// region is a message, or a batch or file segment, with what follows up to the
// next: where it begins, and on which line.
type region struct {
	at   uint32
	kind kind
	line int64
}

// fill reads into buf from n on until it is full or src ends.
func (r *reader) fill(buf []byte, n int) (int, error) {
	if r.done {
		return n, nil
	}
	n, done, err := extract.Fill(r.src, buf, n)
	if r.done = done; err != nil {
		return n, fmt.Errorf("read %s after line %d: %w", r.name, r.line-1, err)
	}
	return n, nil
}

// Next returns the next block.
func (r *reader) Next() (extract.Block, error) {
	if r.err != nil {
		return nil, r.err
	}
	b, err := r.next()
	if err != nil {
		r.err = err
		return nil, err
	}
	return b, nil
}

func (r *reader) next() (*block, error) {
	if r.done && len(r.tail) == 0 {
		return r.close()
	}
	for limit := max(r.size, len(r.tail)+1, 2*maxFrame); ; limit = min(2*limit, maxMessage+2*maxFrame) {
		buf := r.d.text(limit)
		text := *buf
		n, err := r.fill(text[:limit], copy(text, r.tail))
		if err != nil {
			return nil, err
		}
		end := n
		if !r.done {
			end = lastHeader(text[:n])
		}
		if end > 0 {
			return r.cut(buf, end, n), nil
		}
		if n > maxMessage+maxFrame {
			return r.skip(buf, n)
		}
		r.tail = append(r.tail[:0], text[:n]...)
		r.d.texts.Put(buf)
		if r.done {
			return r.next()
		}
	}
}

// cut makes a block of the first end bytes of buf; what follows, up to n,
// waits for the next.
func (r *reader) cut(buf *[]byte, end, n int) *block {
	text := *buf
	r.tail = append(r.tail[:0], text[end:n]...)
	clear(text[end : end+slack]) // no bytes of former blocks, so that a cell never depends on them
	b := &block{d: r.d, buf: buf, text: text[:end]}
	s := newSegments(b.text, r.line)
	for {
		seg, at, line, ok := s.next()
		if !ok {
			break
		}
		seg = trimFrame(seg)
		if k := headerKind(seg); k != inside {
			b.regions = append(b.regions, region{uint32(at), k, line})
			b.issues = r.count.header(k, seg, b.issues)
		} else if len(b.regions) == 0 && len(seg) > 0 {
			b.regions = append(b.regions, region{uint32(at), inside, line})
		}
	}
	r.line = s.line
	if r.done && len(r.tail) == 0 {
		b.issues, r.ended = r.count.end(b.issues), true
	}
	return b
}

// close says what is left to say when the last block could not.
func (r *reader) close() (*block, error) {
	if !r.ended {
		r.ended = true
		if issues := r.count.end(nil); issues != nil {
			return &block{d: r.d, issues: issues}, nil
		}
	}
	return nil, io.EOF
}

// skip reads over a message that is too long, in the buffer that holds its
// beginning, and makes a block of the reject alone.
func (r *reader) skip(buf *[]byte, n int) (*block, error) {
	text := (*buf)[:len(*buf)-slack]
	b := &block{d: r.d, kept: bytes.Clone(text[:keptOfLong])}
	seg := trimFrame(until(until(text[:n], '\r'), '\n'))
	b.regions = []region{{0, headerKind(seg), r.line}}
	b.issues = r.count.header(b.regions[0].kind, seg, nil)
	for first := true; ; {
		var at int
		var found bool
		if at, found, first = r.skipTo(text[:n], first); found || r.done {
			r.tail = append(r.tail[:0], text[at:n]...)
			r.d.texts.Put(buf)
			return b, nil
		}
		last := text[n-1] // perhaps a CR whose LF comes next
		if n-at > 2*maxFrame {
			n = at + 2*maxFrame // of a segment without end its head will do
		}
		at = copy(text, text[at:n])
		text[at-1] = last
		var err error
		if n, err = r.fill(text, at); err != nil {
			return nil, err
		}
	}
}

// skipTo counts lines up to the next one that begins something, or up to the
// last one that may not be whole, and returns where that begins. When first,
// the line at the start is the one to skip; it returns whether it still is.
func (r *reader) skipTo(text []byte, first bool) (at int, found, still bool) {
	s := newSegments(text, r.line)
	for {
		seg, at, line, ok := s.next()
		if !ok {
			return len(text), false, false
		}
		whole := r.done || s.at < len(text)
		if !first && begins(seg, whole) {
			return at, true, false
		}
		if !whole {
			return at, false, first
		}
		first, r.line = false, line+1
	}
}

// counter holds batch and file trailers against what came before them (HL7
// 2.5.1, 2.10.3).
type counter struct {
	inFile, inBatch   bool
	batches, messages int64
}

// header takes note of a header or trailer segment.
func (c *counter) header(k kind, seg []byte, issues []dose.Issue) []dose.Issue {
	bad := func(is bool, check dose.Check) {
		if is {
			issues = append(issues, dose.Issue{Row: -1, Check: check, Field: dose.NoField})
		}
	}
	switch k {
	case message:
		c.messages++
	case fileHead:
		bad(c.inFile || c.inBatch, dose.BatchOpen)
		*c = counter{inFile: true}
	case batchHead:
		bad(c.inBatch, dose.BatchOpen)
		c.inBatch, c.messages = true, 0
		c.batches++
	case batchEnd:
		bad(!c.inBatch, dose.BatchOpen)
		bad(c.inBatch && differs(seg, c.messages), dose.BatchCount)
		c.inBatch = false
	case fileEnd:
		bad(!c.inFile || c.inBatch, dose.BatchOpen)
		bad(c.inFile && differs(seg, c.batches), dose.BatchCount)
		*c = counter{}
	}
	return issues
}

// end says whether something is still open.
func (c *counter) end(issues []dose.Issue) []dose.Issue {
	if c.inBatch || c.inFile {
		issues = append(issues, dose.Issue{Row: -1, Check: dose.BatchOpen, Field: dose.NoField})
	}
	return issues
}

// differs reads the first field of a trailer, which may be empty. What is no
// number differs.
func differs(seg []byte, n int64) bool {
	if len(seg) < 5 {
		return false
	}
	text := bytes.TrimSpace(until(seg[4:], seg[3]))
	if len(text) == 0 {
		return false
	}
	said, err := strconv.ParseInt(string(text), 10, 64)
	return err != nil || said != n
}
