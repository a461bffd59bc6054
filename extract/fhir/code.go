package fhir

import (
	"strings"
	"sync"

	"github.com/dosebook/dosebook/dose"
)

// coding is one Coding, or an Identifier's system and value.
type coding struct{ system, code string }

// codings hands out the codings of a CodeableConcept, or a Coding itself, and
// returns the concept's text. f returns false to end.
func codings(v value, f func(coding) bool) (text string) {
	members(v, func(key string, v value) {
		switch key {
		case "coding":
			each(v, func(v value) bool {
				var c coding
				members(v, func(key string, v value) {
					switch key {
					case "system":
						c.system = scalar(v)
					case "code":
						c.code = strings.TrimSpace(scalar(v))
					}
				})
				return c.code == "" || f(c)
			})
		case "text":
			text = scalar(v)
		}
	})
	return text
}

// coded returns a concept's code in the terms of a raw column: the first that
// is in its value set, by itself or by the map, else the first, else the text.
func coded(v value, set *dose.CodeSet, to map[string]string) string {
	first, found := "", ""
	text := codings(v, func(c coding) bool {
		if first == "" {
			first = c.code
		}
		if code, ok := to[c.code]; ok {
			found = code
		} else if set != nil {
			if _, ok := set.Name(strings.ToUpper(c.code)); ok {
				found = c.code
			}
		}
		return found == ""
	})
	switch {
	case found != "":
		return found
	case first != "":
		return first
	}
	return text
}

func codeSet(column string) *dose.CodeSet {
	set, _ := dose.Codes(column)
	return set
}

var (
	siteSet, routeSet, eligibilitySet = codeSet("vax_admin_site"), codeSet("vax_route"), codeSet("eligibility")
	reasonSet, sourceSet              = codeSet("refusal_reason"), codeSet("information_source")

	// FHIR R4 Patient.gender to CVRS v2 field 9.
	sexes = map[string]string{"male": "M", "female": "F", "other": "O", "unknown": "U"}

	// HL7 v3 RouteOfAdministration (FHIR R4 Immunization.route) and SNOMED CT
	// to NCIT.
	routes = map[string]string{"IM": "C28161", "IDINJ": "C38238", "NASINHL": "C38284", "NASINHLC": "C38284", "IVINJ": "C38276",
		"PO": "C38288", "SQ": "C38299", "TRNSDERM": "C38305", "78421000": "C28161", "34206005": "C38299"}

	// SNOMED CT to HL7 0163; HL7 v3 ActSite has the codes of 0163.
	sites = map[string]string{"368208006": "LA", "368209003": "RA"}

	// HL7 v3 ActReason for not immunizing (FHIR R4 Immunization.statusReason)
	// to NIP002. IMMUNE, MEDPREC and OSTOCK are no refusals.
	refusals = map[string]string{"PATOBJ": "03", "RELIG": "01", "PHILISOP": "02", "VACEFF": "02", "VACSAF": "02"}

	// FHIR R4 immunization-origin to NIP001.
	origins = map[string]string{"provider": "02", "record": "03", "recall": "04", "school": "07", "jurisdiction": "05"}
)

// Systems, by the end of their URL in lower case and by OID (domain: FHIR R4
// "Using Codes"; CDC's OIDs of CVX, MVX and the NDC directory).
func isCVX(system string) bool { return names(system, "/cvx", "2.16.840.1.113883.12.292") }
func isNDC(system string) bool { return names(system, "/ndc", "2.16.840.1.113883.6.69") }
func isMVX(system string) bool { return names(system, "/mvx", "2.16.840.1.113883.12.227") }

func names(system, end, oid string) bool {
	tail := system[max(len(system)-len(end), 0):]
	return strings.EqualFold(tail, end) || strings.EqualFold(system, end[1:]) || strings.HasSuffix(system, oid)
}

// product reads vaccineCode: the first CVX and the first NDC. A short number
// without a system is taken as CVX where there is no other.
func (c *cells) product(v value) {
	bare := ""
	codings(v, func(x coding) bool {
		switch {
		case isCVX(x.system) && !c.has(colCVX):
			c.set(colCVX, x.code)
		case isNDC(x.system) && !c.has(colNDC):
			c.set(colNDC, x.code)
		case x.system == "" && bare == "" && len(x.code) <= 4:
			bare = x.code
		}
		return true
	})
	if !c.has(colCVX) {
		c.set(colCVX, bare)
	}
}

// The names of makers of COVID-19 vaccines as they are written out, to MVX.
var makers = [][2]string{{"pfizer", "PFR"}, {"biontech", "PFR"}, {"moderna", "MOD"}, {"janssen", "JSN"}, {"johnson", "JSN"},
	{"novavax", "NVX"}, {"sanofi", "PMC"}, {"astrazeneca", "ASZ"}, {"bharat", "BBI"}, {"sinovac", "SNV"}, {"sinopharm", "SPH"},
	{"cansino", "CAN"}, {"medicago", "MDO"}, {"valneva", "VAL"}}

// makerCode turns a maker's name into its MVX code. An unknown name stays, for
// transform to complain about.
func makerCode(name string) string {
	if len(name) <= 3 {
		return name
	}
	low := strings.ToLower(name)
	for _, m := range makers {
		if strings.Contains(low, m[0]) {
			return m[1]
		}
	}
	return name
}

var states = sync.OnceValue(func() map[string]string {
	at := map[string]string{}
	for _, c := range codeSet("recip_address_state").Codes() {
		at[strings.ToLower(c.Name)] = c.Code
	}
	return at
})

// stateCode turns a state that is written out into its USPS code, which
// FHIR leaves open and the rules for counties need.
func stateCode(s string) string {
	if len(s) > 2 {
		if code, ok := states()[strings.ToLower(strings.TrimSpace(s))]; ok {
			return code
		}
	}
	return s
}
