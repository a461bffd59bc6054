// Package fhir decodes FHIR R4 JSON: the NDJSON of a bulk export, with
// Immunization, Patient, Location and Organization mixed in any order, and
// single documents (a resource, an array, a Bundle, a Parameters).
//
// It promises that every Immunization and every DELETE of one comes out as one
// row or one reject, with its physical line; that a line which is no FHIR
// resource is a reject; that the order of the lines and the size of the blocks
// make no difference; and that what it sets aside on disk is nobody else's to
// read and gone when the reading ends, also after an error, and after a kill
// where an open file can lose its name (not on Windows). It undoes JSON's escapes and FHIR's code names, and no more: it never checks a value,
// never follows a reference out of the payload, and never quotes a value in
// an error.
//
// # Memory
//
// A payload is read twice. The first reading puts the columns of each Patient
// and the bytes of each Immunization into two temporary files and keeps sixteen
// bytes a patient in memory (a hash of the id and an offset; up to twenty with
// the slack of growing, 200 MB for ten million), and the places, up to 64 MiB of
// them. The second decodes Immunizations block by block and fetches each
// patient by its offset. Up to 32 MiB of patients (some 130,000) and 4 MiB of
// Immunizations stay in memory and never touch the disk.
//
// # Keys
//
// vax_event_id is the resource's id. A deletion names nothing else (Bulk Data
// Access IG, "deleted" files: DELETE Immunization/id), a reference neither, and
// the id stays when a business identifier is corrected or added. The identifier
// (use official first, else the first that is not old) stands in only where a
// resource has no id, and is kept in control_id, so that it can be searched
// for. A deletion is as old as its Bundle says (meta.lastUpdated, else
// timestamp), so that a late old file deletes nothing newer. The price: a
// registry that sends one dose by HL7 under ORC-3 and by FHIR under an id sends
// two events, which the rules for doses join.
//
// recip_id is the first identifier of type SR, MR or PI that is not old, as in
// HL7's PID-3, so that both ways name the same person; else the first without a
// type; else the resource's id. Social security numbers are never used. A
// patient whom the payload lacks is named by the reference.
//
// # What is read as it stands
//
// occurrenceDateTime keeps the calendar day that it was written with: a time in
// UTC may lie on the day after the local one, and a date that a server turned
// into midnight UTC must not move to the day before. occurrenceString goes on
// as the date, for transform to refuse.
package fhir

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/extract"
)

const (
	defaultBlock = 8 << 20  // some 8,000 Immunizations of 1 kB
	maxResource  = 1 << 20  // a longer Immunization is a reject (dose.LineTooLong)
	maxText      = 64 << 20 // of one line or document; its parts may be many
	maxPlaces    = 64 << 20 // bytes kept of Locations and Organizations
	keptOfLong   = 64 << 10 // how much of a record its reject keeps
)

// Decoder decodes FHIR R4. Its zero value is ready; it keeps buffers between
// payloads, may be used from many goroutines, and must not be copied after
// its first use.
type Decoder struct {
	BlockSize int              // bytes of Immunizations in a block; 0 for the default
	Mem       memory.Allocator // of the rows; nil for Go's
	Dir       string           // where the temporary files go; empty for the system's place

	texts   sync.Pool // *[]byte, the text of a block
	workers sync.Pool // *worker
	inHand  int       // bytes set aside before the disk is used; 0 for the default
	places  int       // bytes of places; 0 for maxPlaces
	text    int       // bytes of a line or document; 0 for maxText
}

var (
	_ extract.Decoder = (*Decoder)(nil)
	_ extract.Reader  = (*reader)(nil)
	_ extract.Block   = (*block)(nil)
)

// Open wants an object or an array first. An error of kind dose.ErrInvalid is
// an *extract.Fault.
func (d *Decoder) Open(src io.Reader, name string) (extract.Reader, error) {
	head := make([]byte, 4<<10)
	n, err := io.ReadFull(src, head)
	head = head[:n]
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if text := trim(head); len(text) == 0 || text[0] != '{' && text[0] != '[' {
		if err := extract.Refuse(head, name); err != nil {
			return nil, err
		}
		return nil, extract.NewFault(name, 1, "FMT_003", "the file is no FHIR JSON: it begins with neither { nor [",
			"send NDJSON, one resource a line, or one Bundle")
	}
	return newReader(d, io.MultiReader(bytes.NewReader(head), src), name), nil
}

func (d *Decoder) mem() memory.Allocator {
	if d.Mem == nil {
		return memory.DefaultAllocator
	}
	return d.Mem
}

// buffer returns n bytes.
func (d *Decoder) buffer(n int) *[]byte {
	if p, ok := d.texts.Get().(*[]byte); ok && cap(*p) >= n {
		*p = (*p)[:n]
		return p
	}
	b := make([]byte, n)
	return &b
}

func (d *Decoder) worker() *worker {
	if w, ok := d.workers.Get().(*worker); ok {
		return w
	}
	return newWorker()
}

func or(n, standard int) int {
	if n <= 0 {
		return standard
	}
	return n
}
