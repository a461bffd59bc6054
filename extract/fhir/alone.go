package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/dosebook/dosebook/extract"
)

var _ extract.Aloner = (*Decoder)(nil)

// Alone reads records with the Patients, Locations and Organizations that they
// refer to, and the Organizations that these do. It takes rather too many: all
// that have the id of a reference, whatever their type.
func (d *Decoder) Alone(open func() (io.ReadCloser, error), name string, lines map[int64]bool) (*extract.Alone, error) {
	p := &picker{lines: lines, wanted: map[string]bool{}}
	if err := p.read(d, open, name); err != nil {
		return nil, err
	}
	p.second = true
	if err := p.read(d, open, name); err != nil {
		return nil, err
	}
	return &extract.Alone{Shared: p.referred(), Parts: p.parts}, nil
}

// picker gathers records on the first reading, on the second what they need.
type picker struct {
	lines  map[int64]bool
	second bool
	parts  []extract.Part
	wanted map[string]bool // keys and ids of references
	others []other
}

// other is a resource that is no record.
type other struct {
	names, refs []string
	text        []byte
	taken       bool
}

func (p *picker) read(d *Decoder, open func() (io.ReadCloser, error), name string) (err error) {
	in, err := open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	got, err := d.Open(in, name)
	if err != nil {
		return err
	}
	r, ok := got.(*reader)
	if !ok {
		return errors.New("no FHIR reader")
	}
	r.pick = p
	return errors.Join(r.sort(), r.release())
}

// record takes a record of the first reading. What is no readable JSON can't
// be written anew.
func (p *picker) record(kind byte, line int64, time string, text []byte) {
	if p.second || kind >= refused || !p.lines[line] || hasNUL(text) || !readable(text) {
		return
	}
	part := extract.Part{Line: line, Record: bytes.Clone(text), Text: oneLine(text)}
	if kind == isEntry {
		part.Text = inBundle(time, part.Text)
	}
	p.parts = append(p.parts, part)
	for _, name := range references(parse(part.Record)) {
		p.wanted[name] = true
	}
}

// shared takes a Patient, Location or Organization of the second reading. Of
// patients, of whom there are millions, it keeps those that are wanted.
func (p *picker) shared(v value, url string) {
	if !p.second {
		return
	}
	kind, id, _, also := readPlace(v)
	key := keyOf(url)
	o := other{names: append(also, id, kind+"/"+id, url, key, idOf(key))}
	if kind == "Patient" && !slices.ContainsFunc(o.names, p.wants) {
		return
	}
	o.refs = references(v)
	o.text = oneLine(raw(v.raw))
	if url != "" {
		at, _ := json.Marshal(url) // a text never fails
		o.text = inBundle("", slices.Concat([]byte(`{"fullUrl":`), at, []byte(`,"resource":`), o.text, []byte("}")))
	}
	for i, n := range o.names {
		o.names[i] = string(bytes.Clone(raw(n)))
	}
	p.others = append(p.others, o)
}

func (p *picker) wants(name string) bool { return name != "" && p.wanted[name] }

// referred goes from reference to reference until nothing is added.
func (p *picker) referred() (out [][]byte) {
	for more := true; more; {
		more = false
		for i := range p.others {
			o := &p.others[i]
			if o.taken || !slices.ContainsFunc(o.names, p.wants) {
				continue
			}
			o.taken, more = true, true
			for _, r := range o.refs {
				p.wanted[r] = true
			}
		}
	}
	for _, o := range p.others {
		if o.taken {
			out = append(out, o.text)
		}
	}
	return out
}

// references are the keys of all References in a value, and the ids in them.
func references(v value) (names []string) {
	var look func(v value)
	look = func(v value) {
		if v.array() {
			each(v, func(v value) bool {
				look(v)
				return true
			})
		}
		members(v, func(key string, v value) {
			if s := scalar(v); key == "reference" && s != "" {
				k := string(bytes.Clone(raw(keyOf(s))))
				names = append(names, k, idOf(k))
			} else if v.object() || v.array() {
				look(v)
			}
		})
	}
	look(v)
	return names
}

// inBundle writes an entry as a Bundle of its own, as old as the one it was in.
func inBundle(time string, entry []byte) []byte {
	head := `{"resourceType":"Bundle","type":"collection",`
	if time != "" {
		at, _ := json.Marshal(time) // a text never fails
		head += `"timestamp":` + string(at) + ","
	}
	return slices.Concat([]byte(head+`"entry":[`), entry, []byte("]}"))
}

// oneLine copies JSON and takes line ends out of it: between its tokens alone
// there can be any.
func oneLine(text []byte) []byte {
	out := bytes.Clone(text)
	for i, c := range out {
		if c == '\n' || c == '\r' {
			out[i] = ' '
		}
	}
	return out
}
