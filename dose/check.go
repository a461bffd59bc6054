package dose

// Severity is how bad a finding is. Only the checks that declare Rejects keep
// a row out; every other finding is an issue on a row that loads.
type Severity uint8

const (
	Info Severity = iota
	Warning
	Error
)

func (s Severity) String() string { return [...]string{"INFO", "WARN", "ERROR"}[s] }

// Check names one rule of the catalogue.
type Check uint16

// The catalogue's checks. The order is that of the table below.
const (
	EventIDMissing Check = iota
	AdminDateMissing
	AdminDateBad
	AdminDateCoarse
	VaccineMissing
	MissedAppointment
	FewFields
	LineTooLong
	NULByte
	RuleCrashed
	MessageTooLong
	HeaderBad
	MessageType
	NotProduction
	SegmentMissing
	NoDoseInMessage
	NoDoseInOrder
	StrayText
	SenderUnknown
	SenderInTest
	SenderOnHold

	BatchCount
	BatchOpen
	SegmentOrder
	SegmentBad
	ProcessingUnknown
	EventIDMade

	JSONBad
	ResourceBad
	ResourceOther
	ServerOutcome
	PatientAbsent
	PatientVersions

	QuotesUnwrapped
	ExtraFields
	UnknownColumn
	NotUTF8
	RequiredBlank
	DateBad
	DatePartial
	CodeUnknown
	ExtTypeBad
	ZIPBad
	BornAfterDose
	BornInFuture
	DoseInFuture
	DoseBeforeEUA
	CVXFromNDC
	VaccineOther
	StateBlank
	CountyUnusable
	CountyFromZIP
	CountyFromAdmin
	CountyUnknown
	RecipientMissing

	AddOfKnown
	UpdateOfUnknown
	DeleteOfUnknown
	Revived
	AbsentFromSnapshot

	// Those of CDC's validator, for dosebook validate: what it calls errors.
	CDCHeader
	CDCByteOrderMark
	CDCRequired // three: vaccination, refusal, missed appointment
	CDCRequiredRefusal
	CDCRequiredMissed
	CDCMustNotRefusal
	CDCMustNotMissed
	CDCDate
	CDCDateForm
	CDCPPRL
	CDCFormat
	CDCRedacted
	CDCValueSet
	CDCLength
	CDCCountyOfHome
	CDCCountyOfSite
	CDCZIPOfHome
	CDCZIPOfSite
	CDCBornAfter
	CDCRefusedAndMissed
	CDCHomeState
	CDCSiteState
	CDCHomeCounty
	CDCSiteCounty
	CDCBornLater
	CDCGivenLater
	CDCEventTwice
	TooManyRecords
	NameOdd
	Unreadable

	numChecks
)

// Rule is a check as declared: what it says, and what to do about it.
type Rule struct {
	Code     string // CDC's where it has one, ours otherwise
	Severity Severity
	Rejects  bool // the row is kept out, as a reject
	Says     string
	Remedy   string
	Source   string
}

var rules = [numChecks]Rule{
	EventIDMissing:    {"REQD001", Error, true, "vax_event_id is empty", "send the event's stable id from your system in vax_event_id", "CVRS v2 field 1"},
	AdminDateMissing:  {"REQD001", Error, true, "admin_date is empty", "send the date the dose was given as YYYY-MM-DD", "CVRS v2 field 23"},
	AdminDateBad:      {"DATA001", Error, true, "admin_date is not a possible date in YYYY-MM-DD, YYYY-MM or YYYY", "correct the date and send the row again", "CVRS v2, data conventions 5"},
	AdminDateCoarse:   {"DATA009", Error, true, "admin_date is less precise than this feed asks for", "send the full date as YYYY-MM-DD", "feed option date precision"},
	VaccineMissing:    {"REQD001", Error, true, "cvx is not a number and ndc is no known product", "send the CVX code of the vaccine", "CVRS v2 field 24"},
	MissedAppointment: {"MISSED_APPT", Error, true, "the row reports a missed appointment, which is no dose", "nothing to do: version 1 missed appointments are not doses", "CVRS v1, recip_missed_appt"},
	FewFields:         {"FEW_FIELDS", Error, true, "the row has fewer fields than the header", "send all columns, separated by tabs, even when they are empty; look for a line break inside a value", "CVRS v2, data conventions 2"},
	LineTooLong:       {"LINE_TOO_LONG", Error, true, "the line is longer than 1 MiB", "look for missing line ends, then send the rows again", "dosebook"},
	NULByte:           {"NUL_BYTE", Error, true, "the row holds a NUL byte", "export the file as UTF-8 text again; it may have been cut or is no text", "CVRS v2, data conventions 1"},
	RuleCrashed:       {"RULE_CRASHED", Error, true, "a check failed on this row", "report it with the check's name and the line; the row is kept", "dosebook"},

	MessageTooLong:  {"HL7_TOO_LONG", Error, true, "the message is longer than 1 MiB", "look for missing message headers (MSH), then send the messages again", "dosebook"},
	HeaderBad:       {"HL7_HEADER", Error, true, "MSH does not declare usable delimiters", "begin each message with MSH|^~\\&|", "HL7 2.5.1, 2.15.9.1–2"},
	MessageType:     {"HL7_TYPE", Error, true, "MSH-9 is not VXU^V04", "send vaccination records as VXU^V04^VXU_V04", "CDC HL7 immunization guide R1.5, MSH-9"},
	NotProduction:   {"HL7_TEST", Error, true, "MSH-11 says test or debugging: such a message never counts", "send real records with processing id P", "CDC HL7 immunization guide R1.5, MSH-11"},
	SegmentMissing:  {"HL7_SEGMENT", Error, true, "a required segment (PID before the orders, ORC before each RXA) is missing", "send MSH, PID, then ORC and RXA for each dose", "CDC HL7 immunization guide R1.5, VXU_V04; receiver rules for missing segments"},
	NoDoseInMessage: {"HL7_NO_RXA", Error, true, "the message holds no RXA, and so no dose or refusal", "send an ORC and an RXA for each dose or refusal", "CDC HL7 immunization guide R1.5, VXU_V04"},
	NoDoseInOrder:   {"HL7_ORC_ALONE", Error, true, "an ORC is not followed by its RXA", "send an RXA behind each ORC", "CDC HL7 immunization guide R1.5, ORDER group"},
	StrayText:       {"HL7_STRAY", Error, true, "text stands outside any message", "look for a missing MSH, or for a batch trailer in the wrong place", "HL7 2.5.1, 2.10.3"},

	SenderUnknown: {"SENDER_UNKNOWN", Error, true, "the sender is not in the registry's list of senders", "have the sender enrolled, then replay what waits: dosebook senders set ID --state production --replay", "dosebook, docs/SENDERS.md"},
	SenderInTest:  {"SENDER_TESTING", Error, true, "the sender is not in production yet (enrolled or testing)", "when its tests are done: dosebook senders set ID --state production --replay", "dosebook, docs/SENDERS.md"},
	SenderOnHold:  {"SENDER_SUSPENDED", Error, true, "the sender is suspended", "when it is cleared: dosebook senders set ID --state production --replay", "dosebook, docs/SENDERS.md"},

	BatchCount:        {"HL7_BATCH_COUNT", Error, false, "a batch or file trailer (BTS-1, FTS-1) counts otherwise than what was read", "check whether the file is whole, then send what is missing", "HL7 2.5.1, 2.10.3"},
	BatchOpen:         {"HL7_BATCH_OPEN", Error, false, "a batch or file header (BHS, FHS) and a trailer (BTS, FTS) don't pair up", "check whether the file is whole; it may have been cut short", "HL7 2.5.1, 2.10.3"},
	SegmentOrder:      {"HL7_ORDER", Warning, false, "a segment is out of order or comes twice; it was passed over", "send PID and PD1 once, then for each dose ORC, RXA, RXR, OBX", "CDC HL7 immunization guide R1.5, receiver rules for order"},
	SegmentBad:        {"HL7_LINE", Warning, false, "a line in the message is no segment; it was passed over", "look for a line break inside a value: HL7 writes it \\.br\\", "HL7 2.5.1, 2.7"},
	ProcessingUnknown: {"HL7_PROCESSING", Warning, false, "MSH-11 is not P, T or D; the message was taken as production", "send P for real records, T for tests", "CDC HL7 immunization guide R1.5, MSH-11"},
	EventIDMade:       {"HL7_9999", Info, false, "ORC-3 is 9999, which names no event: the id was made of recipient, date and vaccine", "send a stable id of your own where there is one", "CDC HL7 immunization guide R1.5, ORC-3"},

	JSONBad:         {"FHIR_JSON", Error, true, "the line is no JSON, or was cut short", "send each resource whole, on a line of its own", "FHIR R4, NDJSON; RFC 8259"},
	ResourceBad:     {"FHIR_RESOURCE", Error, true, "the JSON is no FHIR resource that is known, and may be a dose", "send doses with resourceType Immunization", "FHIR R4, JSON"},
	ResourceOther:   {"FHIR_OTHER", Info, false, "the payload holds resources of types that are not read", "nothing to do; Immunization, Patient, Location and Organization are enough", "dosebook"},
	ServerOutcome:   {"FHIR_OUTCOME", Warning, false, "the payload holds an OperationOutcome: the server had something to report", "read it, and check whether the export is complete", "Bulk Data Access IG, error files"},
	PatientAbsent:   {"FHIR_NO_PATIENT", Warning, false, "the payload lacks the patient: only the id is known", "send the Patient resources in the same payload", "FHIR R4, Immunization.patient"},
	PatientVersions: {"FHIR_PATIENT_VERSIONS", Warning, false, "the payload holds several versions of the patient: the one updated last was used, or the last line", "send each patient once", "FHIR R4, meta.lastUpdated"},

	QuotesUnwrapped: {"QUOTES", Info, false, "the value was wrapped in double quotes, as spreadsheets do; they were removed", "export without quotes: CVRS has no quoting rule", "CVRS v2, data conventions 2"},
	ExtraFields:     {"EXTRA_FIELDS", Warning, false, "the row has more fields than the header; what follows the last column was not read", "look for a tab inside a value: CVRS asks to turn tabs into spaces", "CVRS v2, data conventions 2"},
	UnknownColumn:   {"FMT_002", Warning, false, "the header names columns that are no CVRS columns; they were not read", "check the spelling of the header; other columns are allowed and ignored", "CVRS v2, data conventions 4; CDC validator FMT_002"},
	NotUTF8:         {"NOT_UTF8", Warning, false, "the value is no UTF-8; it was read as Windows-1252", "export the file as UTF-8", "CVRS v2, data conventions 1"},
	RequiredBlank:   {"REQD001", Warning, false, "a required field is empty", "send the value, or the code for unknown", "CVRS v2"},
	DateBad:         {"DATA001", Warning, false, "the value is not a possible date in YYYY-MM-DD, YYYY-MM or YYYY; it is treated as empty", "correct the date", "CVRS v2, data conventions 5"},
	DatePartial:     {"DATE_PARTIAL", Info, false, "only the month or the year was sent", "send the full date where it is known", "CVRS v2, data conventions 5"},
	CodeUnknown:     {"DATA007", Warning, false, "the value is not in the field's value set", "send a code of the value set", "CVRS v2 value sets"},
	ExtTypeBad:      {"DATA003", Warning, false, "ext_type is not D, P or I", "send D, P or I", "CVRS v2 field 2"},
	ZIPBad:          {"DATA005", Warning, false, "the ZIP is not 5 digits or 5-4", "send 5 digits, or 5-4", "CVRS v2 fields 15, 42"},
	BornAfterDose:   {"BUSR005", Warning, false, "recip_dob is after admin_date", "correct the birth date or the dose date", "CDC validator BUSR005"},
	BornInFuture:    {"BUSR011", Warning, false, "recip_dob is in the future", "correct the birth date", "CDC validator BUSR011"},
	DoseInFuture:    {"BUSR012", Warning, false, "admin_date is in the future", "correct the dose date", "CDC validator BUSR012"},
	DoseBeforeEUA:   {"BEFORE_EUA", Warning, false, "admin_date is before 2020-12-14, the first day of doses in California", "check the date; trial participants are possible", "CDPH published table"},
	CVXFromNDC:      {"CVX_FROM_NDC", Info, false, "cvx was taken from the NDC", "send the CVX code too", "CDC NDC to CVX crosswalk"},
	VaccineOther:    {"NOT_COVID", Warning, false, "the vaccine is none against COVID-19: the event is kept and counts as no dose", "send COVID-19 vaccines only, or correct the CVX code", "CDPH data dictionary: COVID-19 doses administered"},
	StateBlank:      {"STATE_BLANK", Warning, false, "the state is blank but county or ZIP are Californian; the dose counts as outside California by the state's rule", "send the state of residence", "CDPH data dictionary, recip_county_label"},
	CountyUnusable:  {"COUNTY_UNUSABLE", Warning, false, "the county of residence is no Californian county; it was passed over", "send the 5-digit FIPS code", "CVRS v2 field 13"},
	CountyFromZIP:   {"COUNTY_FROM_ZIP", Info, false, "the county was taken from the ZIP of residence", "send the county of residence", "CDPH data dictionary"},
	CountyFromAdmin: {"COUNTY_FROM_ADMIN", Warning, false, "the county was taken from the place where the dose was given", "send the county or ZIP of residence", "CDPH data dictionary"},
	CountyUnknown:   {"COUNTY_UNKNOWN", Warning, false, "no county could be found", "send the county or ZIP of residence", "CDPH data dictionary"},

	RecipientMissing: {"REQD001", Warning, false, "recip_id is empty; the dose stands as a person of its own", "send the recipient's stable id", "CVRS v2 field 4"},

	AddOfKnown:         {"ADD_OF_KNOWN", Warning, false, "an addition for an event that is known with other content: taken as its newer version", "send corrections as updates", "CDC clearinghouse guide"},
	UpdateOfUnknown:    {"UPDATE_OF_UNKNOWN", Warning, false, "an update for an event that was never added: taken as its first version", "check whether the file of additions is missing", "CDC clearinghouse guide"},
	DeleteOfUnknown:    {"DELETE_OF_UNKNOWN", Warning, false, "a delete for an event that is not known: kept as a tombstone", "check whether the file of additions is missing", "CDC clearinghouse guide"},
	AbsentFromSnapshot: {"ABSENT_FROM_SNAPSHOT", Warning, false, "the event is not in the registry's latest snapshot: it counts as deleted", "check with the registry whether the event was withdrawn", "dosebook"},
	Revived:            {"REVIVED", Warning, false, "an event that was deleted was sent again and lives again", "nothing to do if this was meant", "CDC clearinghouse guide"},

	CDCHeader:           {"FMT_002", Error, false, "the header names columns that CVRS has not", "take the columns out, or correct their names", "CDC validator FMT_002"},
	CDCByteOrderMark:    {"FMT_005", Warning, false, "the file begins with a byte order mark", "export it as UTF-8 without one", "CDC validator FMT_005, which calls it an error"},
	CDCRequired:         {"REQD001", Error, false, "the field is empty, and required of vaccinations", "send the value, or the code for unknown where the field has one", "CDC validator REQD001; CVRS v2, requirements"},
	CDCRequiredRefusal:  {"REQD002", Error, false, "the field is empty, and required of refusals", "send the value, or the code for unknown where the field has one", "CDC validator REQD002; CVRS v2, requirements"},
	CDCRequiredMissed:   {"REQD003", Error, false, "the field is empty, and required of missed appointments", "send the value, or the code for unknown where the field has one", "CDC validator REQD003; CVRS v1, requirements"},
	CDCMustNotRefusal:   {"DNTS002", Error, false, "the field holds a value, and must be empty in refusals", "leave the field empty, or set vax_refusal to NO if the dose was given", "CDC validator DNTS002; CVRS v2, requirements"},
	CDCMustNotMissed:    {"DNTS003", Error, false, "the field holds a value, and must be empty in missed appointments", "leave the field empty, or set recip_missed_appt to NO", "CDC validator DNTS003; CVRS v1, requirements"},
	CDCDate:             {"DATA001", Error, false, "the value is no date, or not in the form asked for: YYYY-MM-DD; birth and expiry may be YYYY-MM", "correct the date", "CDC validator DATA001; CVRS v2, data conventions 5"},
	CDCDateForm:         {"DATA009", Error, false, "the date has the month first", "write dates as YYYY-MM-DD", "CDC validator DATA009; CVRS v2, data conventions 5"},
	CDCPPRL:             {"DATA004", Error, false, "pprl_id goes with ext_type P, and with it alone", "send it in P extracts, leave it empty in others", "CDC validator DATA004; CVRS v2 field 3"},
	CDCFormat:           {"DATA005", Error, false, "the value has not the form of the field: ids without blanks, names that don't begin with one, ZIPs of 5 or 5-4 digits, PINs of up to six letters and digits, ext_type D, P or I", "correct the value", "CDC validator DATA005"},
	CDCRedacted:         {"DATA006", Error, false, "names and the street and city of residence must read Redacted, unless ext_type is I", "write Redacted, or set ext_type to I if you may send identified records", "CDC validator DATA006; CVRS v2 fields 5–7, 10–12"},
	CDCValueSet:         {"DATA007", Error, false, "the value is not in the value set that CDC gives the field", "send a code of the value set", "CDC validator DATA007; CVRS v2 value sets"},
	CDCLength:           {"DATA008", Error, false, "the value is longer than the field", "shorten it: 255 characters, pprl_id 100, ndc 50, vax_route 10, mvx 3", "CDC validator DATA008; clearinghouse field limits"},
	CDCCountyOfHome:     {"BUSR001", Error, false, "the county of residence does not lie in the state", "correct county or state", "CDC validator BUSR001"},
	CDCCountyOfSite:     {"BUSR002", Error, false, "the county of administration does not lie in the state", "correct county or state", "CDC validator BUSR002"},
	CDCZIPOfHome:        {"BUSR003", Error, false, "the ZIP of residence does not lie in the state", "correct ZIP or state", "CDC validator BUSR003"},
	CDCZIPOfSite:        {"BUSR004", Error, false, "the ZIP of administration does not lie in the state", "correct ZIP or state", "CDC validator BUSR004"},
	CDCBornAfter:        {"BUSR005", Error, false, "recip_dob is after admin_date, or one of them is missing", "correct the dates", "CDC validator BUSR005"},
	CDCRefusedAndMissed: {"BUSR006", Error, false, "vax_refusal and recip_missed_appt are both YES", "say which of the two it was", "CDC validator BUSR006"},
	CDCHomeState:        {"BUSR007", Warning, false, "a ZIP of residence without the state", "send the state", "CDC validator BUSR007"},
	CDCSiteState:        {"BUSR008", Warning, false, "a ZIP of administration without the state", "send the state", "CDC validator BUSR008"},
	CDCHomeCounty:       {"BUSR009", Warning, false, "a ZIP of residence without the county", "send the county", "CDC validator BUSR009"},
	CDCSiteCounty:       {"BUSR010", Warning, false, "a ZIP of administration without the county", "send the county", "CDC validator BUSR010"},
	CDCBornLater:        {"BUSR011", Error, false, "recip_dob is in the future", "correct the birth date", "CDC validator BUSR011"},
	CDCGivenLater:       {"BUSR012", Error, false, "admin_date is in the future", "correct the dose date", "CDC validator BUSR012"},
	CDCEventTwice:       {"BUSR013", Error, false, "an earlier record of the file has the same vax_event_id", "give each event an id of its own; send corrections in files of updates", "CDC validator BUSR013; CVRS v2 field 1"},
	TooManyRecords:      {"RECORDS", Warning, false, "the file holds more than 200,000 records", "go on in a file with the next number", "CVRS v2, extract file conventions 3"},
	NameOdd:             {"FILE_NAME", Info, false, "the file's name is not yyyymmdd_NN_AAA.txt", "name it by the day reported, a number from 01 and your entity's code; the day and number put files in order", "CVRS v2, extract file conventions 2"},
	Unreadable:          {"UNREADABLE", Error, false, "the file can't be read", "see what the system says about it, then try again", "dosebook"},
}

// Rule returns the declaration of the check.
func (c Check) Rule() Rule { return rules[c] }

// Checks returns all checks in order.
func Checks() []Check {
	out := make([]Check, numChecks)
	for i := range out {
		out[i] = Check(i)
	}
	return out
}

// Issue is a finding on a row that loads. It never holds the value.
type Issue struct {
	Row   int32 // in its batch, later in its segment, from 0
	Line  int64 // physical line in the payload, from 1; 0 for the file
	Check Check
	Field uint16 // place in the raw schema, or NoField
}

// NoField is the Field of an issue on the whole row or file.
const NoField = ^uint16(0)

// Reject is a row that could not be used. Record is the row as it was
// received; it must not reach a log.
type Reject struct {
	Row    int32 // in the raw batch; -1 when the decoder refused the record
	Line   int64
	Check  Check
	Field  string // name of the raw column, or empty for the whole record
	Sender string // id of the site that sent it, where that could be read
	Record []byte
}
