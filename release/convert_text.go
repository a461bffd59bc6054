package release

import (
	"strconv"
	"time"
	"unicode/utf8"
)

func (c *textColumn) appendText(buf, text []byte) []byte {
	switch {
	case c.sheet:
		c.long = c.long || tooLong(text)
		return appendSheetText(buf, text)
	case c.json:
		return appendJSON(buf, text)
	}
	return appendCSV(buf, text)
}

func (c *textColumn) appendInt32(buf []byte, v int32) []byte {
	switch {
	case c.sheet && c.kind == dateKind:
		return appendSheetDate(buf, int64(v))
	case c.sheet:
		return appendSheetNumber(buf, int64(v))
	}
	if c.kind == dateKind {
		return appendQuoted(buf, c.json, func(buf []byte) []byte { return appendDate(buf, int64(v)) })
	}
	return strconv.AppendInt(buf, int64(v), 10)
}

func (c *textColumn) appendInt64(buf []byte, v int64) []byte {
	switch {
	case c.sheet && c.kind == microsKind:
		return appendSheetMicros(buf, v)
	case c.sheet && c.digits:
		return appendSheetDigits(buf, v)
	case c.sheet:
		return appendSheetNumber(buf, v)
	}
	if c.kind == microsKind {
		return appendQuoted(buf, c.json, func(buf []byte) []byte { return appendMicros(buf, v) })
	}
	return strconv.AppendInt(buf, v, 10)
}

// appendQuoted is for text that needs no escapes.
func appendQuoted(buf []byte, quote bool, f func([]byte) []byte) []byte {
	if !quote {
		return f(buf)
	}
	return append(f(append(buf, '"')), '"')
}

func (c *textColumn) appendBool(buf []byte, v bool) []byte {
	if c.sheet {
		return appendSheetBool(buf, v)
	}
	return appendBool(buf, v)
}

func appendBool(buf []byte, v bool) []byte {
	if v {
		return append(buf, "true"...)
	}
	return append(buf, "false"...)
}

// appendDate writes a day counted from 1970-01-01 as ISO 8601. The arithmetic
// is Howard Hinnant's civil_from_days ("chrono-Compatible Low-Level Date
// Algorithms"): years that start in March, in eras of 400.
func appendDate(buf []byte, day int64) []byte {
	const daysToEra, daysOfEra = 719468, 146097
	day += daysToEra
	if day < 0 || day >= daysOfEra*25 {
		return time.Unix((day-daysToEra)*86400, 0).UTC().AppendFormat(buf, time.DateOnly)
	}
	era := uint32(day) / daysOfEra
	doe := uint32(day) % daysOfEra
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d, m, y := doy-(153*mp+2)/5+1, mp+3, yoe+era*400
	if m > 12 {
		m -= 12
		y++
	}
	return append(buf, byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-',
		byte('0'+m/10), byte('0'+m%10), '-', byte('0'+d/10), byte('0'+d%10))
}

// appendMicros writes microseconds since 1970 as RFC 3339 in UTC.
func appendMicros(buf []byte, v int64) []byte {
	return time.UnixMicro(v).UTC().AppendFormat(buf, time.RFC3339Nano)
}

// needsQuotes marks the bytes that make a CSV cell need quotes wherever they
// stand.
var needsQuotes = [256]bool{',': true, '"': true, '\r': true, '\n': true}

// appendCSV writes one cell as RFC 4180, section 2. An empty text is quoted:
// it is not null.
func appendCSV(buf, text []byte) []byte {
	quote := len(text) == 0 || text[0] == ' ' || text[len(text)-1] == ' '
	for _, b := range text {
		quote = quote || needsQuotes[b]
	}
	if !quote {
		return append(buf, text...)
	}
	buf = append(buf, '"')
	for _, b := range text {
		if b == '"' {
			buf = append(buf, '"')
		}
		buf = append(buf, b)
	}
	return append(buf, '"')
}

const hexDigits = "0123456789abcdef"

// appendJSON writes text as a JSON string (RFC 8259, section 7). What is no
// UTF-8 becomes U+FFFD.
func appendJSON(buf, text []byte) []byte {
	buf = append(buf, '"')
	done := 0
	for i := 0; i < len(text); {
		b := text[i]
		if b >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && size == 1 {
				buf = append(append(buf, text[done:i]...), "\ufffd"...)
				done = i + 1
			}
			i += size
			continue
		}
		if b >= ' ' && b != '"' && b != '\\' {
			i++
			continue
		}
		buf = append(buf, text[done:i]...)
		if b < ' ' {
			buf = append(buf, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
		} else {
			buf = append(buf, '\\', b)
		}
		i++
		done = i
	}
	return append(append(buf, text[done:]...), '"')
}
