package dose

import "sync"

// Code is one value of a value set.
type Code struct{ Code, Name string }

// CodeSet is a value set. It can't be changed.
type CodeSet struct {
	Title  string
	Source string
	codes  []Code
}

func codeSet(title, source string, pairs ...string) *CodeSet {
	s := &CodeSet{Title: title, Source: source}
	for i := 0; i+1 < len(pairs); i += 2 {
		s.codes = append(s.codes, Code{pairs[i], pairs[i+1]})
	}
	return s
}

// Name returns what the code means; codes are in upper case.
func (s *CodeSet) Name(code string) (string, bool) {
	for i := range s.codes {
		if s.codes[i].Code == code {
			return s.codes[i].Name, true
		}
	}
	return "", false
}

// Codes returns the codes in order.
func (s *CodeSet) Codes() []Code { return append([]Code(nil), s.codes...) }

// tableSet makes a code set of the first two cells of an embedded table.
func tableSet(name, title, source string) func() *CodeSet {
	return sync.OnceValue(func() *CodeSet {
		var pairs []string
		for _, r := range table(name, 2) {
			pairs = append(pairs, r[0], r[1])
		}
		return codeSet(title, source, pairs...)
	})
}

var (
	raceSet = codeSet("Race", "CVRS v2 fields 16–21 (CDCREC); detail codes and PHC1175 as CAIR2 sends them",
		"1002-5", "American Indian or Alaska Native", "2028-9", "Asian", "2054-5", "Black or African American",
		"2076-8", "Native Hawaiian or Other Pacific Islander", "2106-3", "White", "2131-1", "Other Race",
		"2034-7", "Chinese", "2036-2", "Filipino", "2039-6", "Japanese",
		"UNK", "Unknown", "POL", "Not reported, by policy or law", "PHC1175", "Prefer not to say", "ASKU", "Asked but unknown")
	ethnicitySet = codeSet("Ethnicity", "CVRS v2 field 22 (CDCREC); PHC1175 as CAIR2 sends it",
		"2135-2", "Hispanic or Latino", "2186-5", "Not Hispanic or Latino", "UNK", "Unknown",
		"POL", "Not reported, by policy or law", "PHC1175", "Prefer not to say", "ASKU", "Asked but unknown")
	sexSet = codeSet("Sex", "CVRS v2 field 9; O and X as CAIR2 sends them (CDPH data dictionary)",
		"F", "Female", "M", "Male", "U", "Unknown", "O", "Other", "X", "Nonbinary")
	siteSet = codeSet("Site", "CVRS v2 field 29, HL7 0163",
		"LT", "Left thigh", "LA", "Left arm", "LD", "Left deltoid", "LG", "Left gluteus medius", "LVL", "Left vastus lateralis",
		"LLFA", "Left lower forearm", "RT", "Right thigh", "RA", "Right arm", "RD", "Right deltoid", "RG", "Right gluteus medius",
		"RVL", "Right vastus lateralis", "RLFA", "Right lower forearm",
		"BN", "Both nostrils", "LN", "Left nostril", "RN", "Right nostril", "MO", "Mouth")
	routeSet = codeSet("Route", "CVRS v2 field 30 (NCIT), HL7 0162",
		"C28161", "Intramuscular", "C38238", "Intradermal", "C38284", "Nasal", "C38276", "Intravenous", "C38288", "Oral",
		"C38676", "Percutaneous", "C38299", "Subcutaneous", "C38305", "Transdermal",
		"IM", "Intramuscular", "ID", "Intradermal", "NS", "Nasal", "IN", "Intranasal", "IV", "Intravenous", "PO", "Oral",
		"SC", "Subcutaneous", "TD", "Transdermal", "OTH", "Other")
	doseNumSet = codeSet("Dose number", "CVRS v2 field 31",
		"1", "First dose", "2", "Second dose", "3", "Third dose", "4", "Fourth dose", "5", "Fifth dose", "6", "Sixth dose",
		"INV", "Invalid dose", "UNK", "Unknown")
	yesNoSet    = codeSet("Yes, no", "CVRS v2 field 43", "YES", "Yes", "NO", "No")
	yesNoUnkSet = codeSet("Yes, no, unknown", "CVRS v2 fields 32, 44, 45", "YES", "Yes", "NO", "No", "UNK", "Unknown")
	extTypeSet  = codeSet("Extract type", "CVRS v2 field 2", "D", "De-identified", "P", "Privacy-preserving record linkage", "I", "Identified")

	adminTypeSet = codeSet("Provider type", "CVRS v2 field 36; CL to POD are version 1",
		"1", "Commercial vaccination service", "2", "Corrections or detention health service", "3", "Community health center",
		"4", "Migrant or refugee health center", "5", "Occupational health center", "6", "STD or HIV clinic",
		"7", "Student health center", "8", "Home health care", "9", "Hospital", "10", "Indian Health Service", "11", "Tribal health",
		"12", "Family medicine", "13", "Pediatrics", "14", "Internal medicine", "15", "Obstetrics and gynecology",
		"16", "Other specialty", "17", "Pharmacy, chain", "18", "Pharmacy, independent", "19", "Public health clinic",
		"20", "Federally Qualified Health Center", "21", "Rural Health Clinic",
		"22", "Long-term care, skilled nursing, federally certified", "23", "Long-term care, skilled nursing, not federally certified",
		"24", "Long-term care, assisted living", "25", "Long-term care, intellectual or developmental disability",
		"26", "Long-term care, combination", "27", "Urgent care", "28", "Other", "UNK", "Unknown",
		"CL", "Clinic", "HD", "Health department", "PO", "Provider's office", "PH", "Pharmacy",
		"CP", "Community provider", "TR", "Tribal health center", "POD", "Point of dispensing")

	sourceSet = codeSet("Information source", "HL7 NIP001",
		"00", "New", "01", "Historical, source unspecified", "02", "Historical, other provider", "03", "Historical, parent's written record",
		"04", "Historical, parent's recall", "05", "Historical, other registry", "06", "Historical, birth certificate",
		"07", "Historical, school record", "08", "Historical, public agency")
	completionSet = codeSet("Completion", "HL7 0322", "CP", "Complete", "PA", "Partially administered", "NA", "Not administered", "RE", "Refused")
	refusalSet    = codeSet("Refusal reason", "HL7 NIP002", "00", "Parent's decision", "01", "Religious exemption", "02", "Other", "03", "Patient's decision")
	eligibleSet   = codeSet("Funding program eligibility", "HL7 0064",
		"V00", "Not determined", "V01", "Not VFC eligible", "V02", "VFC, Medicaid", "V03", "VFC, uninsured", "V04", "VFC, American Indian or Alaska Native",
		"V05", "VFC, underinsured at an FQHC or RHC", "V06", "VFC, state specific", "V07", "Local specific", "V08", "Underinsured",
		"V22", "CHIP", "V23", "317", "V24", "Medicare", "V25", "State program")
	actionSet     = codeSet("Action", "HL7 0206", "A", "Add", "U", "Update", "D", "Delete")
	protectionSet = codeSet("Protection", "HL7 PD1-12", "Y", "Locked: not to be shared", "N", "May be shared")

	stateSet = tableSet("states", "State", "CVRS v2 fields 14, 41 (USPS)")
)

// Codes returns the value set of a raw column, if it has one. Its values are
// compared in upper case (CVRS v2: data are not case-sensitive).
func Codes(column string) (*CodeSet, bool) {
	switch column {
	case "ext_type":
		return extTypeSet, true
	case "recip_sex":
		return sexSet, true
	case "recip_address_state", "admin_address_state":
		return stateSet(), true
	case "recip_race_1", "recip_race_2", "recip_race_3", "recip_race_4", "recip_race_5", "recip_race_6":
		return raceSet, true
	case "recip_ethnicity":
		return ethnicitySet, true
	case "mvx":
		return Builtin().MVX(), true
	case "vax_admin_site":
		return siteSet, true
	case "vax_route":
		return routeSet, true
	case "dose_num":
		return doseNumSet, true
	case "admin_type":
		return adminTypeSet, true
	case "vax_refusal", "recip_missed_appt":
		return yesNoSet, true
	case "vax_series_complete", "cmorbid_status", "serology":
		return yesNoUnkSet, true
	case "action":
		return actionSet, true
	case "protection":
		return protectionSet, true
	case "information_source":
		return sourceSet, true
	case "completion":
		return completionSet, true
	case "refusal_reason":
		return refusalSet, true
	case "eligibility":
		return eligibleSet, true
	}
	return nil, false
}
