package fhir

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

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
func (x *walker) value(v gjson.Result, url string, depth int) (err error) {
	r := x.r
	if depth > maxNesting {
		return r.refuse(dose.ResourceBad, x.lineAt(v.Index), raw(v.Raw))
	}
	if v.IsArray() {
		each(v, func(v gjson.Result) bool {
			err = x.value(v, "", depth+1)
			return err == nil
		})
		return err
	}
	switch kind := scalar(v.Get("resourceType")); kind {
	case "Patient":
		return x.patient(v, url)
	case "Location", "Organization":
		return x.place(v, url)
	case "Bundle":
		return x.parts(v, "entry", depth, x.entry)
	case "Parameters":
		return x.parts(v, "parameter", depth, func(v gjson.Result, depth int) error {
			if inner := member(v, "resource"); inner.Exists() {
				return x.value(inner, "", depth)
			}
			return nil
		})
	case "OperationOutcome":
		r.outcome = true
	case "", "Immunization":
		return r.keep(isResource, x.lineAt(v.Index), raw(v.Raw))
	default:
		if v.Get("vaccineCode").Exists() { // a misspelt Immunization must not pass unseen
			return r.refuse(dose.ResourceBad, x.lineAt(v.Index), raw(v.Raw))
		}
		r.other = true
	}
	return nil
}

// member finds a member with its place in the text.
func member(v gjson.Result, name string) (found gjson.Result) {
	members(v, func(key string, v gjson.Result) {
		if key == name {
			found = v
		}
	})
	return found
}

func (x *walker) parts(v gjson.Result, name string, depth int, f func(gjson.Result, int) error) (err error) {
	each(member(v, name), func(v gjson.Result) bool {
		err = f(v, depth+1)
		return err == nil
	})
	return err
}

// entry is one entry of a Bundle.
type entry struct {
	url      string
	resource gjson.Result
	deletes  bool
	target   string // of a deletion: Immunization/id
}

func readEntry(v gjson.Result) (e entry) {
	members(v, func(key string, v gjson.Result) {
		switch key {
		case "fullUrl":
			e.url = scalar(v)
		case "resource":
			e.resource = v
		case "request":
			e.deletes = scalar(v.Get("method")) == "DELETE"
			e.target = scalar(v.Get("url"))
		}
	})
	e.target = first(e.target, e.url)
	return e
}

// entry sorts one entry of a Bundle. Of an Immunization it keeps the whole
// entry, since URL and request belong to the record.
func (x *walker) entry(v gjson.Result, depth int) error {
	e := readEntry(v)
	kind := scalar(e.resource.Get("resourceType"))
	if e.deletes {
		kind = first(kind, typeOf(keyOf(e.target)))
	}
	switch {
	case kind == "Immunization":
		return x.r.keep(isEntry, x.lineAt(v.Index), raw(v.Raw))
	case e.deletes, !e.resource.Exists():
		x.r.other = true
		return nil
	}
	return x.value(e.resource, e.url, depth)
}

func (x *walker) patient(v gjson.Result, url string) error {
	c := &x.r.scratch
	text := raw(v.Raw)
	if hasNUL(text) {
		return x.r.refuse(dose.NULByte, x.lineAt(v.Index), text)
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

func (x *walker) place(v gjson.Result, url string) error {
	text := raw(v.Raw)
	if hasNUL(text) {
		return x.r.refuse(dose.NULByte, x.lineAt(v.Index), text)
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
