package hl7v2

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// segments walks the lines of a text, each ended by CR, LF or CR LF. It keeps
// the places of the next CR and LF, so that either is looked for once.
type segments struct {
	text   []byte
	at     int
	cr, lf int // at or behind at; len(text) for none
	line   int64
}

func newSegments(text []byte, line int64) segments {
	return segments{text: text, cr: -1, lf: -1, line: line}
}

// next returns the next line with its place and number, without its end.
func (s *segments) next() (seg []byte, at int, line int64, ok bool) {
	at = s.at
	if at >= len(s.text) {
		return nil, at, s.line, false
	}
	if s.cr < at {
		s.cr = index(s.text, at, '\r')
	}
	if s.lf < at {
		s.lf = index(s.text, at, '\n')
	}
	end := min(s.cr, s.lf)
	s.at = min(end+1, len(s.text))
	if end == s.cr && s.lf == s.at && s.at < len(s.text) {
		s.at++
	}
	s.line++
	return s.text[at:end], at, s.line - 1, true
}

func index(text []byte, from int, c byte) int {
	if i := bytes.IndexByte(text[from:], c); i >= 0 {
		return from + i
	}
	return len(text)
}

// maxFrame is how much framing before a segment is looked through, and a bit.
const maxFrame = 64

// trimFrame takes off what stands before a segment that is not of it (white
// space, MLLP's start block 0B, a byte order mark) and the end block 1C behind.
func trimFrame(seg []byte) []byte {
	for i := 0; len(seg) > 0 && i < maxFrame-8; i++ {
		switch {
		case seg[0] <= ' ' && seg[0] != 0:
			seg = seg[1:]
			continue
		case bytes.HasPrefix(seg, []byte("\xef\xbb\xbf")):
			seg = seg[3:]
			continue
		}
		break
	}
	for len(seg) > 0 && (seg[len(seg)-1] == 0x1c || seg[len(seg)-1] == '\v') {
		seg = seg[:len(seg)-1]
	}
	return seg
}

// kind is what a line begins.
type kind uint8

const (
	inside kind = iota // no header: a segment of what was begun before
	message
	fileHead
	fileEnd
	batchHead
	batchEnd
)

// headerKind tells what a line, framing taken off, begins. Trailers may be
// bare.
func headerKind(seg []byte) kind {
	if len(seg) < 3 || len(seg) > 3 && !isDelimiter(seg[3]) {
		return inside
	}
	switch {
	case string(seg[:3]) == "BTS":
		return batchEnd
	case string(seg[:3]) == "FTS":
		return fileEnd
	case len(seg) == 3:
		return inside
	case string(seg[:3]) == "MSH":
		return message
	case string(seg[:3]) == "BHS":
		return batchHead
	case string(seg[:3]) == "FHS":
		return fileHead
	}
	return inside
}

func isDelimiter(c byte) bool {
	return c > ' ' && c < 0x7f && !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z')
}

// lastHeader returns where the last line that begins something begins, if
// that is not the start of text; else 0. It looks at the end first: one of CR
// and LF is often nowhere, and to know that takes a while.
func lastHeader(text []byte) int {
	for window := 64 << 10; ; window *= 8 {
		from := max(0, len(text)-window)
		if at := lastHeaderFrom(text, from); at > 0 || from == 0 {
			return at
		}
	}
}

// lastHeaderFrom looks at the lines that begin behind from.
func lastHeaderFrom(text []byte, from int) int {
	end := len(text)
	cr, lf := end, end
	for end > from {
		if cr >= end {
			cr = from + bytes.LastIndexByte(text[from:end], '\r')
		}
		if lf >= end {
			lf = from + bytes.LastIndexByte(text[from:end], '\n')
		}
		at := max(cr, lf) + 1
		if at > from && begins(text[at:end], end < len(text)) {
			return at
		}
		end = at - 1
	}
	return 0
}

// begins tells whether a line begins something. Of one that is not whole four
// bytes must be there.
func begins(line []byte, whole bool) bool {
	line = trimFrame(line)
	return (whole || len(line) > 3) && headerKind(line) != inside
}

// parts is a text cut at a delimiter. Parts are counted from 0.
type parts struct {
	text []byte
	n    int
	end  [48]int32
}

// cut cuts text at sep: eight bytes at a time, when they are there to read
// behind text. What follows the last place kept is of the last part.
func (p *parts) cut(text []byte, sep byte) {
	p.text, p.n = text, 0
	n := len(text)
	if cap(text) < (n+7)&^7 {
		text = append(make([]byte, 0, n+8), text...)
	}
	pattern := uint64(sep) * ones
	for base := 0; base < n; base += 8 {
		w := binary.LittleEndian.Uint64(text[base:base+8:cap(text)]) ^ pattern
		found := ^((w&lows + lows) | w) & highs // high bit of each byte that is zero
		for found != 0 {
			i := base + bits.TrailingZeros64(found)>>3
			if i >= n || p.n == len(p.end)-1 {
				break
			}
			p.end[p.n] = int32(i)
			p.n++
			found &= found - 1
		}
	}
	p.end[p.n] = int32(n)
	p.n++
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
	lows  = 0x7f7f7f7f7f7f7f7f
)

// at returns part i; nil when there are fewer.
func (p *parts) at(i int) []byte {
	if i >= p.n {
		return nil
	}
	from := int32(0)
	if i > 0 {
		from = p.end[i-1] + 1
	}
	return p.text[from:p.end[i]]
}

// until returns text up to the first sep.
func until(text []byte, sep byte) []byte {
	for i, c := range text {
		if c == sep {
			return text[:i]
		}
	}
	return text
}

// delimiters are what MSH-1 and MSH-2 declare; 0 for one that is not declared.
type delimiters struct{ field, comp, rep, esc, sub byte }

// parseDelimiters reads them from a header segment. Undeclared ones are HL7's
// own; ok is false when two are the same or one could be part of a value.
func parseDelimiters(seg []byte) (d delimiters, ok bool) {
	d.field = seg[3]
	enc := until(seg[4:], d.field)
	if len(enc) == 0 {
		enc = []byte(`^~\&`)
	}
	all := [5]*byte{&d.field, &d.comp, &d.rep, &d.esc, &d.sub}
	for i, c := range enc[:min(4, len(enc))] {
		*all[i+1] = c
	}
	for i, c := range all {
		if *c == 0 && i > len(enc) {
			continue
		}
		if !isDelimiter(*c) {
			return d, false
		}
		for _, other := range all[:i] {
			if *other == *c {
				return d, false
			}
		}
	}
	return d, true
}
