package fhir

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// walker goes through one JSON value and the resources in it.
type walker struct {
	r    *reader
	text []byte
	line int64 // at pos
	pos  int
}

const maxNesting = 8 // of Bundles in Bundles

// lineAt counts lines up to a place in the text, which only grows.
func (x *walker) lineAt(at int) int64 {
	if at > x.pos {
		x.line += int64(newlines(x.text[x.pos:at]))
		x.pos = at
	}
	return x.line
}

// value sorts a resource; url is its fullUrl in a Bundle.
func (x *walker) value(v value, url string, depth int) (err error) {
	r := x.r
	if depth > maxNesting {
		return r.refuse(dose.ResourceBad, x.lineAt(v.at), raw(v.raw))
	}
	if v.array() {
		each(v, func(v value) bool {
			err = x.value(v, "", depth+1)
			return err == nil
		})
		return err
	}
	switch kind := scalar(v.get("resourceType")); kind {
	case "Patient":
		return x.patient(v, url)
	case "Location", "Organization":
		return x.place(v, url)
	case "Bundle":
		time := first(scalar(v.get("meta").get("lastUpdated")), scalar(v.get("timestamp")))
		return x.parts(v, "entry", depth, func(v value, depth int) error { return x.entry(v, time, depth) })
	case "Parameters":
		return x.parts(v, "parameter", depth, func(v value, depth int) error {
			if inner := v.get("resource"); inner.exists() {
				return x.value(inner, "", depth)
			}
			return nil
		})
	case "OperationOutcome":
		r.outcome = true
	case "", "Immunization":
		return r.keep(isResource, x.lineAt(v.at), raw(v.raw))
	default:
		if v.get("vaccineCode").exists() { // a misspelt Immunization must not pass unseen
			return r.refuse(dose.ResourceBad, x.lineAt(v.at), raw(v.raw))
		}
		r.other = true
	}
	return nil
}

func (x *walker) parts(v value, name string, depth int, f func(value, int) error) (err error) {
	each(v.get(name), func(v value) bool {
		err = f(v, depth+1)
		return err == nil
	})
	return err
}

// entry is one entry of a Bundle.
type entry struct {
	url      string
	resource value
	deletes  bool
	target   string // of a deletion: Immunization/id
}

func readEntry(v value) (e entry) {
	members(v, func(key string, v value) {
		switch key {
		case "fullUrl":
			e.url = scalar(v)
		case "resource":
			e.resource = v
		case "request":
			e.deletes = scalar(v.get("method")) == "DELETE"
			e.target = scalar(v.get("url"))
		}
	})
	e.target = first(e.target, e.url)
	return e
}

// entry sorts one entry of a Bundle. Of an Immunization it keeps the whole
// entry, since URL and request belong to the record.
func (x *walker) entry(v value, time string, depth int) error {
	e := readEntry(v)
	kind := scalar(e.resource.get("resourceType"))
	if e.deletes {
		kind = first(kind, typeOf(keyOf(e.target)))
	}
	switch {
	case kind == "Immunization" && e.deletes && len(v.raw) <= maxResource:
		return x.r.recordAt(isEntry, x.lineAt(v.at), time, raw(v.raw))
	case kind == "Immunization":
		return x.r.keep(isEntry, x.lineAt(v.at), raw(v.raw))
	case e.deletes, !e.resource.exists():
		x.r.other = true
		return nil
	}
	return x.value(e.resource, e.url, depth)
}

func (x *walker) patient(v value, url string) error {
	c := &x.r.scratch
	text := raw(v.raw)
	if hasNUL(text) {
		return x.r.refuse(dose.NULByte, x.lineAt(v.at), text)
	}
	if x.r.pick != nil {
		x.r.pick.shared(v, url)
		return nil
	}
	c.reset(notUTF8(text))
	id, updated := c.person(v)
	url = nameOf(url, &id)
	return x.r.people.add(id, url, updated, c)
}

// nameOf returns the name that a resource has in its Bundle beside its id, and
// gives it the id of its URL where it has none.
func nameOf(url string, id *string) string {
	if strings.HasPrefix(url, "urn:") {
		return url
	}
	if *id == "" {
		*id = idOf(keyOf(url))
	}
	return ""
}

func (x *walker) place(v value, url string) error {
	text := raw(v.raw)
	if hasNUL(text) {
		return x.r.refuse(dose.NULByte, x.lineAt(v.at), text)
	}
	if x.r.pick != nil {
		x.r.pick.shared(v, url)
		return nil
	}
	kind, id, p, also := readPlace(v)
	p.dirty = notUTF8(text)
	url = nameOf(url, &id)
	if id != "" {
		also = append(also, kind+"/"+id)
	}
	limit := or(x.r.d.places, maxPlaces)
	if !x.r.places.keep(p, limit, slices.Insert(also, 0, url)...) {
		return fmt.Errorf("%s: the Locations and Organizations take more than %d MiB: send the ones that the records refer to: %w",
			x.r.lines.name, limit>>20, dose.ErrInvalid)
	}
	return nil
}
