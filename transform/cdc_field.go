package transform

import (
	"strings"
	"unicode/utf8"

	"github.com/dosebook/dosebook/dose"
)

const redacted = "Redacted"

// Raw columns that only CDC's rules read.
var (
	rawPPRL        = at("pprl_id")
	rawMiddle      = at("recip_middle_name")
	rawStreet      = at("recip_address_street")
	rawStreet2     = at("recip_address_street_2")
	rawSuffix      = at("vax_prov_suffix")
	rawProvider    = at("admin_type")
	rawDoseNum     = at("dose_num")
	rawComplete    = at("vax_series_complete")
	rawRoute       = at("vax_route")
	rawAdminSite   = at("vax_admin_site")
	rawRisk        = at("cmorbid_status")
	rawSerology    = at("serology")
	rawSiteStreet  = at("admin_address_street")
	rawSiteStreet2 = at("admin_address_street_2")
	rawSex         = at("recip_sex")

	// redactable are the columns that only identified extracts may fill.
	redactable = []int{rawFirst, rawMiddle, rawLast, rawStreet, rawStreet2, rawCity}
)

// cdcField is what CDC's validator asks of one column.
type cdcField struct {
	at       int
	required kinds
	mustNot  kinds
	redact   bool
	max      int                     // characters
	form     func(string) dose.Check // of a value that is there; cdcFine for a good one
	filled   bool                    // CDC's mapping of HL7 fills in what is not known
}

// cdcFine is no finding. Check 0 is one, but none that a form can have.
const cdcFine dose.Check = 0

// mark is what is wrong with a value, whatever the rest of its row.
type mark struct {
	empty, open, long bool
	form              dose.Check
}

func (f *cdcField) mark(s string) mark {
	m := mark{empty: s == "" && f.required != 0, open: f.redact && !equalFold(s, redacted)}
	if s == "" {
		return m
	}
	m.long = len(s) > f.max && utf8.RuneCountInString(s) > f.max
	if f.form != nil {
		m.form = f.form(s)
	}
	return m
}

// field looks at one column.
func (c *CDC) field(f *cdcField) {
	col := &c.cols[f.at]
	field := *f
	field.redact = f.redact && !c.named
	each(col, c.n, field.mark, func(row int, m mark) {
		k := c.kinds[row]
		switch {
		case !m.empty || f.required&(1<<k) == 0:
		case f.at == rawOrg && c.opt.Filled && !c.cols[rawSenderID].empty(row): // MSH-22 is filled in from MSH-4
		case f.at == rawExtType: // CDC's has it as a regular expression that the empty value misses
			c.add(row, dose.CDCFormat, f.at)
		default:
			c.add(row, dose.CDCRequired+dose.Check(k), f.at)
		}
		if m.open && c.ext[row] != 'I' {
			c.add(row, dose.CDCRedacted, f.at)
		}
		if m.long {
			c.add(row, dose.CDCLength, f.at)
		}
		if m.form != cdcFine && !(m.form == dose.CDCValueSet && c.excused(f.at, row)) {
			c.add(row, m.form, f.at)
		}
	})
	if f.mustNot == 0 || !c.others || col.dict == nil && col.text == nil {
		return
	}
	full := lookup(col, func(s string) bool { return s != "" })
	for row, k := range c.kinds {
		if f.mustNot&(1<<k) != 0 && full(row) {
			c.add(row, dose.CDCMustNotRefusal+dose.Check(k-refused), f.at)
		}
	}
}

// excused says whether a code that is unknown today was known on the day: the
// placeholders of 2020. Products of other vaccines are not judged: the tables
// here hold those against COVID-19 alone.
func (c *CDC) excused(field, row int) bool {
	switch field {
	case rawCVX, rawMVX, rawNDC:
		if cdcPlaceholders[upper(c.cols[field].value(row))] && c.cols[rawAdminDate].value(row) <= cdcPlaceholdersEnd {
			return true
		}
	}
	if field != rawNDC {
		return false
	}
	v, known := c.opt.Codes.Vaccine(cvxNumber(c.cols[rawCVX].value(row)))
	return known && !v.COVID
}

// The codes that CDC gave for development before there was a vaccine (CVRS v2
// fields 24 to 26), and the last day on which they were sent.
var cdcPlaceholders = map[string]bool{"900": true, "901": true, "902": true, "AAA": true, "BBB": true,
	"80777-9999-00": true, "99999-9999-01": true}

const cdcPlaceholdersEnd = "2020-12-31"

// cdcFields declares the columns (CVRS v2 "Deidentified Extract Fields"; CDC
// validator, annotations of CVRSExtract; lengths of columns without one there
// by the clearinghouse's list of field errors).
func cdcFields(opt CDCOptions) []cdcField {
	fields := append(append(personFields(), doseFields(opt.Codes)...), siteFields(opt.Version == 1)...)
	for i := range fields {
		f := &fields[i]
		if f.max == 0 {
			f.max = 255
		}
		if opt.Filled { // CDC's mapping also empties what must not be sent
			f.mustNot = 0
			if f.filled {
				f.required = 0
			}
		}
	}
	return fields
}

// coded is a column with a value set; where that has a code for unknown, CDC's
// mapping fills it in.
func coded(at int, required, mustNot kinds, codes ...string) cdcField {
	return cdcField{at: at, required: required, mustNot: mustNot, form: inSet(codes...), filled: has(codes, "UNK")}
}

// personFields are CVRS 1 to 22.
func personFields() []cdcField {
	name := func(at int) cdcField { return cdcField{at: at, redact: true} }
	fields := []cdcField{
		{at: rawEventID, required: ofAny, form: formed(noBlank)},
		{at: rawExtType, required: ofAny, form: inForm("D", "P", "I"), filled: true},
		{at: rawPPRL, max: 100},
		{at: rawRecipID, required: ofAny, form: formed(noBlank)},
		name(rawFirst), name(rawMiddle), name(rawLast),
		{at: rawDOB, required: ofAny, form: dated(7, 4)},
		coded(rawSex, ofAny, 0, "M", "F", "U"),
		name(rawStreet), name(rawStreet2), name(rawCity),
		{at: rawCounty, form: cdcCounty}, {at: rawState, form: cdcState}, {at: rawZIP, form: formed(isZIP)},
		coded(rawRace1, ofAny, 0, append(races, "UNK", "POL")...),
	}
	for i := 1; i < 6; i++ {
		fields = append(fields, coded(rawRace1+i, 0, 0, races...))
	}
	return append(fields, coded(rawEthnicity, ofAny, 0, "2135-2", "2186-5", "UNK", "POL"))
}

// doseFields are CVRS 23 to 32.
func doseFields(codes *dose.CodeTables) []cdcField {
	given := func(at, max int, form func(string) dose.Check) cdcField {
		return cdcField{at: at, mustNot: notGivenAny, max: max, form: form}
	}
	return []cdcField{
		{at: rawAdminDate, required: ofAny, form: dated()},
		{at: rawCVX, required: ofVaccination | ofRefusal, mustNot: ofMissed, form: cdcVaccine(codes)},
		given(rawNDC, 50, cdcProduct(codes)), given(rawMVX, 3, cdcMaker(codes)), given(rawLot, 0, nil), given(rawExpiration, 0, dated(7)),
		given(rawAdminSite, 0, inSet("LT", "LA", "LD", "LG", "LVL", "LLFA", "RT", "RA", "RD", "RG", "RVL", "RLFA")),
		given(rawRoute, 10, inSet("C38238", "C28161", "C38284", "C38276", "C38288", "C38676", "C38299", "C38305",
			"IM", "NS", "IN", "IV", "PO", "OTH", "SC", "TD")),
		coded(rawDoseNum, ofVaccination, notGivenAny, "1", "2", "3", "4", "5", "6", "INV", "UNK"),
		coded(rawComplete, ofVaccination, notGivenAny, "YES", "NO", "UNK"),
	}
}

// siteFields are CVRS 33 to 45, and the two that only version 1 has.
func siteFields(v1 bool) []cdcField {
	pin, provider := cdcField{at: rawPIN, form: formed(isPIN)}, dchTypes2
	refusal := coded(rawRefusal, ofAny, 0, "YES", "NO")
	refusal.filled = true
	missedIs, suffix := cdcField{at: rawMissed}, cdcField{at: rawSuffix}
	if v1 {
		pin.required, provider = ofAny, dchTypes1
		missedIs = coded(rawMissed, ofAny, 0, "YES", "NO")
		suffix = coded(rawSuffix, 0, notGivenAny, "RN", "MD", "NP", "PA", "LPN", "OTH", "UNK")
	}
	return []cdcField{
		{at: rawOrg, required: ofAny, form: formed(beginsFull)}, {at: rawSite, required: ofAny, form: formed(beginsFull)},
		pin, coded(rawProvider, ofVaccination|ofRefusal, 0, provider...),
		{at: rawSiteStreet}, {at: rawSiteStreet2}, {at: rawSiteCity},
		{at: rawSiteCounty, form: cdcCounty}, {at: rawSiteState, form: cdcState}, {at: rawSiteZIP, form: formed(isZIP)},
		suffix, refusal, coded(rawRisk, ofAny, 0, "YES", "NO", "UNK"), missedIs, coded(rawSerology, ofAny, 0, "YES", "NO", "UNK"),
	}
}

func has(codes []string, code string) bool {
	for _, c := range codes {
		if c == code {
			return true
		}
	}
	return false
}

func upper(s string) string { return strings.ToUpper(strings.TrimSpace(s)) }
