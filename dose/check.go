package dose

// Severity is how bad a finding is. Only the checks that declare Rejects, or
// that a registry's Levels raise, keep a row out; every other finding is an
// issue on a row that loads.
type Severity uint8

const (
	Info Severity = iota
	Warning
	Error
	Off // of a check: not made unless Levels turn it on; no finding has it
)

func (s Severity) String() string { return [...]string{"INFO", "WARN", "ERROR", "OFF"}[s] }

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

	// What the values of one row say of each other.
	EnteredBeforeDose
	EnteredLate
	DoseAfterMessage
	DoseAfterExpiry
	DoseAfterDeath
	BornLongAgo
	CVXOutsideDates
	CVXOutsideAges
	CVXUnspecific
	CVXAgainstNDC
	CVXAgainstMVX
	NDCOutsideDates
	LotPlaceholder
	LotWords
	LotShort
	LotTwo
	LotOdd
	NameTest
	NameJunk
	NameInitial
	NameFigures
	LooksHistorical
	LooksGiven
	RouteOdd
	SiteOdd
	HomeCountyElsewhere
	SiteCountyElsewhere
	HomeZIPElsewhere
	SiteZIPElsewhere
	CountyAgainstZIP
	RefusalWithDose
	RefusedComplete
	ReasonAlone
	FundingConflict
	DayCluster

	// How values are written.
	IDBlank
	ValueLong
	HiddenCharacter
	BidiControl
	ControlCharacter
	LostCharacter
	WideDigit
	MixedScripts
	FormulaText

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

// Rule is a check as declared: what it says, what to do about it, and a row
// that it lets pass beside one that it finds. docs/CHECKS.md is made of it.
type Rule struct {
	Name     string // stable, and no other check's
	Code     string // CDC's where it has one, ours otherwise; several checks may share it
	Severity Severity
	Rejects  bool   // the row is kept out, as a reject
	Fields   string // the raw columns that findings name, or which those are; empty for the record
	Says     string
	Remedy   string
	Source   string
	// Good and Bad are cells that change a row without fault, as
	// "column=value;column=value", or @ and the folder or test that shows it.
	// A test runs them.
	Good, Bad string
	Limit     int // the threshold, where there is one; Levels can change it
}

// Step is who makes a check.
type Step uint8

const (
	ByRow Step = iota
	ByDecoder
	ByWarehouse
	ByValidate
)

// Step returns who makes the check.
func (c Check) Step() Step { return catalogue[c].step }

// Rule returns the declaration of the check.
func (c Check) Rule() Rule { return catalogue[c].Rule }

type entry struct {
	Rule
	step Step
}

// catalogue holds all checks. A test holds that none is missing or declared
// twice.
var catalogue = func() (all [numChecks]entry) {
	for step, rules := range [...][]map[Check]Rule{ByRow: {rowRules, contentRules}, ByDecoder: {arrivalRules}, ByWarehouse: {versionRules}, ByValidate: {validateRules}} {
		for _, m := range rules {
			for c, r := range m {
				all[c] = entry{r, Step(step)}
			}
		}
	}
	return all
}()

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
	level uint8  // 1 + the level that was set for the registry; 0 for the rule's
}

// Severity is the finding's level: the rule's, unless the registry's Levels
// say otherwise.
func (i Issue) Severity() Severity {
	if i.level > 0 {
		return Severity(i.level - 1)
	}
	return i.Check.Rule().Severity
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
	Note   string // ends the message where the rule alone doesn't say enough: which check crashed
	Record []byte
}

// Message is what is wrong, in words without a value of the record.
func (r *Reject) Message() string {
	if r.Note == "" {
		return r.Check.Rule().Says
	}
	return r.Check.Rule().Says + ": " + r.Note
}
