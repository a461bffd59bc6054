package fhir

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"unsafe"

	"github.com/tidwall/gjson"
)

// lines reads a payload line by line, up to max bytes of each.
type lines struct {
	src  *bufio.Reader
	name string
	max  int
	long []byte // a line that did not fit in src's buffer
	line int64  // of the line handed out last
}

// next returns a line with its end, until the next call; cut says that it is
// longer than max and that the rest is lost. At the end it returns io.EOF.
func (l *lines) next() (text []byte, cut bool, err error) {
	l.line++
	text, err = l.src.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		l.long = l.long[:0]
		for err == bufio.ErrBufferFull {
			if !cut {
				l.long = append(l.long, text...)
				cut = len(l.long) > l.max
			}
			text, err = l.src.ReadSlice('\n')
		}
		if !cut {
			l.long = append(l.long, text...)
		}
		text = l.long
	}
	switch {
	case err == io.EOF && len(text) > 0:
		err = nil
	case err != nil && err != io.EOF:
		err = fmt.Errorf("read %s after line %d: %w", l.name, l.line-1, err)
	}
	return text, cut || len(text) > l.max, err
}

// rest returns text, which src's buffer may hold, and all that follows, up to
// max bytes; cut says that there is more.
func (l *lines) rest(text []byte) (all []byte, cut bool, err error) {
	all = bytes.Clone(text)
	for len(all) <= l.max {
		if len(all) == cap(all) {
			all = append(all, 0)[:len(all)]
		}
		n, err := l.src.Read(all[len(all):cap(all)])
		all = all[:len(all)+n]
		if err == io.EOF {
			return all, false, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("read %s after line %d: %w", l.name, l.line, err)
		}
	}
	return all, true, nil
}

// trim takes white space and the byte order mark off: files put behind one
// another may have one in the middle.
func trim(text []byte) []byte {
	return bytes.TrimRight(trimLeft(text), " \t\r\n")
}

// str is text as a string that shares its bytes: valid as long as they stay.
func str(text []byte) string { return unsafe.String(unsafe.SliceData(text), len(text)) }

// raw is the bytes of a string, not to be written.
func raw(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

const maxDepth = 200 // of JSON; FHIR's own resources stay below thirty

// readable tells whether text is one JSON value. The depth is looked at first
// since the validator calls itself.
func readable(text []byte) bool {
	if bytes.Count(text, []byte{'['})+bytes.Count(text, []byte{'{'}) > maxDepth {
		if _, deepest, _ := walk(text, maxDepth); deepest > maxDepth {
			return false
		}
	}
	return gjson.ValidBytes(text)
}

// walk goes through JSON up to the end of its first value of at least one
// bracket, and returns where that is (-1 when it does not end), how deep it got
// (depth beyond max ends it), and whether it ended inside a string.
func walk(text []byte, max int) (end, deepest int, inside bool) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inside && c == '\\':
			i++
		case c == '"':
			inside = !inside
		case inside:
		case c == '{' || c == '[':
			if depth++; depth > deepest {
				if deepest = depth; deepest > max {
					return -1, deepest, false
				}
			}
		case c == '}' || c == ']':
			if depth--; depth <= 0 {
				return i + 1, deepest, false
			}
		}
	}
	return -1, deepest, inside
}

// goesOn tells whether a payload's first line begins a document over several
// lines: it ends behind a bracket, a comma or a colon, and is not whole. A line
// of NDJSON that was cut short would have to be cut right there.
func goesOn(line []byte) bool {
	switch line[len(line)-1] {
	case '{', '[', ',', ':':
		end, _, inside := walk(line, len(line))
		return end < 0 && !inside
	}
	return false
}

// hasNUL tells whether text holds U+0000, as a byte or as an escape.
func hasNUL(text []byte) bool {
	if bytes.IndexByte(text, 0) >= 0 {
		return true
	}
	for at := 0; ; {
		i := bytes.Index(text[at:], []byte(`\u0000`))
		if i < 0 {
			return false
		}
		slashes := 0
		for k := at + i; k >= 0 && text[k] == '\\'; k-- {
			slashes++
		}
		if slashes%2 == 1 {
			return true
		}
		at += i + 1
	}
}
