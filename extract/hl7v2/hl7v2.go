// Package hl7v2 decodes HL7 version 2 vaccination messages (VXU^V04, CDC
// immunization guide release 1.5): single messages, bare streams, and FHS/BHS
// batches, with CR, LF or CR LF behind segments, framed by MLLP or not. It
// also writes the acknowledgements (ACK^V04).
//
// It promises that every RXA comes out as one row or one reject, with its
// physical line; that a message without RXA, of another type or that can't be
// read is one reject; that text outside messages is a reject too; that what is
// read does not depend on the size of the blocks; and that memory is bounded
// by the block, whatever the messages are like. It undoes HL7's delimiters,
// escapes and date form, and no more: it never checks a value, never builds a
// tree of a message, and never quotes a value in an error.
package hl7v2

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/extract"
)

const (
	// defaultBlock holds about 13,000 messages of 1.2 kB.
	defaultBlock = 16 << 20
	maxBlock     = 1 << 30  // positions in a block are 32 bits
	maxMessage   = 1 << 20  // longer messages are rejects (dose.MessageTooLong)
	keptOfLong   = 64 << 10 // how much of a message a reject keeps at most
	keptInAll    = 4 << 20  // and how much of headers the records of one message repeat
	slack        = 64       // readable bytes behind a text that is scanned by words
)

// Decoder decodes VXU^V04. Its zero value is ready; it keeps buffers between
// payloads, may be used from many goroutines, and must not be copied after
// its first use.
type Decoder struct {
	BlockSize int              // bytes of text in a block; 0 for the default
	Mem       memory.Allocator // of the rows; nil for Go's

	texts   sync.Pool // *[]byte, the text of a block
	workers sync.Pool // *worker
}

var (
	_ extract.Decoder = (*Decoder)(nil)
	_ extract.Reader  = (*reader)(nil)
	_ extract.Block   = (*block)(nil)
)

// Open wants a message, batch or file header first. An error of kind
// dose.ErrInvalid is an *extract.Fault.
func (d *Decoder) Open(src io.Reader, name string) (extract.Reader, error) {
	head := make([]byte, 4<<10)
	n, err := io.ReadFull(src, head)
	head = head[:n]
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if extract.Sniff(head) != "hl7v2" {
		if err := extract.Refuse(head, name); err != nil {
			return nil, err
		}
		return nil, extract.NewFault(name, 1, "FMT_003", "the file is no HL7: it does not begin with MSH, BHS or FHS",
			`send messages that begin with MSH|^~\&|, in a batch (BHS … BTS) or one behind the other`)
	}
	r := &reader{d: d, src: io.MultiReader(bytes.NewReader(head), src), name: name, size: min(d.BlockSize, maxBlock), line: 1}
	if r.size <= 0 {
		r.size = defaultBlock
	}
	if err != nil { // all of it is here: a small buffer will do
		r.size = min(r.size, n+1)
	}
	return r, nil
}

func (d *Decoder) mem() memory.Allocator {
	if d.Mem == nil {
		return memory.DefaultAllocator
	}
	return d.Mem
}

// text returns a buffer of n bytes with slack behind them.
func (d *Decoder) text(n int) *[]byte {
	if p, ok := d.texts.Get().(*[]byte); ok && cap(*p) >= n+slack {
		*p = (*p)[:n+slack]
		return p
	}
	b := make([]byte, n+slack)
	return &b
}

func (d *Decoder) worker() *worker {
	if w, ok := d.workers.Get().(*worker); ok {
		return w
	}
	return newWorker()
}
