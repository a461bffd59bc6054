package transform

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dosebook/dosebook/dose"
)

// textChecks are the checks on how a value is written, in the order of the
// bits of oddities.
var textChecks = [...]dose.Check{dose.HiddenCharacter, dose.BidiControl, dose.ControlCharacter, dose.LostCharacter, dose.WideDigit, dose.MixedScripts, dose.FormulaText}

const (
	hidden = 1 << iota
	bidi
	control
	lost
	wide
	mixed
	formula
)

// oddities tells what is odd about a value's characters.
func oddities(s string) (found uint8) {
	if s == "" {
		return 0
	}
	if isFormula(s) {
		found = formula
	}
	const latin, lookalike = 1, 2
	word := 0
	for _, r := range s {
		switch {
		case r == 0x7F || r < ' ':
			found |= control
		case r < utf8.RuneSelf:
			if r|0x20 >= 'a' && r|0x20 <= 'z' {
				word |= latin
			} else if r == ' ' || r == '-' {
				word = 0
			}
		default:
			found |= oddity(r)
			if unicode.In(r, unicode.Cyrillic, unicode.Greek) {
				word |= lookalike
			} else if unicode.Is(unicode.Latin, r) {
				word |= latin
			}
		}
		if word == latin|lookalike {
			found |= mixed
		}
	}
	return found
}

// oddity tells what is odd about a character beyond ASCII.
func oddity(r rune) uint8 {
	switch {
	case r < 0xA0:
		return control
	case r == 0xFFFD:
		return lost
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0x200E, r == 0x200F, r == 0x061C:
		return bidi
	case unseen(r):
		return hidden
	case plainRune(r) != r:
		return wide
	}
	return 0
}

// unseen: the zero-width characters, soft hyphen, invisible operators, byte
// order mark and tags (Unicode, default ignorable code points).
func unseen(r rune) bool {
	switch {
	case r == 0xAD, r == 0x34F, r == 0x180E, r >= 0x200B && r <= 0x200D, r >= 0x2060 && r <= 0x2064, r == 0xFEFF, r >= 0xE0000 && r <= 0xE007F:
		return true
	}
	return false
}

// plainRune turns the fullwidth forms of ASCII and the figures of all scripts
// into ASCII.
func plainRune(r rune) rune {
	if r >= 0xFF01 && r <= 0xFF5E {
		return r - 0xFF01 + '!'
	}
	if r < 0x660 || !unicode.Is(unicode.Nd, r) {
		return r
	}
	for _, x := range unicode.Nd.R16 { // each range holds whole sets of ten
		if r >= rune(x.Lo) && r <= rune(x.Hi) {
			return '0' + (r-rune(x.Lo))%10
		}
	}
	for _, x := range unicode.Nd.R32 {
		if r >= rune(x.Lo) && r <= rune(x.Hi) {
			return '0' + (r-rune(x.Lo))%10
		}
	}
	return r
}

// plain is a value as it is meant to be read: see read.
func plain(s string) string {
	if ascii(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unseen(r) || r >= utf8.RuneSelf && oddity(r) == bidi {
			return -1
		}
		return plainRune(r)
	}, s)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isFormula tells whether a spreadsheet may take the value for a formula:
// numbers, phones among them, are none.
func isFormula(s string) bool {
	switch s[0] {
	case '=', '@':
		return true
	case '+', '-':
		return len(s) > 1 && (s[1] == '(' || s[1] == '=' || s[1] == '@' || s[1]|0x20 >= 'a' && s[1]|0x20 <= 'z')
	}
	return false
}

// checkText looks at how the values of text columns are written.
func (m *Mapper) checkText() {
	limit := m.levels.Limit(dose.ValueLong)
	for field := range m.cols {
		c := &m.cols[field]
		if c.long || c.dict == nil {
			continue
		}
		m.doing = dose.ValueLong
		odd := table(c, oddities)
		all := uint8(0)
		for _, f := range odd {
			all |= f
		}
		for k, check := range textChecks {
			if all>>k&1 == 1 {
				m.flag(field, check, func(e int) bool { return odd[e]>>k&1 == 1 })
			}
		}
		m.flag(field, dose.ValueLong, func(e int) bool { return e > 0 && long(c.value(e), limit) })
	}
}

func long(s string, limit int) bool { return len(s) > limit && utf8.RuneCountInString(s) > limit }

// checkLongText does the same for columns of plain strings, whose values
// hardly ever come twice: all of them together are searched first.
func (m *Mapper) checkLongText() {
	limit := m.levels.Limit(dose.ValueLong)
	for field := range m.cols {
		c := &m.cols[field]
		if !c.long || c.text.NullN() == m.n {
			continue
		}
		m.doing = dose.ValueLong
		all := c.text.ValueBytes()
		odd, blank := !printable(all), field <= rawRecipID && m.on(dose.IDBlank) && bytes.IndexByte(all, ' ') >= 0
		for i := range m.n {
			s := c.text.Value(i)
			if s == "" {
				continue
			}
			if odd || s[0] < '0' && isFormula(s) || s[0] == '=' || s[0] == '@' {
				found := oddities(s)
				for k, check := range textChecks {
					if found>>k&1 == 1 {
						m.add(i, check, field)
					}
				}
			}
			if blank && strings.IndexByte(s, ' ') >= 0 && (field == rawEventID || field == rawRecipID) {
				m.add(i, dose.IDBlank, field)
			}
			if len(s) > limit && long(s, limit) {
				m.add(i, dose.ValueLong, field)
			}
		}
	}
}

// printable tells whether all bytes are printing ASCII, eight at a time: a
// byte below 0x20 loses a bit that a byte of at least 0x80 has, and DEL is
// found by itself.
func printable(b []byte) bool {
	const high, low, del = 0x8080808080808080, 0x0101010101010101, 0x7F
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		y := x ^ low*del
		if (x|(x-low*0x20)|(y-low)&^y)&high != 0 {
			return false
		}
	}
	for _, c := range b {
		if c < ' ' || c >= del {
			return false
		}
	}
	return true
}
