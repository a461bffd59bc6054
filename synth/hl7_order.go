package synth

import "strconv"

// order appends ORC, RXA, RXR and OBX. What is unusable lacks its id, its date,
// its vaccine, or its ORC.
func (b *batchFile) order(to []byte, r *record) []byte {
	g := r.given
	if r.fault != fewFields {
		to = append(to, "ORC|RE||"...)
		if r.fault != noEventID {
			to = appendID(to, b.names[r.letter][:1], r.event)
			to = append(append(to, '^'), b.registry...)
		}
		to = append(to, '\r')
	}
	to = b.given(append(to, "RXA|0|1|"...), r)
	if r.keyAlone() {
		return append(to, "|999|||||||||||||||D\r"...)
	}
	to = b.source(to, r)
	to = b.place(append(to, "||"...), r)
	to = b.product(append(to, "||||"...), r)
	to = b.status(append(to, '|'), r)
	if r.lotKnown() {
		to = append(to, "RXR|C28161^Intramuscular^NCIT|"...)
		to = append(append(to, bodySite(g)...), "^^HL70163\r"...)
	}
	n := 0
	if !g.refused {
		number := doseNumber(g)
		kind := "NM"
		if number[0] > '9' {
			kind, number = "CE", number+"^^L"
		}
		to = b.observed(to, &n, kind, "30973-2^Dose number in series^LN", number)
		to = b.observed(to, &n, "CE", "59783-1^Status in immunization series^LN", seriesDone(g)+"^^L")
	}
	to = b.observed(to, &n, "CE", "VXC8^Comorbidity^CDCPHINVS", comorbid(g)+"^^L")
	return b.observed(to, &n, "CE", "75505-8^Serology^LN", "UNK^^NULLFL")
}

// given appends RXA-3 to RXA-5.
func (b *batchFile) given(to []byte, r *record) []byte {
	before := len(to)
	switch {
	case r.fault == noDate:
	case r.fault == badDate:
		to = digitsOf(to, r.badDate())
	default:
		to = digitsOf(to, b.cal.iso(r.day))
	}
	date := to[before:]
	to = append(append(append(to, '|'), date...), '|')
	if r.unnamed(inHL7) {
		return append(to, "^COVID-19 vaccine"...)
	}
	to = append(strconv.AppendInt(to, int64(r.given.cvx), 10), "^^CVX"...)
	if ndc := r.ndc(); ndc != "" {
		to = append(append(append(to, '^'), ndc...), "^^NDC"...)
	}
	return to
}

// source appends RXA-6 to RXA-9.
func (b *batchFile) source(to []byte, r *record) []byte {
	amount := "|999|||"
	if r.given.refused {
		amount = "|0|||"
	}
	if to = append(to, amount...); r.hearsay {
		return append(to, "01^Historical^NIP001"...)
	}
	return append(to, "00^New^NIP001"...)
}

// place appends RXA-11.
func (b *batchFile) place(to []byte, r *record) []byte {
	s := r.site
	if s == nil {
		return append(to, "^^^Historical dose^^UNK"...)
	}
	to = b.quotable(append(to, "^^^"...), r, 3, s.name)
	to = append(append(append(to, '&'), s.pin...), "^^"...)
	to = append(append(to, s.kind...), "^^^"...)
	to = append(escaped(to, s.street), "^^"...)
	to = append(escaped(to, s.city), "^CA^"...)
	if r.flaw != nowhere {
		to = append(to, s.zip...)
	}
	return escaped(append(to, "^^^"...), r.siteText)
}

// product appends RXA-15 to RXA-17.
func (b *batchFile) product(to []byte, r *record) []byte {
	if r.lotKnown() {
		to = append(appendLot(to, r), '|')
		to = append(digitsOf(to, b.cal.iso(r.expires())), '|')
	} else {
		to = append(to, "||"...)
	}
	if r.product == nil || r.given.refused {
		return to
	}
	return append(append(to, r.product.mvx...), "^^MVX"...)
}

// status appends RXA-18 to RXA-22.
func (b *batchFile) status(to []byte, r *record) []byte {
	if r.given.refused {
		to = append(to, "03^Patient decision^NIP002||RE|"...)
	} else {
		to = append(to, "||CP|"...)
	}
	to = append(to, "AUD"[r.step.action()], '|')
	return append(digitsOf(to, b.cal.iso(b.entered(r))), '\r')
}

// observed appends an OBX; n counts those of the order.
func (b *batchFile) observed(to []byte, n *int, kind, what, value string) []byte {
	*n++
	to = strconv.AppendInt(append(to, "OBX|"...), int64(*n), 10)
	to = append(append(append(to, '|'), kind...), '|')
	to = append(append(to, what...), '|')
	to = strconv.AppendInt(to, int64(b.orders), 10)
	return append(append(append(to, '|'), value...), "||||||F\r"...)
}
