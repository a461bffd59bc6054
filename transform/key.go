package transform

import (
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/zeebo/xxh3"

	"github.com/dosebook/dosebook/dose"
)

// Keys are xxh3 of text that anybody can put together again: the comments say
// of which. A key is a label for joins; that two rows are equal is only ever
// found by their text (event), or by more than one key (people, doses).

// eventKey is xxh3(registry, NUL, vax_event_id) without its lowest bit.
func (m *Mapper) eventKey() arrow.Array {
	out := m.idKeys(m.cols[rawEventID].text, nil)
	return numbers(arrow.PrimitiveTypes.Int64, out, nil, 0)
}

// recipKey is xxh3(registry, NUL, recip_id) without its lowest bit; without a recip_id the event's.
func (m *Mapper) recipKey() arrow.Array {
	out := m.idKeys(m.cols[rawRecipID].text, m.cols[rawEventID].text)
	return numbers(arrow.PrimitiveTypes.Int64, out, nil, 0)
}

func (m *Mapper) idKeys(ids, or *array.String) []int64 {
	out := make([]int64, m.n)
	registry := &m.cols[rawRegistry]
	names := table(registry, func(s string) string { return s })
	last := int32(-1)
	buf, head := m.key[:0], 0
	for i := range out {
		if code := registry.codes[i]; code != last {
			name := names[code]
			if m.opt.Registry != "" {
				name = m.opt.Registry
			}
			buf = append(append(buf[:0], name...), 0)
			head, last = len(buf), code
		}
		from := ids
		if or != nil && ids.IsNull(i) {
			from = or
		}
		buf = append(buf[:head], from.Value(i)...)
		out[i] = int64(xxh3.Hash(buf) >> 1) // 63 bits: people and doses are named by it
	}
	m.key = buf
	return out
}

// nameKey is xxh3(folded first name, |, folded last name, |, day number of
// birth): what CDPH's bridge rule asks to be equal before anything else. It is
// null unless all three are there, known to the day and no placeholder.
func (m *Mapper) nameKey() arrow.Array {
	first, last, dob := &m.cols[rawFirst], &m.cols[rawLast], &m.cols[rawDOB]
	names, families := table(first, foldName), table(last, foldName)
	out := make([]int64, m.n)
	ok := make([]bool, m.n)
	buf := m.key[:0]
	for i := range out {
		a, b, d := names[first.codes[i]], families[last.codes[i]], m.dob[dob.codes[i]]
		if a == "" || b == "" || d.prec != fullDate {
			continue
		}
		buf = append(append(append(append(buf[:0], a...), '|'), b...), '|')
		buf = strconv.AppendInt(buf, int64(d.day), 10)
		out[i], ok[i] = int64(xxh3.Hash(buf)), true
	}
	m.key = buf
	bits, nulls := validity(m.n, func(i int) bool { return ok[i] })
	return numbers(arrow.PrimitiveTypes.Int64, out, bits, nulls)
}

func foldName(s string) string {
	if s = fold(s); placeholder(s) {
		return ""
	}
	return s
}

// lotKey is the low half of xxh3(folded lot); null for what is no lot.
func (m *Mapper) lotKey() arrow.Array {
	c := &m.cols[rawLot]
	type key struct {
		hash int32
		ok   bool
	}
	keys := table(c, func(s string) key { s = fold(s); return key{int32(xxh3.HashString(s)), s != "" && !noLot(s)} })
	out := make([]int32, m.n)
	for i, code := range c.codes {
		out[i] = keys[code].hash
	}
	bits, nulls := validity(m.n, func(i int) bool { return keys[c.codes[i]].ok })
	return numbers(arrow.PrimitiveTypes.Int32, out, bits, nulls)
}

// noLot tells whether a folded lot stands for none: what a form asks for when
// the lot is not at hand, or one character over and over. Such a lot is no
// evidence that two doses are one, nor that two people are (docs/MATCHING.md).
// The makers' lots all hold figures and letters or several figures.
func noLot(folded string) bool {
	switch folded {
	case "UNKNOWN", "UNK", "UNKNOWNLOT", "LOTUNKNOWN", "NA", "NONE", "NULL", "NIL", "NOLOT", "NOTAVAILABLE", "NOTAPPLICABLE", "NOTGIVEN", "NOTRECORDED",
		"NOTPROVIDED", "NOTREPORTED", "NOTKNOWN", "NOTSPECIFIED", "UNSPECIFIED", "MISSING", "PENDING", "HISTORICAL", "REDACTED", "TEST", "TBD", "LOT", "LOTNUMBER", "123456", "1234567":
		return true
	}
	return folded == "0" || folded == "X" || len(folded) > 1 && strings.Count(folded, folded[:1]) == len(folded)
}

// orgKey is the low half of xxh3(folded admin_name, |, folded
// responsible_org); null when both are empty.
func (m *Mapper) orgKey() arrow.Array {
	site, org := &m.cols[rawSite], &m.cols[rawOrg]
	sites, orgs := table(site, fold), table(org, fold)
	out := make([]int32, m.n)
	ok := make([]bool, m.n)
	buf := m.key[:0]
	for i := range out {
		a, b := sites[site.codes[i]], orgs[org.codes[i]]
		if ok[i] = a != "" || b != ""; !ok[i] {
			continue
		}
		buf = append(append(append(buf[:0], a...), '|'), b...)
		out[i] = int32(xxh3.Hash(buf))
	}
	m.key = buf
	bits, nulls := validity(m.n, func(i int) bool { return ok[i] })
	return numbers(arrow.PrimitiveTypes.Int32, out, bits, nulls)
}

// contentKey is the sum over all filled reported cells of xxh3(value) seeded
// with xxh3(column's name): equal for a repeat, whatever the order of the
// columns. What names the message instead of the dose is left out: registry,
// line, action, and the message's time and control id.
func (m *Mapper) contentKey() arrow.Array {
	sum := make([]uint64, m.n)
	for f := range m.cols {
		c := &m.cols[f]
		switch {
		case f == rawRegistry || f == rawLine || f == rawAction || f == rawSourceTime || f == rawControlID:
		case c.long:
			seed := xxh3.HashString(c.name)
			for i := range sum {
				if c.text.IsValid(i) {
					sum[i] += xxh3.HashStringSeed(c.text.Value(i), seed)
				}
			}
		case c.dict != nil:
			seed := xxh3.HashString(c.name)
			t := table(c, func(s string) uint64 { return xxh3.HashStringSeed(s, seed) })
			for i, code := range c.codes {
				sum[i] += t[code]
			}
		}
	}
	out := make([]int64, m.n)
	for i, v := range sum {
		out[i] = int64(v)
	}
	return numbers(arrow.PrimitiveTypes.Int64, out, nil, 0)
}

// filled counts the filled cells among the 45 of CVRS.
func (m *Mapper) filled() arrow.Array {
	out := make([]int32, m.n)
	for f := range dose.CVRSColumns {
		c := &m.cols[f]
		switch {
		case c.long && c.text.NullN() == 0:
			for i := range out {
				out[i]++
			}
		case c.long:
			for i := range out {
				out[i] += int32(bit(c.text.IsValid(i)))
			}
		case c.dict != nil:
			for i, code := range c.codes {
				out[i] += int32(uint32(-code) >> 31) // 1 for every code above 0
			}
		}
	}
	return numbers(arrow.PrimitiveTypes.Int32, out, nil, 0)
}

// Key is the key of an event or a recipient in its registry, as event_key and
// recip_key hold it.
func Key(registry, id string) int64 {
	return int64(xxh3.HashString(registry+"\x00"+id) >> 1)
}
