// Package extract gets bytes from registries and turns them into raw batches.
//
// It promises that a payload is read once, in blocks, with memory bounded by
// the block and not by the file, that every record read comes out either as a
// row or as a reject, and that nothing is interpreted: what a date, a code or
// a county means is transform's business. It never writes.
package extract

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/dosebook/dosebook/dose"
)

// Decoder reads one format.
type Decoder interface {
	// Open reads the head of one payload, already unpacked. name is for
	// errors. An error of kind dose.ErrInvalid says that this is not the
	// format, or not readable at all, and what to do.
	Open(r io.Reader, name string) (Reader, error)
}

// Reader hands out the blocks of one payload, in order. Next is called from
// one goroutine; it does as little as it can. At the end it returns io.EOF.
// Any other error means that the payload can't be read to its end: nothing of
// it may be used.
type Reader interface {
	Next() (Block, error)
}

// Block is a run of whole records. Decode may be called on any goroutine,
// once; blocks of one payload may be decoded side by side.
type Block interface {
	Decode() (*Batch, error)
}

// Batch is what became of a block: Records = rows of Rows + len(Rejects).
type Batch struct {
	Rows    arrow.RecordBatch // the raw schema of package dose; the caller releases it
	Records int64
	Rejects []dose.Reject // records that no row could be made of, with their bytes
	Issues  []dose.Issue  // what the decoder has to say about rows

	// Record returns the bytes of a row as received. Valid until Done.
	Record func(row int) []byte
	// Done gives the block's memory back. Rows stay valid.
	Done func()
}

// Aloner is a Decoder whose records can't be read without other parts of their
// payload, such as the patients that they refer to.
type Aloner interface {
	// Alone reads the records that begin on the given lines, and what they
	// refer to, so that a payload made of these alone says the same of them.
	// It opens the payload twice.
	Alone(open func() (io.ReadCloser, error), name string, lines map[int64]bool) (*Alone, error)
}

// Alone is records with what they need of their payload, each a line of text
// without its end.
type Alone struct {
	Shared [][]byte // what the records refer to, in the order of the payload
	Parts  []Part
}

// Part is one record. Several may begin on one line.
type Part struct {
	Line   int64
	Record []byte // the bytes that a row or a reject of it keeps
	Text   []byte // what to write instead of it
}
