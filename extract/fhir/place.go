package fhir

import (
	"strings"
)

// place is what is kept of a Location or an Organization.
type place struct {
	name, pin, mvx string
	address
	parent string // key of managingOrganization or partOf
	dirty  bool
}

// places are found by the names that references use.
type places struct {
	at   map[string]*place
	size int // bytes kept, roughly
}

// readPlace reads a Location or an Organization, and the names that it goes by
// beside its id: those of a conditional reference (FHIR R4 "Conditional
// references": Location?identifier=system|value).
func readPlace(v value) (kind, id string, p place, also []string) {
	var list, partOf value
	members(v, func(key string, v value) {
		switch key {
		case "resourceType":
			kind = scalar(v)
		case "id":
			id = scalar(v)
		case "identifier":
			list = v
		case "name":
			p.name = scalar(v)
		case "address":
			p.address = bestAddress(v)
		case "managingOrganization":
			p.parent = readReference(v).key
		case "partOf":
			partOf = v
		}
	})
	if kind == "Organization" {
		p.parent = readReference(partOf).key
	}
	identifiers(list, func(x identifier) {
		switch {
		case isMVX(x.system):
			p.mvx = first(p.mvx, x.value)
		case containsFold(x.system, "vtrcks") || containsFold(x.kind, "vtrcks") || containsFold(x.system, "vfc-pin"):
			p.pin = first(p.pin, x.value)
		}
		also = append(also, kind+"?identifier="+x.system+"|"+x.value)
	})
	return kind, id, p, also
}

// keep stores a place under its names, with texts of its own. ok is false when
// there are too many.
func (s *places) keep(p place, limit int, names ...string) (ok bool) {
	if s.at == nil {
		s.at = map[string]*place{}
	}
	own := &place{name: strings.Clone(p.name), pin: strings.Clone(p.pin), mvx: strings.Clone(p.mvx), parent: strings.Clone(p.parent), dirty: p.dirty,
		address: address{strings.Clone(p.street), strings.Clone(p.street2), strings.Clone(p.city), strings.Clone(p.county), strings.Clone(p.state), strings.Clone(p.zip)}}
	s.size += 256 + len(p.name) + len(p.parent) + len(p.street) + len(p.street2) + len(p.city) + len(p.county)
	for _, n := range names {
		if n != "" {
			s.at[strings.Clone(n)] = own // the later of two holds
			s.size += 64 + len(n)
		}
	}
	return s.size <= limit
}

// reference is a Reference: the key of what it points at, in this payload or
// not.
type reference struct {
	key, kind, display string
	identifier         coding
}

func readReference(v value) (r reference) {
	members(v, func(key string, v value) {
		switch key {
		case "reference":
			r.key = keyOf(scalar(v))
		case "type":
			r.kind = scalar(v)
		case "display":
			r.display = scalar(v)
		case "identifier":
			r.identifier = coding{scalar(v.get("system")), scalar(v.get("value"))}
		}
	})
	return r
}

// keyOf brings a reference to the form Type/id: the server's address and the
// version are left out (FHIR R4 "Resource references"). #id, urn:… and
// Type?query stay.
func keyOf(ref string) string {
	if ref == "" || ref[0] == '#' || strings.HasPrefix(ref, "urn:") {
		return ref
	}
	path, query := ref, ""
	if i := strings.IndexByte(ref, '?'); i >= 0 {
		path, query = ref[:i], ref[i:]
		return path[strings.LastIndexByte(path, '/')+1:] + query
	}
	path = strings.TrimSuffix(path, "/")
	if i := strings.Index(path, "/_history/"); i >= 0 {
		path = path[:i]
	}
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return path
	}
	return path[strings.LastIndexByte(path[:i], '/')+1:]
}

// idOf is the id in a key; of Type?identifier=system|value the value.
func idOf(key string) string {
	switch {
	case key == "" || key[0] == '#':
		return ""
	case strings.HasPrefix(key, "urn:"):
		return strings.TrimPrefix(strings.TrimPrefix(key, "urn:uuid:"), "urn:oid:")
	}
	return key[strings.LastIndexAny(key, "/|=")+1:]
}

// typeOf is the type in a key, or nothing.
func typeOf(key string) string {
	if i := strings.IndexAny(key, "/?"); i > 0 && !strings.HasPrefix(key, "urn:") {
		return key[:i]
	}
	return ""
}
