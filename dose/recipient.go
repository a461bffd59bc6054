package dose

// recipient declares the recipient table: one row a person, with CDPH's
// recipient-view columns, demographics from the person's latest dose (CDPH
// data dictionary, VW_ALL_IIS_RECIPIENTS_LHJ, since 2022-09-07).
var recipient = declareRecipient()

// fromEvent are the columns taken as they are from the latest dose. Those
// marked false stay empty for people whom a county sees only by a dose given
// there: the place of residence is not that county's.
var fromEvent = []struct {
	name   string
	always bool
}{
	{"registry", true}, {"recip_id", true}, {"recip_first_name", true}, {"recip_middle_name", true}, {"recip_last_name", true},
	{"recip_dob", true}, {"recip_dob_precision", true}, {"recip_sex", true},
	{"recip_address_street", false}, {"recip_address_street_2", false}, {"recip_address_city", false},
	{"recip_address_county", false}, {"recip_address_state", false}, {"recip_address_zip", false},
	{"recip_race_eth", true}, {"recip_age", true}, {"recip_age_group", true},
	{"county", false}, {"county_method", false}, {"lhj", false}, {"hpi_quartile", false},
	{"protection", true},
}

func declareRecipient() []Column {
	at := Index(event)
	cols := []Column{event[at["person_id"]]}
	for _, f := range fromEvent {
		cols = append(cols, event[at[f.name]])
	}
	const source = "CDPH data dictionary, recipient view"
	date := func(name, meaning string) Column {
		return Column{Name: name, Type: Date, Stage: Set, Level: Limited, Below: Year, Source: source, Meaning: meaning}
	}
	return append(cols,
		Column{Name: "doses", Type: Int, Stage: Set, Source: source, Meaning: "Doses that count."},
		date("ds1_admin_date", "Date of the first dose."), date("ds2_admin_date", "Date of the second dose."),
		date("ds3_admin_date", "Date of the third dose."), date("ds4_admin_date", "Date of the fourth dose."),
		date("ds5_admin_date", "Date of the fifth dose."), date("ds6_admin_date", "Date of the sixth dose."),
		date("last_admin_date", "Date of the latest dose."),
		Column{Name: "vax_received", Stage: Set, Source: source, Meaning: "Makers of the doses: Pfizer, Moderna, J&J, Other."},
		Column{Name: "fully_vaccinated", Type: Bool, Stage: Set, Source: "CDPH data dictionary, fully_vaccinated", Meaning: "True when the primary series is complete; null where the county sees only part of the doses."},
		date("fully_vaccinated_date", "First day on which fully_vaccinated holds."),
		date("fully_vaccinated_2021_date", "The same by the rule in use until 2022-02-22, under which three records, or one dose labelled number 2, sufficed too."),
		date("booster_date", "First dose after the complete series, from 2021-08-13 (CDC)."),
		date("bivalent_date", "First bivalent dose, from 2022-09-01."),
		date("up_to_date_date", "First dose of the updated vaccine that was in force on the last day of doses (CDPH, up to date)."),
		event[at["visible_because"]],
	)
}

// Recipient returns the columns of the recipient table, in order.
func Recipient() []Column { return append([]Column(nil), recipient...) }

// ResidenceOnly reports whether a recipient column stays empty for people whom
// a county sees only by a dose given there.
func ResidenceOnly(name string) bool {
	for _, f := range fromEvent {
		if f.name == name {
			return !f.always
		}
	}
	return false
}
