package cvrs

import (
	"bytes"
	"fmt"
	"io"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// reader cuts a payload into blocks of whole lines. It only reads, looks for
// the last line end and counts lines: the work is Decode's, which may run on
// other goroutines.
type reader struct {
	d     *Decoder
	src   io.Reader
	name  string
	size  int
	lay   *layout
	fault *extract.Fault // of the header, where it is read all the same
	tail  []byte         // read, and not yet handed out
	line  int64          // number of the next line
	done  bool           // src has ended
	any   bool           // a block was handed out
	err   error
}

// header returns the first line that is not blank, without its line end, and
// puts what was read behind it in front of r.src. It reads little at first, so
// that a small payload costs a small buffer.
func (r *reader) header() ([]byte, error) {
	for want := 64 << 10; ; want *= 2 {
		have := len(r.tail)
		r.tail = append(r.tail, make([]byte, want-have)...)
		n, err := r.fill(r.tail, have)
		r.tail = r.tail[:n]
		if err != nil {
			return nil, err
		}
		if have == 0 {
			if err := extract.Refuse(r.tail, r.name); err != nil {
				return nil, err
			}
		}
		for {
			end := bytes.IndexByte(r.tail, '\n')
			if end < 0 && r.done {
				end = len(r.tail)
			}
			if end < 0 || end == 0 && len(r.tail) == 0 {
				break
			}
			line := r.tail[:end]
			r.tail = r.tail[min(end+1, len(r.tail)):]
			r.line++
			if len(bytes.TrimSpace(line)) > 0 {
				r.unread()
				return line, nil
			}
		}
		if r.done || len(r.tail) > maxLine {
			return nil, extract.NewFault(r.name, 1, "FMT_003", "the file is not a CVRS: it has no header line",
				"the first line must hold the CVRS column names, with tabs between them")
		}
	}
}

// unread makes r.src begin with r.tail.
func (r *reader) unread() {
	if r.done {
		r.size = min(r.size, len(r.tail)+1)
	}
	r.src = io.MultiReader(bytes.NewReader(r.tail), r.src)
	r.tail, r.done = nil, false
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

// Next returns the next block. A payload without records gives none, unless
// there is something to say about its header.
func (r *reader) Next() (extract.Block, error) {
	if r.err != nil {
		return nil, r.err
	}
	b, err := r.next()
	if err != nil {
		r.err = err
		return nil, err
	}
	b.first, r.any = !r.any, true
	r.line += b.lines
	return b, nil
}

func (r *reader) next() (*block, error) {
	if r.done && len(r.tail) == 0 {
		if r.lay.unknown && !r.any {
			return &block{r: r, line: r.line}, nil
		}
		return nil, io.EOF
	}
	for limit := max(r.size, len(r.tail)+1); ; limit = min(2*limit, maxLine+2) {
		buf := r.d.text(limit)
		text := *buf
		n, err := r.fill(text[:limit], copy(text, r.tail))
		if err != nil {
			return nil, err
		}
		if r.done && n > 0 && text[n-1] != '\n' {
			text[n] = '\n' // there is room behind the limit
			n++
		}
		if end := bytes.LastIndexByte(text[:n], '\n') + 1; end > 0 {
			return r.cut(buf, end, n), nil
		}
		if n > maxLine+1 { // the line end may be CR LF
			return r.skip(buf)
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
	return &block{r: r, buf: buf, text: text[:end], line: r.line, lines: int64(bytes.Count(text[:end], []byte{'\n'}))}
}

// skip reads over a line that is too long, in the buffer that holds its
// beginning, and makes a block of the reject alone.
func (r *reader) skip(buf *[]byte) (*block, error) {
	text := *buf
	long := dose.Reject{Row: -1, Line: r.line, Check: dose.LineTooLong, Record: bytes.Clone(text[:keptOfLong])}
	for {
		n, err := r.fill(text[:len(text)-slack], 0)
		if err != nil {
			return nil, err
		}
		end := bytes.IndexByte(text[:n], '\n') + 1
		if end > 0 || r.done {
			if end == 0 {
				end = n
			}
			r.tail = append(r.tail[:0], text[end:n]...)
			r.d.texts.Put(buf)
			return &block{r: r, line: r.line, lines: 1, long: []dose.Reject{long}}, nil
		}
	}
}
