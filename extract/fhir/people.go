package fhir

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/dosebook/dosebook/dose"
)

// people finds a patient's columns by id. Parts, by the hash's first byte, keep
// what growing wastes small.
type people struct {
	spool spool
	parts [256][]slot
}

// slot is sixteen bytes: the hash of a name of the patient, and where the
// record lies.
type slot struct{ hash, at uint64 }

// differs is the bit of at that says: the payload has other versions of this
// patient, with other columns.
const differs = 1 << 63

// A record is its length, the time of meta.lastUpdated, then texts with their
// length before them: the id, the URL in a Bundle, and each column behind its
// number. badText as number says that the column in the text's one byte was no
// UTF-8.
const (
	recordHead = 4 + 8
	badText    = 255
	fetched    = 1 << 10 // bytes read first; most records are shorter
)

// patient is one record.
type patient struct {
	id, url []byte
	updated int64 // microseconds, 0 for unknown
	columns []byte
}

// add keeps a patient under its id and its URL, whichever there are.
func (p *people) add(id, url string, updated int64, c *cells) error {
	at, s := p.spool.end(), &p.spool
	from := len(s.buf)
	s.buf = append(s.buf, 0, 0, 0, 0)
	s.buf = binary.LittleEndian.AppendUint64(s.buf, uint64(updated))
	s.buf = appendText(appendText(s.buf, raw(id)), raw(url))
	for col, text := range c.at {
		if len(text) > 0 {
			s.buf = appendText(append(s.buf, byte(col)), text)
		}
	}
	for _, f := range c.issues {
		s.buf = appendText(append(s.buf, badText), []byte{byte(f.field)})
	}
	binary.LittleEndian.PutUint32(s.buf[from:], uint32(len(s.buf)-from))
	for _, name := range [2]string{id, url} {
		if name != "" {
			h := xxh3.HashString(name)
			p.parts[h>>56] = append(p.parts[h>>56], slot{h, uint64(at)})
		}
	}
	return s.spill()
}

func appendText(to, text []byte) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

// text takes a text with its length off the front of record.
func text(record []byte) (text, rest []byte) {
	n, k := binary.Uvarint(record)
	return record[k : k+int(n)], record[k+int(n):]
}

// settle makes the index ready to be read. Of several versions of a patient the
// one updated last stays; where a version does not say when, the later line.
func (p *people) settle() error {
	if err := p.spool.flush(false); err != nil {
		return err
	}
	for i, part := range p.parts {
		slices.SortFunc(part, func(a, b slot) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.at, b.at)) })
		kept := part[:0]
		for len(part) > 0 {
			n := 1
			for n < len(part) && part[n].hash == part[0].hash {
				n++
			}
			if n == 1 {
				kept = append(kept, part[0])
			} else {
				list, err := p.latest(part[:n])
				if err != nil {
					return err
				}
				kept = append(kept, list...)
			}
			part = part[n:]
		}
		p.parts[i] = kept
	}
	return nil
}

// latest chooses among entries of one hash, in the order of their lines: one
// for each name, and as good as always there is one name.
func (p *people) latest(list []slot) ([]slot, error) {
	var kept []slot
	var versions []patient
	for _, e := range list {
		x, err := p.read(e, nil)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(versions, func(v patient) bool { return sameName(x, v, e.hash) })
		if i < 0 {
			kept, versions = append(kept, e), append(versions, x)
			continue
		}
		v := versions[i]
		mark := kept[i].at & differs
		if !bytes.Equal(v.columns, x.columns) {
			mark = differs
		}
		if v.updated == 0 || x.updated == 0 || x.updated >= v.updated {
			kept[i], versions[i] = e, x
		}
		kept[i].at |= mark
	}
	return kept, nil
}

// sameName tells whether both have the name of that hash.
func sameName(a, b patient, hash uint64) bool {
	same := func(x, y []byte) bool { return len(x) > 0 && bytes.Equal(x, y) && xxh3.Hash(x) == hash }
	return same(a.id, b.id) || same(a.url, b.url)
}

// find returns the patient of that id or URL; the bytes are in buf, which it
// returns for the next call. ok is false when the payload has none.
func (p *people) find(name string, buf []byte) (x patient, other, ok bool, _ []byte, err error) {
	h := xxh3.HashString(name)
	part := p.parts[h>>56]
	i, _ := slices.BinarySearchFunc(part, h, func(e slot, h uint64) int { return cmp.Compare(e.hash, h) })
	for ; i < len(part) && part[i].hash == h; i++ {
		if x, err = p.read(part[i], &buf); err != nil {
			return x, false, false, buf, err
		}
		if string(x.id) == name || string(x.url) == name {
			return x, part[i].at&differs != 0, true, buf, nil
		}
	}
	return patient{}, false, false, buf, nil
}

// read fetches a record into *buf, or into bytes of its own.
func (p *people) read(e slot, buf *[]byte) (x patient, err error) {
	var own []byte
	if buf == nil {
		buf = &own
	}
	if cap(*buf) < fetched {
		*buf = make([]byte, fetched)
	}
	b, at := (*buf)[:cap(*buf)], int64(e.at&^differs)
	n, err := p.spool.readAt(b, at)
	if err != nil {
		return x, err
	}
	if n < recordHead {
		return x, errShort
	}
	size := int(binary.LittleEndian.Uint32(b))
	if size > n {
		*buf = make([]byte, size)
		b = *buf
		if n, err = p.spool.readAt(b, at); err != nil {
			return x, err
		}
		if n < size {
			return x, errShort
		}
	}
	x.updated = int64(binary.LittleEndian.Uint64(b[4:]))
	x.id, b = text(b[recordHead:size])
	x.url, x.columns = text(b)
	return x, nil
}

var errShort = errors.New("records set aside are shorter than they were")

// fill gives the row in hand the patient's columns.
func (c *cells) fill(columns []byte) {
	for len(columns) > 0 {
		col := columns[0]
		var value []byte
		if value, columns = text(columns[1:]); col != badText {
			c.at[col] = value
		} else {
			c.find(dose.NotUTF8, uint16(value[0]))
		}
	}
}
