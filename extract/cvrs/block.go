package cvrs

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// block is a run of whole lines, each with its line feed.
type block struct {
	r     *reader
	buf   *[]byte // text and slack, from the decoder's pool; nil for none
	text  []byte
	line  int64 // number of the first line
	lines int64
	first bool          // of its payload
	long  []dose.Reject // the line that was skipped, instead of text
}

// chunkSize is the text that is indexed and then taken apart column by column
// while it lies in the processor's cache.
const chunkSize = 64 << 10

// chunk is a run of whole lines of a block: where its cells are.
type chunk struct {
	text  []byte   // with slack behind it; the block's, or a copy as UTF-8
	size  int      // bytes of text in it
	pos   []uint32 // places of tabs and line feeds in text; the first is the one before its first line
	first []uint32 // for each row, the place in pos of its first cell's end
	row   int      // number in the batch of the first row
}

// worker holds what decoding needs and what is worth keeping between blocks.
type worker struct {
	lay    *layout
	plain  []plainColumn
	dict   []dictColumn
	pos    []uint32
	first  []uint32
	last   []uint32 // cells of a last column whose lines end in CR LF
	lastAt []uint32
	utf8   []byte // a chunk that was Windows-1252
	hasNUL bool
	starts []uint32 // of the rows' lines in the block
	lines  []int64  // of the rows
	batch  *extract.Batch
}

func newWorker() *worker { return &worker{} }

// Decode makes the block's rows. It never returns an error: what can't be read
// becomes a reject.
func (b *block) Decode() (*extract.Batch, error) {
	d := b.r.d
	w := d.worker()
	defer d.workers.Put(w)
	w.begin(b)
	for at, line := 0, b.line; at < len(b.text); {
		end := b.chunkEnd(at)
		if end-at > maxLine && w.tooLong(b.text[at:end], line) {
			line++
		} else {
			line = w.chunk(b.text, at, end, line)
		}
		at = end
	}
	batch := w.finish(b)
	buf := b.buf
	batch.Done = func() {
		if buf != nil {
			d.texts.Put(buf)
			buf = nil
		}
	}
	return batch, nil
}

// chunkEnd returns the end of the last line that ends within chunkSize, or of
// the first line when that is longer.
func (b *block) chunkEnd(at int) int {
	if end := at + chunkSize; end < len(b.text) {
		if i := bytes.LastIndexByte(b.text[at:end], '\n'); i >= 0 {
			return at + i + 1
		}
		return end + bytes.IndexByte(b.text[end:], '\n') + 1
	}
	return len(b.text)
}

// tooLong rejects the chunk if it is one line that is too long.
func (w *worker) tooLong(text []byte, line int64) bool {
	record := trimEnd(text)
	if bytes.IndexByte(record, '\n') >= 0 || len(record) <= maxLine {
		return false
	}
	w.reject(dose.LineTooLong, line, record[:keptOfLong])
	return true
}

// trimEnd takes LF or CR LF off a line.
func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
}

func (w *worker) begin(b *block) {
	l := b.r.lay
	w.lay = l
	w.batch = &extract.Batch{Rejects: b.long, Records: int64(len(b.long))}
	w.hasNUL = bytes.IndexByte(b.text, 0) >= 0
	// Of its own, since Record needs it after the worker has gone on.
	w.starts = make([]uint32, 0, b.lines)
	w.lines = w.lines[:0]
	w.plain = w.plain[:0]
	nd := 0
	for field, c := range l.cols {
		switch {
		case l.at[field] < 0:
		case c.Type == dose.LongTxt:
			w.plain = append(w.plain, plainColumn{field: uint16(field), mem: b.r.d.mem(), bound: int(b.lines)})
		default:
			if nd == len(w.dict) {
				w.dict = append(w.dict, dictColumn{})
			}
			w.dict[nd].begin(uint16(field), int(b.lines), b.r.d.mem())
			nd++
		}
	}
	w.dict = w.dict[:nd]
	if l.unknown && b.first {
		w.batch.Issues = append(w.batch.Issues, dose.Issue{Row: -1, Check: dose.UnknownColumn, Field: dose.NoField})
	}
}

// chunk decodes text[from:to], whole lines of which the first has the number
// line, and returns the number of the line after them.
func (w *worker) chunk(text []byte, from, to int, line int64) int64 {
	w.pos = separators(text, from, to, append(w.pos[:0], uint32(from-1)))
	c := chunk{text: text, size: to - from, pos: w.pos, row: len(w.lines)}
	line = w.rows(&c, line)
	if len(c.first) == 0 {
		return line
	}
	if !utf8.Valid(text[from:to]) {
		w.transcode(&c, from)
	}
	for i := range w.plain {
		p := &w.plain[i]
		cells, k := w.cells(&c, p.field)
		p.fill(cells, k, w)
	}
	for i := range w.dict {
		p := &w.dict[i]
		cells, k := w.cells(&c, p.field)
		p.fill(cells, k, w)
	}
	return line
}

// rows sorts the chunk's lines into rows, whose first cells go into c.first,
// rejects, and blank lines, which are nothing.
func (w *worker) rows(c *chunk, line int64) int64 {
	w.first = w.first[:0]
	full, need := w.lay.full, w.lay.need
	pos := c.pos
	for p := 1; p < len(pos); line++ {
		start := int(pos[p-1] + 1)
		end := start + bytes.IndexByte(c.text[start:], '\n')
		q := p + full - 1
		if q >= len(pos) || pos[q] != uint32(end) {
			i, _ := slices.BinarySearch(pos[p:], uint32(end))
			q = p + i
		}
		cells := q - p + 1
		record := c.text[start:end]
		switch {
		case cells == 1 && len(trimEnd(record)) == 0:
		case w.hasNUL && bytes.IndexByte(record, 0) >= 0:
			w.reject(dose.NULByte, line, trimEnd(record))
		case cells < need:
			w.reject(dose.FewFields, line, trimEnd(record))
		default:
			if cells > full && extra(c, p+full, q) {
				w.issue(len(w.lines), line, dose.ExtraFields, dose.NoField)
			}
			w.first = append(w.first, uint32(p))
			w.starts = append(w.starts, uint32(start))
			w.lines = append(w.lines, line)
		}
		p = q + 1
	}
	c.first = w.first
	return line
}

// extra tells whether one of the cells that end at pos[from:to+1] holds
// anything.
func extra(c *chunk, from, to int) bool {
	text := trimEnd(c.text[c.pos[from-1]+1 : c.pos[to]])
	return len(bytes.Trim(text, "\t")) > 0
}

// cells returns the chunk, and which of a row's cells the field is. When the
// lines end in CR LF the last cell ends before the CR: its chunk has places of
// its own.
func (w *worker) cells(c *chunk, field uint16) (*chunk, int) {
	k := w.lay.at[field]
	if k < w.lay.need-1 {
		return c, k
	}
	last, at, cr := w.last[:0], w.lastAt[:0], false
	for _, p := range c.first {
		from, to := c.pos[int(p)+k-1], c.pos[int(p)+k]
		if c.text[to] == '\n' && to > from+1 && c.text[to-1] == '\r' {
			to, cr = to-1, true
		}
		at = append(at, uint32(len(last)+1))
		last = append(last, from, to)
	}
	w.last, w.lastAt = last, at
	if !cr {
		return c, k
	}
	own := *c
	own.pos, own.first = last, at
	return &own, 0
}

func (w *worker) reject(check dose.Check, line int64, record []byte) {
	w.batch.Records++
	w.batch.Rejects = append(w.batch.Rejects, dose.Reject{Row: -1, Line: line, Check: check, Record: bytes.Clone(record)})
}

func (w *worker) issue(row int, line int64, check dose.Check, field uint16) {
	w.batch.Issues = append(w.batch.Issues, dose.Issue{Row: int32(row), Line: line, Check: check, Field: field})
}
