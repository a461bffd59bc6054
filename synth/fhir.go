package synth

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// fhir writes records as a FHIR R4 server exports them (Bulk Data Access,
// US Core): a folder of NDJSON with what changed by a date, one file a type,
// and deleted.ndjson with the Bundles of deletions. meta.lastUpdated is the
// date, with a second behind midnight: the time that CVRS has in a file's name.
//
// Ids are those of the other formats: an Immunization's id and identifier are
// both the event's. A Patient's identifier of type MR is the recipient's id, and
// so is the resource's id where it says what the registry holds of the person.
// What a single report says otherwise (another address, a flaw) stands in a
// Patient of its own, whose id is recipient.event: so each event says the same
// whether it is exported by itself or with all others. Half of the deletes are
// entered-in-error, half deletions. What several reports share (the Patient of a
// registry, places, organisations) never changes, and in a full export is as old
// as the first delivery: no server hands out a report without them.
type fhir struct{ *world }

func newFHIR(w *world) *fhir { return &fhir{w} }

// exported are the types, as files of an export.
const (
	patients = iota
	locations
	organizations
	immunizations
	deletions
	numExported
)

var exportNames = [numExported]string{"Patient", "Location", "Organization", "Immunization", "deleted"}

// export is a folder while it is written.
type export struct {
	*fhir
	plan     *plan
	o        *output
	registry string
	shared   string // lastUpdated of what reports share
	files    [numExported]*bufio.Writer
	line     []byte

	person uint64          // the last one
	recips []uint64        // its ids whose Patient is written
	known  map[string]bool // ids of places and organisations
	gone   int             // entries of the Bundle that is open
}

// gonePerBundle bounds a line of deleted.ndjson.
const gonePerBundle = 100

// file writes the folder.
func (f *fhir) file(ctx context.Context, j *writing, o *output) error {
	return wholeFolder(j.at(o), func(open [numExported]*bufio.Writer) error {
		e := &export{fhir: f, plan: j.plan, o: o, registry: f.names[o.registry], shared: stampOf(f.cal, o.date), files: open, known: make(map[string]bool)}
		if err := j.each(ctx, o, e.record); err != nil {
			return err
		}
		e.closeBundle()
		return nil
	})
}

// wholeFolder writes the files of a folder under another name, and renames it
// when they are done. A type without a resource has no file.
func wholeFolder(name string, fill func([numExported]*bufio.Writer) error) (err error) {
	part := name + ".part"
	if err = os.Mkdir(part, 0o755); err != nil {
		return err
	}
	var files [numExported]*os.File
	defer func() {
		for _, f := range files {
			f.Close() // a second time for those that are done
		}
		if err != nil {
			os.RemoveAll(part)
		}
	}()
	var out [numExported]*bufio.Writer
	for i, typ := range exportNames {
		if files[i], err = os.Create(filepath.Join(part, typ+".ndjson")); err != nil {
			return err
		}
		out[i] = bufio.NewWriterSize(files[i], 64<<10)
	}
	if err = fill(out); err != nil {
		return err
	}
	for i, f := range files {
		if err = errors.Join(out[i].Flush(), dropEmpty(f)); err != nil {
			return err
		}
	}
	return os.Rename(part, name)
}

// dropEmpty closes a file, and removes it when nothing is in it.
func dropEmpty(f *os.File) error {
	info, err := f.Stat()
	if err = errors.Join(err, f.Close()); err != nil || info.Size() > 0 {
		return err
	}
	return os.Remove(f.Name())
}

// record writes the Immunization, or its deletion, and what it refers to that
// is not there yet.
func (e *export) record(r *record) error {
	stamp := e.stamp(r)
	if r.keyAlone() {
		return e.delete(r, stamp)
	}
	if r.person.number != e.person {
		e.person, e.recips = r.person.number, e.recips[:0]
	}
	own := e.differs(r)
	var err error
	switch {
	case own:
		err = e.put(patients, e.patient(e.line[:0], r, own, stamp))
	case !slices.Contains(e.recips, r.recip):
		e.recips = append(e.recips, r.recip)
		err = e.put(patients, e.patient(e.line[:0], r, own, e.shared))
	}
	if err == nil {
		err = e.places(r)
	}
	if err != nil {
		return err
	}
	return e.put(immunizations, e.immunization(e.line[:0], r, own, stamp))
}

func (e *export) put(kind int, line []byte) error {
	e.line = append(line, '\n')
	_, err := e.files[kind].Write(e.line)
	return err
}

// stamp is when the server took the record in: with a full export that of the
// event's last report.
func (e *export) stamp(r *record) string {
	if !e.o.full {
		return e.shared
	}
	c := e.plan.chainOf(r.person, r.key, r.registry, r.given.day, r.hearsay)
	return stampOf(e.cal, e.plan.slots[c.steps[c.n-1].slot].date)
}

func stampOf(c calendar, date int) string { return string(c.iso(date)) + "T00:00:01Z" }

// differs says whether the report says of the person what the registry does
// not hold in general.
func (e *export) differs(r *record) bool {
	h := &r.home
	usual := r.home.fips
	if h.address.county != outOfState {
		usual = e.counties[h.address.county].fips
	}
	return r.flaw != sound || r.restated || h.county != usual || h.plus4 > 0
}

// delete adds the event to the open Bundle of deletions (Bulk Data Access IG
// 3.0.0, "deleted" files). A full export knows nothing of it any more.
func (e *export) delete(r *record, stamp string) error {
	if e.o.full {
		return nil
	}
	b := append(e.line[:0], ',')
	if e.gone == 0 {
		b = append(append(append(b[:0], `{"resourceType":"Bundle","meta":{"lastUpdated":"`...), stamp...), `"},"type":"transaction","entry":[`...)
	}
	b = e.event(append(b, `{"request":{"method":"DELETE","url":"Immunization/`...), r)
	e.line = append(b, `"}}`...)
	_, err := e.files[deletions].Write(e.line)
	if e.gone++; e.gone == gonePerBundle {
		e.closeBundle()
	}
	return err
}

func (e *export) closeBundle() {
	if e.gone > 0 {
		e.files[deletions].WriteString("]}\n") // an error comes back on Flush
	}
	e.gone = 0
}

// event appends the event's id.
func (e *export) event(b []byte, r *record) []byte {
	return appendID(b, e.names[r.letter][:1], r.event)
}

// places writes the Location and the Organizations that the record refers to.
func (e *export) places(r *record) error {
	if id := placeID(r); !e.known[id] {
		e.known[id] = true
		if err := e.put(locations, e.location(e.line[:0], r, id)); err != nil {
			return err
		}
	}
	if err := e.organization(orgID(r.org()), r.org(), ""); err != nil || r.product == nil || r.given.refused {
		return err
	}
	return e.organization("mvx-"+r.product.mvx, r.product.mvx, r.product.mvx)
}

// organization writes one that is not there yet; mvx is a maker's code.
func (e *export) organization(id, name, mvx string) error {
	if e.known[id] {
		return nil
	}
	e.known[id] = true
	b := append(begin(e.line[:0], "Organization", id, e.shared), '}')
	if mvx != "" {
		b = append(append(append(b, `,"identifier":[{"system":"http://hl7.org/fhir/sid/mvx","value":"`...), mvx...), `"}]`...)
	}
	return e.put(organizations, append(member(b, "name", name), '}'))
}

// placeID is the Location's: by its PIN, with a second one for reports that do
// not say in which county it lies.
func placeID(r *record) string {
	switch {
	case r.site == nil:
		return "historical"
	case r.flaw == nowhere:
		return "pin-" + r.site.pin + "-nowhere"
	}
	return "pin-" + r.site.pin
}

// orgID makes an id of a name: letters and digits stay.
func orgID(name string) string {
	b := []byte("org")
	gap := true
	for i := range len(name) {
		c := name[i] | 0x20
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			gap = true
			continue
		}
		if gap {
			b = append(b, '-')
		}
		b, gap = append(b, c), false
	}
	return string(b[:min(len(b), 64)])
}

// patientID is the Patient's: the recipient's, or one for this report alone.
func (e *export) patientID(r *record, own bool) string {
	b := appendID(nil, "P", r.recip)
	if own {
		b = e.event(append(b, '.'), r)
	}
	return string(b)
}
