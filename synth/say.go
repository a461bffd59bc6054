package synth

import "strconv"

// What all formats say in the same words.

// windowsHalf is ½ in Windows-1252: no UTF-8.
const windowsHalf = "\xbd"

// appendID appends an id of 13 digits: a constant width makes order of text and
// of number the same.
func appendID(b []byte, letter string, n uint64) []byte {
	b = append(b, letter...)
	for limit := uint64(1_000_000_000_000); limit > 1 && n < limit; limit /= 10 {
		b = append(b, '0')
	}
	return strconv.AppendUint(b, n, 10)
}

// seriesDone says, as reported, whether the series is complete.
func seriesDone(g *given) string {
	switch {
	case g.draw>>12%20 == 0:
		return "UNK"
	case g.complete || g.nth > 2:
		return "YES"
	}
	return "NO"
}

// doseNumber is the number as reported: one in twelve is unknown or wrong,
// which is why it is never trusted (CDPH data dictionary).
func doseNumber(g *given) string {
	if k := g.draw >> 16 % 36; k < 3 {
		return [...]string{"UNK", "1", "INV"}[k]
	}
	return [...]string{"1", "2", "3", "4", "5", "6", "UNK"}[min(g.nth, 7)-1]
}

// appendLot writes a lot number in the maker's pattern.
func appendLot(b []byte, r *record) []byte {
	letter := func(shift uint) byte { return "ABCDEFGHJKLMNPRTVWXY"[r.lot>>shift%20] }
	digits := func(shift uint, n uint64) {
		x := r.lot>>shift%(n*9) + n
		b = strconv.AppendUint(b, x, 10)
	}
	switch r.product.maker {
	case pfizer:
		b = append(b, letter(0), letter(8))
		digits(16, 1000)
	case moderna:
		digits(0, 100)
		b = append(b, letter(12))
		digits(20, 10)
		b = append(b, letter(30))
	case janssen:
		b = append(b, "18"...)
		digits(0, 10_000)
	default:
		digits(0, 1000)
		b = append(b, "MF"...)
		digits(16, 100)
	}
	return b
}

// junkPhone is the placeholder that some desks type in for everybody.
const junkPhone = "222-555-0100"

// appendSender appends a site's id: each registry has its own.
func appendSender(b []byte, registry string, s *site) []byte {
	return append(append(append(b, registry...), '-'), s.pin...)
}

// appendPhone appends the phone, where one is known, in the registry's way. Its area code is one
// that no carrier has: it is nobody's.
func (r *record) appendPhone(b []byte) []byte {
	switch {
	case r.phone > 0:
	case r.person.ties.junk:
		return append(b, junkPhone...)
	default:
		return b
	}
	n := r.phone
	var buf [10]byte
	digits := strconv.AppendUint(buf[:0], (222+n%5*111)*10_000_000+n, 10)
	switch r.registry % 3 {
	case 0:
		b = append(append(b, digits[:3]...), '-')
		b = append(append(b, digits[3:6]...), '-')
		return append(b, digits[6:]...)
	case 1:
		b = append(append(append(b, '('), digits[:3]...), ") "...)
		b = append(append(b, digits[3:6]...), '-')
		return append(b, digits[6:]...)
	}
	return append(b, digits...)
}

// appendEmail appends the address of the mailbox, where one is known.
func (r *record) appendEmail(b []byte) []byte {
	if r.email == 0 {
		return b
	}
	return append(strconv.AppendUint(append(b, 'u'), r.email, 10), "@example.org"...)
}

// sex is as reported.
func (r *record) sex() string {
	if r.flaw == badSex {
		return badSexes[r.odd>>8%uint64(len(badSexes))]
	}
	return r.person.sex
}

// badDate is the date of an unusable row.
func (r *record) badDate() string { return badDates[r.odd>>8%uint64(len(badDates))] }

// expires is the day on which the lot expires.
func (r *record) expires() int { return min(r.given.day+60+int(r.lot>>32%120), calendarTo-1) }

// bodySite is a code of HL7 table 0163.
func bodySite(g *given) string {
	return [...]string{"LD", "LD", "LD", "RD", "RD", "LA", "RA", "LT"}[g.draw>>8&7]
}

func comorbid(g *given) string {
	return [...]string{"UNK", "UNK", "UNK", "NO", "NO", "YES", "UNK", "NO"}[g.draw>>4&7]
}

// org is the organisation that reported.
func (r *record) org() string {
	if r.sender == nil {
		return "Historical"
	}
	return r.sender.org
}

// lotKnown says whether lot, expiry, body site and route are.
func (r *record) lotKnown() bool { return !r.given.refused && !r.noLot && r.product != nil }

// ndc is the product's, where the reporter saw the vial; else empty.
func (r *record) ndc() string {
	if r.product == nil || r.hearsay {
		return ""
	}
	return r.product.ndc
}

// appendStreet appends house, street and, where it is written so, the flat;
// half stands behind the number where the row's flaw is half a house number.
func (r *record) appendStreet(b []byte, half string) []byte {
	h := &r.home
	b = strconv.AppendInt(b, int64(h.house), 10)
	if r.flaw == latin1 {
		b = append(b, half...)
	}
	b = append(append(b, ' '), plain(h.street)...)
	b = append(append(b, ' '), h.ending...)
	if h.inline && h.unit != "" {
		b = h.appendUnit(append(b, ' '))
	}
	return b
}

func (h *residence) appendZIP(b []byte) []byte {
	b = append(b, h.zip...)
	if h.plus4 > 0 {
		b = strconv.AppendInt(append(b, '-'), int64(h.plus4), 10)
	}
	return b
}
