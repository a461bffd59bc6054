package hl7v2

// setDay gives the row in hand a date: YYYY[MM[DD…]] becomes YYYY, YYYY-MM or
// YYYY-MM-DD; a time of day behind it is left out. What has another form stays
// as it came, for transform to refuse.
func (w *worker) setDay(col uint16, text []byte) {
	if t, ok := parseStamp(text); ok {
		text = w.keep(t.appendDay(w.room(16)))
	}
	w.set(col, text)
}

// setTime gives the row in hand a time: YYYYMMDDHHMM[SS[.S…]][±ZZZZ] in the
// form of RFC 3339. A time without a zone stays without.
func (w *worker) setTime(col uint16, text []byte) {
	if t, ok := parseStamp(text); ok {
		text = w.keep(t.appendTime(w.room(len(text) + 16)))
	}
	w.set(col, text)
}

// stamp is the parts of an HL7 time (HL7 2.5.1, 2.A.22).
type stamp struct{ digits, fraction, zone []byte }

// parseStamp looks at the form alone: an even number of digits, from year to
// second, then perhaps a fraction and a zone.
func parseStamp(text []byte) (t stamp, ok bool) {
	n := digits(text)
	t.digits, text = text[:n], text[n:]
	if n < 4 || n > 14 || n%2 == 1 {
		return t, false
	}
	if n == 14 && len(text) > 1 && text[0] == '.' {
		k := digits(text[1:])
		if k == 0 {
			return t, false
		}
		t.fraction, text = text[:k+1], text[k+1:]
	}
	if len(text) == 5 && (text[0] == '+' || text[0] == '-') && digits(text[1:]) == 4 {
		t.zone, text = text, nil
	}
	return t, len(text) == 0
}

func digits(text []byte) int {
	for i, c := range text {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(text)
}

func (t stamp) appendDay(to []byte) []byte {
	d := t.digits
	to = append(to, d[:4]...)
	if len(d) >= 6 {
		to = append(append(to, '-'), d[4:6]...)
	}
	if len(d) >= 8 {
		to = append(append(to, '-'), d[6:8]...)
	}
	return to
}

// appendTime fills an hour alone up with minutes; a day alone stays a day.
func (t stamp) appendTime(to []byte) []byte {
	to = t.appendDay(to)
	d := t.digits
	if len(d) < 10 {
		return to
	}
	to = append(append(append(to, 'T'), d[8:10]...), ':')
	if len(d) < 12 {
		to = append(to, "00"...)
	} else {
		to = append(to, d[10:12]...)
	}
	if len(d) == 14 {
		to = append(append(append(to, ':'), d[12:14]...), t.fraction...)
	} else {
		to = append(to, ":00"...)
	}
	if len(t.zone) == 0 {
		return to
	}
	return append(append(append(to, t.zone[:3]...), ':'), t.zone[3:]...)
}
