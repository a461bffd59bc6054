package extract

import "unicode/utf8"

// windows1252 holds what the bytes 0x80 to 0x9f mean; the five that Windows
// leaves open stay control characters, as in the WHATWG Encoding Standard.
var windows1252 = [32]rune{
	'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8d, 'Ž', 0x8f,
	0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9d, 'ž', 'Ÿ',
}

// AppendWindows1252 appends text, read as Windows-1252, to UTF-8.
func AppendWindows1252(to, text []byte) []byte {
	for _, c := range text {
		r := rune(c)
		if 0x80 <= c && c < 0xa0 {
			r = windows1252[c-0x80]
		}
		to = utf8.AppendRune(to, r)
	}
	return to
}
