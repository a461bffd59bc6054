package synth

import "strconv"

const (
	extensions = "http://hl7.org/fhir/us/core/StructureDefinition/"
	terms      = "http://terminology.hl7.org/CodeSystem/"
)

// patient appends the Patient (US Core).
func (e *export) patient(b []byte, r *record, own bool, stamp string) []byte {
	p := r.person
	b = begin(b, "Patient", e.patientID(r, own), stamp)
	if e.locked(p, inFHIR) {
		b = append(b, `,"security":[{"system":"`+terms+`v3-Confidentiality","code":"R"}]`...)
	}
	b = e.background(append(b, '}'), r)
	b = append(b, `,"identifier":[{"type":{"coding":[{"system":"`+terms+`v2-0203","code":"MR"}]},`...)
	b = append(e.system(b, "recipient"), `,"value":"`...)
	b = append(appendID(b, "P", r.recip), `"}],"name":[{"use":"official","family":`...)
	b = quoted(append(quotable(b, r, 0, plain(r.last)), `,"given":[`...), r.first)
	if p.mid != "" {
		b = quoted(append(b, ','), p.mid)
	}
	b = append(b, "]}]"...)
	b = telecom(b, r)
	b = member(b, "gender", gender(r))
	born := e.cal.iso(r.born)
	if r.flaw == partialBirth {
		born = born[:4+3*(r.odd>>16&1)]
	}
	b = append(append(append(b, `,"birthDate":"`...), born...), `","address":[{"use":"home","line":[`...)
	return append(home(b, r), "}]}"...)
}

// background appends race and ethnicity. Codes that are no OMB category, such
// as 2131-1 and UNK, stand among the categories all the same: registries send
// what they hold where they send the rest.
func (e *export) background(b []byte, r *record) []byte {
	p, n := r.person, 0
	b = append(b, `,"extension":[`...)
	races := p.races
	if r.flaw == noRace {
		races[0] = ""
	}
	for _, code := range races {
		if code == "" {
			continue
		}
		if n++; n == 1 {
			b = append(b, `{"url":"`+extensions+`us-core-race","extension":[`...)
		}
		b = append(category(b, code), ',')
	}
	if n > 0 {
		b = append(b, `{"url":"text","valueString":"as reported"}]},`...)
	}
	b = append(b, `{"url":"`+extensions+`us-core-ethnicity","extension":[`...)
	return append(category(b, p.ethnicity), `,{"url":"text","valueString":"as reported"}]}]`...)
}

func category(b []byte, code string) []byte {
	system := "urn:oid:2.16.840.1.113883.6.238" // CDCREC
	switch code {
	case "UNK":
		system = terms + "v3-NullFlavor"
	case "POL":
		system = "urn:cdc:cvrs" // its own word for: not collected by policy
	}
	b = append(append(b, `{"url":"ombCategory","valueCoding":{"system":"`...), system...)
	return append(append(append(b, `","code":"`...), code...), `"}}`...)
}

// gender is FHIR's word; what is none of CVRS's codes is sent as it is.
func gender(r *record) string {
	switch s := r.sex(); s {
	case "M":
		return "male"
	case "F":
		return "female"
	case "U":
		return "unknown"
	default:
		return s
	}
}

func telecom(b []byte, r *record) []byte {
	var buf [40]byte
	phone := r.appendPhone(buf[:0])
	if len(phone) == 0 && r.email == 0 {
		return b
	}
	b = append(b, `,"telecom":[`...)
	if len(phone) > 0 {
		b = append(append(append(b, `{"system":"phone","value":"`...), phone...), `"}`...)
		if r.email > 0 {
			b = append(b, ',')
		}
	}
	if r.email > 0 {
		b = append(r.appendEmail(append(b, `{"system":"email","value":"`...)), `"}`...)
	}
	return append(b, ']')
}

// home appends the address from its first line on.
func home(b []byte, r *record) []byte {
	h := &r.home
	var buf [80]byte
	b = quotable(b, r, 1, string(r.appendStreet(buf[:0], "½")))
	if h.unit != "" && !h.inline {
		b = quoted(append(b, ','), string(h.appendUnit(buf[:0])))
	}
	b = member(append(b, ']'), "city", h.city)
	if h.county != "" {
		b = quotable(append(b, `,"district":`...), r, 2, h.county)
	}
	b = member(b, "state", h.state)
	return member(b, "postalCode", string(h.appendZIP(buf[:0])))
}

// location appends the place where a dose was given. Its identifier is the
// provider's PIN.
func (e *export) location(b []byte, r *record, id string) []byte {
	b = append(begin(b, "Location", id, e.shared), '}')
	s := r.site
	if s == nil {
		return append(member(b, "name", "Historical dose"), '}')
	}
	b = append(append(append(b, `,"identifier":[{"system":"urn:vtrcks:pin","value":"`...), s.pin...), `"}]`...)
	b = quoted(append(member(b, "name", s.name), `,"address":{"line":[`...), s.street)
	b = member(append(b, ']'), "city", s.city)
	if r.flaw != nowhere {
		b = member(b, "district", e.counties[s.county].fips)
	}
	b = append(b, `,"state":"CA"`...)
	if r.flaw != nowhere {
		b = member(b, "postalCode", s.zip)
	}
	return append(b, "}}"...)
}

// immunization appends the Immunization (US Core). What is unusable lacks its
// date or its vaccine, has a date that is none, or words instead of one.
func (e *export) immunization(b []byte, r *record, own bool, stamp string) []byte {
	g := r.given
	b = e.event(append(b, `{"resourceType":"Immunization","id":"`...), r)
	b = append(append(append(b, `","meta":{"lastUpdated":"`...), stamp...), `"},"identifier":[{`...)
	b = e.system(b, "event")
	b = append(e.event(append(b, `,"value":"`...), r), `"}]`...)
	b = e.status(b, r)
	if r.unnamed(inFHIR) {
		b = append(b, `,"vaccineCode":{"text":"COVID-19 vaccine"}`...)
	} else {
		b = append(b, `,"vaccineCode":{"coding":[{"system":"http://hl7.org/fhir/sid/cvx","code":"`...)
		b = append(strconv.AppendInt(b, int64(g.cvx), 10), `"}`...)
		if ndc := r.ndc(); ndc != "" {
			b = append(append(append(b, `,{"system":"http://hl7.org/fhir/sid/ndc","code":"`...), ndc...), `"}`...)
		}
		b = append(b, "]}"...)
	}
	b = reference(b, "patient", "Patient", e.patientID(r, own))
	switch {
	case r.fault == noDate:
	case r.fault == noEventID:
		b = append(b, `,"occurrenceString":"spring of 2021"`...)
	case r.fault == badDate:
		b = member(b, "occurrenceDateTime", r.badDate())
	default:
		b = append(append(append(b, `,"occurrenceDateTime":"`...), e.cal.iso(r.day)...), '"')
	}
	b = append(append(append(b, `,"recorded":"`...), e.cal.iso(e.entered(r))...), `","primarySource":`...)
	b = strconv.AppendBool(b, !r.hearsay)
	b = reference(b, "location", "Location", placeID(r))
	if r.product != nil && !g.refused {
		b = reference(b, "manufacturer", "Organization", "mvx-"+r.product.mvx)
	}
	if r.lotKnown() {
		b = append(appendLot(append(b, `,"lotNumber":"`...), r), `","expirationDate":"`...)
		b = append(append(b, e.cal.iso(r.expires())...), '"')
		b = concept(b, "site", terms+"v2-0163", bodySite(g))
		b = concept(b, "route", "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl", "C28161")
	}
	b = append(b, `,"performer":[{"function":{"coding":[{"system":"`+terms+`v2-0443","code":"AP"}]}`...)
	b = append(reference(b, "actor", "Organization", orgID(r.org())), "}]"...)
	if !g.refused {
		b = protocol(b, doseNumber(g))
	}
	return append(b, '}')
}

// status appends status and statusReason.
func (e *export) status(b []byte, r *record) []byte {
	switch {
	case r.step == deleted:
		return append(b, `,"status":"entered-in-error"`...)
	case r.given.refused:
		return concept(append(b, `,"status":"not-done"`...), "statusReason", terms+"v3-ActReason", "PATOBJ")
	}
	return append(b, `,"status":"completed"`...)
}

// protocol appends the dose number as R4 wants it: a number, or a text.
func protocol(b []byte, number string) []byte {
	if number[0] > '9' {
		return append(quoted(append(b, `,"protocolApplied":[{"doseNumberString":`...), number), "}]"...)
	}
	return append(append(append(b, `,"protocolApplied":[{"doseNumberPositiveInt":`...), number...), "}]"...)
}

// begin opens a resource, up to where its meta may go on.
func begin(b []byte, kind, id, stamp string) []byte {
	b = append(append(b, `{"resourceType":"`...), kind...)
	b = append(append(b, `","id":"`...), id...)
	return append(append(append(b, `","meta":{"lastUpdated":"`...), stamp...), '"')
}

// system appends the system of the registry's own identifiers.
func (e *export) system(b []byte, of string) []byte {
	b = append(append(b, `"system":"https://`...), e.registry...)
	return append(append(append(b, ".example/"...), of...), '"')
}

// member appends a member with a text, when there is one.
func member(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	return quoted(append(append(append(b, `,"`...), name...), `":`...), text)
}

// concept appends a CodeableConcept of one code.
func concept(b []byte, name, system, code string) []byte {
	b = append(append(append(b, `,"`...), name...), `":{"coding":[{"system":"`...)
	return append(append(append(append(b, system...), `","code":"`...), code...), `"}]}`...)
}

func reference(b []byte, name, kind, id string) []byte {
	b = append(append(append(b, `,"`...), name...), `":{"reference":"`...)
	return append(append(append(append(b, kind...), '/'), id...), `"}`...)
}

// quotable appends a text of which some sender escapes more than it must,
// where a sender of CVRS wraps it in quotes.
func quotable(b []byte, r *record, field uint64, s string) []byte {
	b = append(b, '"')
	if r.flaw == quotes && r.odd>>16%4 == field && s != "" && s[0] < 0x80 {
		b = append(append(b, `\u00`...), "0123456789abcdef"[s[0]>>4], "0123456789abcdef"[s[0]&15])
		s = s[1:]
	}
	return append(inText(b, s), '"')
}

// quoted appends a JSON text.
func quoted(b []byte, s string) []byte { return append(inText(append(b, '"'), s), '"') }

// inText appends what stands between the quotes. No record has control
// characters.
func inText(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return b
}
