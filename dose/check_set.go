package dose

// SetCheck is a check of many records together. Its findings name registry,
// days, and sender or county; they keep no row out.
type SetCheck struct {
	Code     string
	Severity Severity
	Says     string // {figure}, {expected} and {label} stand for what was found
	Unit     string // of figure and expected
	Remedy   string
	Source   string
}

// setChecks in the order of docs/QUALITY.md. How they are computed stands in
// sql/models/63_quality_finding.sql.
var setChecks = []SetCheck{
	{"DAY_MISSING", Error, "{figure} doses, where the same weekday of the four weeks before had {expected}", "doses",
		"ask the registry whether the day's file was sent; send it again", "AIRA, consistency by day; trailing four weeks"},
	{"DELETES_STOPPED", Error, "no delete came, where the feed's own rate lets expect {expected}", "deletes",
		"ask the registry whether it still sends deletes and merges; ask for a control file and compare", "counties' reports: incremental loads miss merges"},
	{"FIPS_LOST_ZERO", Warning, "{figure} % of the counties of residence came as four digits, before that {expected} %", "%",
		"send the five-digit FIPS code as text: 06001, not 6001", "CVRS v2 field 13"},
	{"LOT_IN_NDC", Error, "{figure} % of the NDCs sent are no NDCs and look like lot numbers", "%",
		"send the NDC in ndc and the lot in lot_number, then the records again as updates", "CVRS v2 fields 25, 27; AIRA/MQE, lot and NDC"},
	{"MONTH_DAY_SWAPPED", Error, "{figure} % of the doses fall on the 13th of a month or later, with other senders {expected} %: month and day look swapped", "%",
		"write dates as YYYY-MM-DD, month before day; send the records again as updates", "CVRS v2, data conventions 5"},
	{"RACE_MIX_DRIFT", Error, "{label}: the codes of race or ethnicity look mapped anew", "%",
		"check the sender's mapping of race and ethnicity (2135-2 is Latino); send the records again as updates", "Santa Clara County, 2021-04-26"},
	{"RESENT_UNDER_NEW_IDS", Error, "{figure} % of the day's events are doses that the registry has reported under another id", "%",
		"ask the registry for the ids it withdrew, and for deletes of them; the doses count once until then", "AIRA/MIROW, de-duplication"},
	{"UNKNOWN_COUNTY_SHARE", Warning, "{figure} % of the events have no county, before that {expected} %", "%",
		"send county or ZIP of residence, or the address of the site", "CDPH data dictionary; counties' reports"},
	{"VOLUME_OUT_OF_RANGE", Warning, "{figure} doses, where the same weekday of the four weeks before had {expected}", "doses",
		"ask the registry whether the day is whole, and whether something was sent twice", "AIRA, consistency by day; trailing four weeks"},
	{"FIRST_OF_MONTH_CLUSTER", Warning, "{figure} % of the doses fall on the first of a month, with other senders {expected} %", "%",
		"send the day that the dose was given; where only the month is known, YYYY-MM", "AIRA/MQE, suspicious clusters of dates"},
}

// SetChecks returns the checks of many records together.
func SetChecks() []SetCheck { return append([]SetCheck(nil), setChecks...) }
