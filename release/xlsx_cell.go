package release

import (
	"strconv"
	"unicode/utf8"
)

const (
	xmlHead    = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	sheetSpace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	relSpace   = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	packSpace  = "http://schemas.openxmlformats.org/package/2006/relationships"
	sheetType  = "application/vnd.openxmlformats-officedocument.spreadsheetml"

	// Style 1 is a date, style 2 a time.
	sheetStyles = `<styleSheet xmlns="` + sheetSpace + `"><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/><numFmt numFmtId="165" formatCode="yyyy\-mm\-dd\ hh:mm:ss"/></numFmts>` +
		`<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
		`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
		`<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
		`<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`
)

// What follows `<c r="A1"` of a cell, up to its end tag.
func appendSheetNumber(buf []byte, v int64) []byte {
	return append(strconv.AppendInt(append(buf, "><v>"...), v, 10), "</v>"...)
}

func appendSheetDigits(buf []byte, v int64) []byte {
	return append(strconv.AppendInt(append(buf, ` t="inlineStr"><is><t>`...), v, 10), "</t></is>"...)
}

func appendSheetBool(buf []byte, v bool) []byte {
	if v {
		return append(buf, ` t="b"><v>1</v>`...)
	}
	return append(buf, ` t="b"><v>0</v>`...)
}

func appendSheetDate(buf []byte, day int64) []byte {
	if day < firstDay || day > lastDay {
		return append(appendDate(append(buf, ` t="inlineStr"><is><t>`...), day), "</t></is>"...)
	}
	return append(strconv.AppendInt(append(buf, ` s="1"><v>`...), day+excelEpoch, 10), "</v>"...)
}

func appendSheetMicros(buf []byte, v int64) []byte {
	if v < firstDay*microsDay || v >= (lastDay+1)*microsDay {
		return append(appendMicros(append(buf, ` t="inlineStr"><is><t>`...), v), "</t></is>"...)
	}
	return append(strconv.AppendFloat(append(buf, ` s="2"><v>`...), float64(v)/microsDay+excelEpoch, 'f', -1, 64), "</v>"...)
}

// appendSheetText writes a text as an inline string. What XML can't hold is
// written as _xHHHH_, and so is the underscore of text that looks like that
// (ECMA-376, ST_Xstring). What is no UTF-8 becomes U+FFFD.
func appendSheetText(buf, text []byte) []byte {
	buf = append(buf, ` t="inlineStr"><is><t`...)
	if n := len(text); n == 0 || space(text[0]) || space(text[n-1]) {
		buf = append(buf, ` xml:space="preserve"`...)
	}
	buf = append(buf, '>')
	for i := 0; i < len(text); {
		b := text[i]
		if b >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(text[i:])
			if r == 0xFFFE || r == 0xFFFF {
				buf = strconv.AppendInt(append(buf, "_x"...), int64(r), 16)
				buf = append(buf, '_')
			} else {
				buf = utf8.AppendRune(buf, r)
			}
			i += size
			continue
		}
		buf = appendSheetByte(buf, text[i:])
		i++
	}
	return append(buf, "</t></is>"...)
}

func appendSheetByte(buf, text []byte) []byte {
	switch b := text[0]; {
	case b == '&':
		return append(buf, "&amp;"...)
	case b == '<':
		return append(buf, "&lt;"...)
	case b == '>':
		return append(buf, "&gt;"...)
	case b == '\r': // a bare one would be read as LF
		return append(buf, "&#13;"...)
	case b == '\t' || b == '\n' || b >= ' ' && b != '_':
		return append(buf, b)
	case b == '_' && !looksEscaped(text):
		return append(buf, b)
	default:
		return append(buf, '_', 'x', '0', '0', hexDigits[b>>4], hexDigits[b&15], '_')
	}
}

// looksEscaped says that text starts as _xHHHH_ does.
func looksEscaped(text []byte) bool {
	if len(text) < 7 || text[1] != 'x' || text[6] != '_' {
		return false
	}
	for _, b := range text[2:6] {
		if !(b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F') {
			return false
		}
	}
	return true
}

func space(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// tooLong says that a text has more UTF-16 units than a cell holds.
func tooLong(text []byte) bool {
	if len(text) <= cellUnits {
		return false
	}
	units := 0
	for _, r := range string(text) {
		units++
		if r > 0xFFFF {
			units++
		}
	}
	return units > cellUnits
}
