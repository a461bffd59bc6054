// Package cvrs decodes CDC's COVID-19 Vaccination Reporting Specification:
// tab delimited text with a header, versions 1 (47 columns), 2 and 3 (45).
//
// It promises that every line that is not blank comes out as one row or one
// reject, with its physical line number; that a cell's text is kept as it
// came, but for quotes wrapped around it and for bytes that are no UTF-8, each
// with an issue; that what is read does not depend on the size of the blocks;
// and that memory is bounded by the block, whatever the lines are like. It
// never trims, interprets or checks a value, and never quotes one in an error.
package cvrs

import (
	"io"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

const (
	// defaultBlock holds about 55,000 rows of 300 bytes. BenchmarkBlockSize on one
	// core: 1.3 million rows/s at 1 to 8 MB, 1.2 at 16, 0.9 to 1.2 at 32; larger
	// blocks make fewer dictionaries and larger row groups for those who follow.
	defaultBlock = 16 << 20
	maxBlock     = 1 << 30  // positions in a block are 32 bits
	maxLine      = 1 << 20  // longer lines are rejects (dose.LineTooLong)
	keptOfLong   = 64 << 10 // how much of such a line its reject keeps
	slack        = 64       // readable bytes behind every text that is scanned by words
)

// Decoder decodes CVRS. Its zero value is ready; it keeps buffers between
// payloads, may be used from many goroutines, and must not be copied after
// its first use.
type Decoder struct {
	BlockSize int              // bytes of text in a block; 0 for the default
	Mem       memory.Allocator // of the rows; nil for Go's
	AnyHeader bool             // read what a faulty header leaves, for a validator; see Headed

	texts   sync.Pool // *[]byte, the text of a block
	workers sync.Pool // *worker
}

var (
	_ extract.Decoder = (*Decoder)(nil)
	_ extract.Reader  = (*reader)(nil)
	_ extract.Block   = (*block)(nil)
	_ Headed          = (*reader)(nil)
)

// Open reads the header. An error of kind dose.ErrInvalid is an
// *extract.Fault with the codes of CDC's validator.
func (d *Decoder) Open(src io.Reader, name string) (extract.Reader, error) {
	r := &reader{d: d, src: src, name: name, size: d.BlockSize, line: 1}
	if r.size <= 0 {
		r.size = defaultBlock
	}
	r.size = min(r.size, maxBlock)
	head, err := r.header()
	if err != nil {
		return nil, err
	}
	if r.lay, err = parseHeader(head, name, r.line-1); err != nil {
		if r.fault, _ = err.(*extract.Fault); r.fault == nil || !d.AnyHeader {
			return nil, err
		}
	}
	return r, nil
}

// Headed is what readers of this package can do besides.
type Headed interface {
	// HeaderFault is what is wrong with the header of a payload that was opened
	// all the same (Decoder.AnyHeader): columns that it lacks are empty in all
	// rows, of one that it names twice the first is read. nil for a good one.
	HeaderFault() *extract.Fault
	// FirstVersion tells whether the header has columns that only version 1 had.
	FirstVersion() bool
}

func (r *reader) HeaderFault() *extract.Fault { return r.fault }

func (r *reader) FirstVersion() bool {
	at := dose.Index(r.lay.cols)
	return r.lay.at[at["recip_missed_appt"]] >= 0 || r.lay.at[at["vax_prov_suffix"]] >= 0
}

func (d *Decoder) mem() memory.Allocator {
	if d.Mem == nil {
		return memory.DefaultAllocator
	}
	return d.Mem
}

// text returns a buffer of n bytes, one for a line end that is missing, and
// slack behind them.
func (d *Decoder) text(n int) *[]byte {
	if p, ok := d.texts.Get().(*[]byte); ok && cap(*p) >= n+1+slack {
		*p = (*p)[:n+1+slack]
		return p
	}
	b := make([]byte, n+1+slack)
	return &b
}

func (d *Decoder) worker() *worker {
	if w, ok := d.workers.Get().(*worker); ok {
		return w
	}
	return newWorker()
}

// layout is what the header says: which cell of a row is which raw column.
type layout struct {
	schema  *arrow.Schema
	cols    []dose.Column // the raw schema
	at      []int         // cell of each raw column, -1 when the file has not got it
	full    int           // cells in the header
	need    int           // cells up to the last one that has a name
	unknown bool          // the header names columns that are not read
}
