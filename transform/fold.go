package transform

import "unicode/utf8"

// Letters that the accented Latin letters are counted as, from U+00C0 and
// from U+1E00; a dot for what is no Latin letter (Unicode decompositions).
const (
	latinFrom = 0xC0
	latin     = "AAAAAA.CEEEEIIIIDNOOOOO.OUUUUY..AAAAAA.CEEEEIIIIDNOOOOO.OUUUUY.YAAAAAACCCCCCCCDDDDEEEEEEEEEEGGGGGGGGHHHHIIIIIIIIII..JJKKKLLLLLLLLLLNNNNNNNNNOOOOOO..RRRRRRSSSSSSSSTTTTTTUUUUUUUUUUUUWWYYYZZZZZZSBB.....CCDD......FF....IKKL....OOO.............UU....ZZ......................AAIIOOUUUUUUUUUU.AAAA....GGKKOOOO..J...GG..NNAA....AAAAEEEEIIIIOOOORRRRUUUUSSTT..HH.D..ZZAAEEOOOOOOOOYY...............BU...JJ..RRYY"
	moreFrom  = 0x1E00
	more      = "AABBBBBBCCDDDDDDDDDDEEEEEEEEEEFFGGHHHHHHHHHHIIIIKKKKKKLLLLLLLLMMMMMMNNNNNNNNOOOOOOOOPPPPRRRRRRRRSSSSSSSSSSTTTTTTTTUUUUUUUUUUVVVVWWWWWWWWWWXXXXYYZZZZZZHTWY.S....AAAAAAAAAAAAAAAAAAAAAAAAEEEEEEEEEEEEEEEEIIIIOOOOOOOOOOOOOOOOOOOOOOOOUUUUUUUUUUUUUUYYYYYYYY......"
)

// fold keeps the letters A–Z and the digits of a name or a lot: upper case,
// accents off, full width made plain, everything else left out.
func fold(s string) string {
	clean := true
	for i := range len(s) {
		if c := s[i]; !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	out := make([]byte, 0, len(s)+2)
	for _, r := range s {
		out = foldRune(out, r)
	}
	return string(out)
}

func foldRune(out []byte, r rune) []byte {
	switch {
	case r >= 'a' && r <= 'z':
		return append(out, byte(r-'a'+'A'))
	case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return append(out, byte(r))
	case r < utf8.RuneSelf:
		return out
	}
	if p := plainRune(r); p != r {
		return foldRune(out, p)
	}
	switch r {
	case 'Æ', 'æ':
		return append(out, "AE"...)
	case 'Œ', 'œ':
		return append(out, "OE"...)
	case 'ß', 'ẞ':
		return append(out, "SS"...)
	case 'Þ', 'þ':
		return append(out, "TH"...)
	}
	if b := letter(r, latinFrom, latin); b != '.' {
		return append(out, b)
	}
	if b := letter(r, moreFrom, more); b != '.' {
		return append(out, b)
	}
	return out
}

func letter(r rune, from rune, table string) byte {
	if r < from || int(r-from) >= len(table) {
		return '.'
	}
	return table[r-from]
}

// placeholder tells whether a folded name stands for no name: what redacted
// extracts and registration desks write (domain: AIRA's junk names). Such
// names never make two people one.
func placeholder(folded string) bool {
	switch folded {
	case "REDACTED", "UNKNOWN", "UNK", "UN", "U", "X", "XX", "XXX", "NONE", "NULL", "NONAME", "NOTGIVEN", "ANONYMOUS", "DECLINED",
		"TEST", "TESTPATIENT", "PATIENT", "BABY", "BABYBOY", "BABYGIRL", "BOY", "GIRL", "INFANT", "NEWBORN":
		return true
	}
	return false
}
