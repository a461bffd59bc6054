package transform

// Precision of a date; their names are those of admin_date_precision.
const (
	noDate uint8 = iota // empty
	badDate
	yearOnly
	monthOnly
	fullDate
)

// date is one distinct value of a date column.
type date struct {
	day   int32 // since 1970-01-01; the first of the month or year where only that is known
	ymd   int32 // year, month, day packed in 9 bits below the year: rises with the date
	prec  uint8
	month uint8
}

func (d date) ok() bool { return d.prec >= yearOnly }

func precisionOf(name string) uint8 {
	switch name {
	case "day":
		return fullDate
	case "month":
		return monthOnly
	}
	return yearOnly
}

// parseDate reads YYYY-MM-DD, YYYY-MM or YYYY, and nothing else (CVRS v2, data
// conventions 5; the validator takes YYYY too). Years go from 1850 to 2100.
func parseDate(s string) date {
	bad := date{prec: badDate}
	y, m, d, prec := 0, 1, 1, yearOnly
	switch len(s) {
	case 10:
		if d, prec = two(s[8:]), fullDate; s[7] != '-' {
			return bad
		}
		fallthrough
	case 7:
		if prec != fullDate {
			prec = monthOnly
		}
		if m = two(s[5:]); s[4] != '-' {
			return bad
		}
		fallthrough
	case 4:
		a, b := two(s), two(s[2:])
		if y = a*100 + b; a < 0 || b < 0 {
			return bad
		}
	default:
		return bad
	}
	if y < 1850 || y > 2100 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return bad
	}
	return date{day: civil(y, m, d), ymd: int32(y<<9 | m<<5 | d), prec: prec, month: uint8(m)}
}

// two reads two digits, or returns a number below every other.
func two(s string) int {
	a, b := s[0]-'0', s[1]-'0'
	if a > 9 || b > 9 {
		return -1000
	}
	return int(a)*10 + int(b)
}

func daysIn(y, m int) int {
	if m == 2 {
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (m+m>>3)&1
}

// civil counts the days since 1970-01-01 in the Gregorian calendar.
func civil(y, m, d int) int32 {
	if m <= 2 {
		y--
		m += 12
	}
	return int32(365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + d - 719469)
}

// common cuts two dates to the precision that both have.
func common(a, b date) (int32, int32) {
	x, y := a.ymd, b.ymd
	switch min(a.prec, b.prec) {
	case yearOnly:
		return x >> 9, y >> 9
	case monthOnly:
		return x >> 5, y >> 5
	}
	return x, y
}

// age returns the full years from dob to day, or -1 when it can't be told or
// can't be true: one date missing, the birth after the dose, over 120 years.
func age(dob, day date) int32 {
	if !dob.ok() || !day.ok() || bornAfter(dob, day) {
		return -1
	}
	years := max((day.ymd-dob.ymd)>>9, 0)
	if years > 120 {
		return -1
	}
	return years
}

// bornAfter compares what both dates say: a birth in May 2021 is not after a
// dose of 2021.
func bornAfter(dob, day date) bool {
	if !dob.ok() || !day.ok() {
		return false
	}
	a, b := common(dob, day)
	return a > b
}

// beforeEUA tells whether the whole of the date lies before California's
// first day of doses (CDPH published table).
func beforeEUA(d date) bool {
	a, b := common(d, date{ymd: 2020<<9 | 12<<5 | 14, prec: fullDate})
	return d.ok() && a < b
}

// parseTime reads YYYY-MM-DD[(T| )HH:MM[:SS[.fraction]][Z|±HH:MM]] as
// microseconds since 1970-01-01 UTC. Without a zone it is taken as UTC.
func parseTime(s string) (int64, bool) {
	if len(s) < 10 {
		return 0, false
	}
	d := parseDate(s[:10])
	if !d.ok() {
		return 0, false
	}
	day := int64(d.day) * 86400
	if len(s) == 10 {
		return day * 1e6, true
	}
	if len(s) < 16 || s[10] != 'T' && s[10] != ' ' || s[13] != ':' {
		return 0, false
	}
	h, m, sec, micro, rest := two(s[11:]), two(s[14:]), 0, int64(0), s[16:]
	if len(rest) >= 3 && rest[0] == ':' {
		sec, rest = two(rest[1:]), rest[3:]
	}
	if len(rest) >= 2 && rest[0] == '.' {
		micro, rest = fraction(rest[1:])
	}
	zone, ok := offset(rest)
	if !ok || h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 60 {
		return 0, false
	}
	return (day+int64(h*3600+m*60+sec)-zone)*1e6 + micro, true
}

// fraction reads the digits of a second's fraction.
func fraction(s string) (micro int64, rest string) {
	unit := int64(100_000)
	for len(s) > 0 && s[0] >= '0' && s[0] <= '9' {
		micro += int64(s[0]-'0') * unit
		unit /= 10
		s = s[1:]
	}
	return micro, s
}

// offset reads a time zone as seconds east of UTC.
func offset(s string) (int64, bool) {
	if s == "" || s == "Z" {
		return 0, true
	}
	if len(s) != 5 && len(s) != 6 || s[0] != '+' && s[0] != '-' || len(s) == 6 && s[3] != ':' {
		return 0, false
	}
	h, m := two(s[1:]), two(s[len(s)-2:])
	if h < 0 || h > 14 || m < 0 || m > 59 {
		return 0, false
	}
	sec := int64(h*3600 + m*60)
	if s[0] == '-' {
		sec = -sec
	}
	return sec, true
}
