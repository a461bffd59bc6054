package hl7v2

import (
	"bytes"
	"unicode/utf8"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// first returns the first repetition of a field.
func (w *worker) first(field []byte) []byte {
	if w.msg.rep == 0 {
		return field
	}
	return until(field, w.msg.rep)
}

// component returns component i, from 0, of a field's first repetition.
func (w *worker) component(field []byte, i int) []byte {
	field = w.first(field)
	for ; i > 0; i-- {
		n := len(until(field, w.msg.comp))
		field = field[min(n+1, len(field)):]
	}
	return until(field, w.msg.comp)
}

// coded returns the code of a coded element: its identifier, else that of the
// alternate (HL7 2.5.1, 2.A.13, CE.1 and CE.4).
func (w *worker) coded(field []byte) []byte {
	if code := w.component(field, 0); len(code) > 0 {
		return code
	}
	return w.component(field, 3)
}

// set gives the row in hand a value. Two double quotes say that there is none
// (HL7 2.5.1, 2.5.3): rows are whole, so that is the same as nothing said.
func (w *worker) set(col uint16, text []byte) {
	if len(text) == 0 || len(text) == 2 && text[0] == '"' && text[1] == '"' {
		w.cells[col] = nil
		return
	}
	if w.msg.dirty {
		text = w.clean(col, text)
	}
	w.cells[col] = text
}

// clean undoes escapes, and reads what is no UTF-8 as Windows-1252.
func (w *worker) clean(col uint16, text []byte) []byte {
	if w.msg.esc != 0 && bytes.IndexByte(text, w.msg.esc) >= 0 {
		text = w.keep(w.unescape(w.room(2*len(text)), text))
	}
	if !utf8.Valid(text) {
		w.find(dose.NotUTF8, col)
		text = w.keep(extract.AppendWindows1252(w.room(3*len(text)), text))
	}
	return text
}

// unescape appends text without its escapes (HL7 2.5.1, 2.7). Highlighting is
// dropped; what is no escape stays as it came.
func (w *worker) unescape(to, text []byte) []byte {
	m := &w.msg
	for {
		i := bytes.IndexByte(text, m.esc)
		if i < 0 {
			return append(to, text...)
		}
		to = append(to, text[:i]...)
		n := bytes.IndexByte(text[i+1:], m.esc)
		if n < 0 {
			return append(to, text[i:]...)
		}
		out, ok := m.escape(to, text[i+1:i+1+n])
		if !ok { // a lone escape character is data; the next may begin an escape
			to = append(to, m.esc)
			text = text[i+1:]
			continue
		}
		to, text = out, text[i+n+2:]
	}
}

// escape appends what stands for the escape code.
func (m *messageState) escape(to, code []byte) ([]byte, bool) {
	switch string(code) {
	case "F":
		return append(to, m.field), true
	case "S":
		return append(to, m.comp), true
	case "T":
		return append(to, m.sub), m.sub != 0
	case "R":
		return append(to, m.rep), m.rep != 0
	case "E":
		return append(to, m.esc), true
	case "H", "N":
		return to, true
	case ".br":
		return append(to, '\n'), true
	}
	if len(code) < 3 || code[0] != 'X' || len(code)%2 == 0 {
		return to, false
	}
	before := len(to)
	for i := 1; i < len(code); i += 2 {
		a, b := hex(code[i]), hex(code[i+1])
		if a > 15 || b > 15 || a+b == 0 { // NUL is no text
			return to[:before], false
		}
		to = append(to, a<<4|b)
	}
	return to, true
}

func hex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

// room returns the free end of the arena, with n bytes and slack. What was
// taken before stays valid until the next message.
func (w *worker) room(n int) []byte {
	if cap(w.arena)-len(w.arena) < n+slack {
		w.arena = make([]byte, 0, max(16<<10, 2*n+slack))
	}
	return w.arena[len(w.arena):]
}

// keep takes text, which was appended to room, into the arena.
func (w *worker) keep(text []byte) []byte {
	if n := len(w.arena) + len(text); n <= cap(w.arena) {
		w.arena = w.arena[:n]
	}
	return text
}
