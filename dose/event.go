package dose

import "github.com/apache/arrow-go/v18/arrow"

// event declares dose_event: one row per reported event. Reported and Row
// columns lie in segments; Lake columns in segments only; Set columns are
// made from the whole set and added in releases.
var event = declareEvent()

func declareEvent() []Column {
	cols := []Column{{Name: "registry", Level: Limited, Source: "feed", Meaning: "The registry that reported the event; with vax_event_id it is the key."}}
	types := map[string]Type{"recip_dob": Date, "admin_date": Date, "vax_expiration": Date, "cvx": Int}
	for _, c := range cvrs() {
		if t, ok := types[c.Name]; ok {
			c.Type, c.Stage = t, Row
		}
		cols = append(cols, c)
	}
	cols = append(cols,
		Column{Name: "protection", Source: "HL7 PD1-12", Meaning: "Y when the recipient locked the record: counties and the state see it, health plans and other outside users never do (H&S 120440)."},
		Column{Name: "is_historical", Type: Bool, Stage: Row, Source: "HL7 RXA-9", Meaning: "True when somebody else gave the dose (NIP001 01–08); null when not said."},
		Column{Name: "completion", Source: "HL7 RXA-20", Meaning: "CP, PA, NA, RE; CP when not said, RE when refused."},
		Column{Name: "eligibility", Source: "HL7 OBX 64994-7", Meaning: "Funding program eligibility."},
		Column{Name: "funding_source", Level: Limited, Source: "HL7 OBX 30963-3", Meaning: "Who paid for the vaccine."},
	)
	cols = append(cols, derived()...)
	return append(cols, lake()...)
}

func derived() []Column {
	return []Column{
		{Name: "admin_date_precision", Stage: Row, Level: Limited, Source: "CVRS v2, data conventions 5", Meaning: "day, month, year: how much of admin_date was reported."},
		{Name: "recip_dob_precision", Stage: Row, Level: Limited, Source: "CVRS v2, data conventions 5", Meaning: "day, month, year: how much of recip_dob was reported."},
		{Name: "county", Stage: Row, Level: Limited, Source: "CDPH data dictionary, recip_county_label", Meaning: "Residence county used for counting: 5-digit FIPS, OOS (outside California, or blank state), UNK."},
		{Name: "county_method", Stage: Row, Level: Limited, Source: "CDPH data dictionary", Meaning: "reported, zip, admin, none: the step of the chain that decided county."},
		{Name: "admin_county", Stage: Row, Level: Limited, Source: "CVRS 40, 42", Meaning: "FIPS of the Californian county where the dose was given, or null."},
		{Name: "lhj", Stage: Row, Level: Limited, Source: "CDPH: 61 local health jurisdictions", Meaning: "County, or berkeley, long-beach, pasadena."},
		{Name: "recip_race_eth", Stage: Row, Source: "CDPH data dictionary, RECIP_RACE_ETH", Meaning: "One label of race and ethnicity."},
		{Name: "recip_age", Type: Int, Stage: Row, Level: Limited, Below: Ninety, Source: "CDPH state SQL", Meaning: "Age in full years on admin_date."},
		{Name: "recip_age_group", Stage: Row, Source: "CDPH published age groups", Meaning: "Under 5, 5-11, 12-17, 18-49, 50-64, 65+, Unknown Agegroup."},
		{Name: "hpi_quartile", Type: Int, Stage: Row, Level: Limited, Source: "CDPH, Healthy Places Index by ZIP", Meaning: "1 least healthy conditions … 4 most; null where no ZIP is known."},
		{Name: "vaccine_name", Stage: Row, Source: "CDC CVX", Meaning: "Name of the vaccine."},
		{Name: "manufacturer", Stage: Row, Source: "CDC CVX and MVX", Meaning: "Pfizer, Moderna, Janssen, Novavax, …"},
		{Name: "vaccine_type", Stage: Row, Source: "CDC CVX and NDC", Meaning: "original, bivalent, 2023-24, 2024-25, 2025-26, non-us, unspecified, placeholder, other."},
		{Name: "person_id", Type: Big, Stage: Set, Level: Limited, Source: "CDPH bridge rule", Meaning: "One person over all recipient ids; the key of the person's oldest recipient id."},
		{Name: "dose_id", Type: Big, Stage: Set, Level: Limited, Source: "AIRA MIROW", Meaning: "Group of events that are one real dose; the key of the group's oldest event."},
		{Name: "is_primary", Type: Bool, Stage: Set, Source: "AIRA MIROW", Meaning: "True for the one event of its group that counts."},
		{Name: "dose_ordinal", Type: Int, Stage: Set, Source: "CDPH data dictionary", Meaning: "The dose's number for this person, by date; null where is_primary is false."},
		{Name: "interval_days", Type: Int, Stage: Set, Level: Limited, Source: "CDC CDSi", Meaning: "Days since the person's dose before this one; null for the first."},
		{Name: "interval_valid", Type: Bool, Stage: Set, Source: "CDC CDSi, COVID-19", Meaning: "True when the minimum interval in force on that day was kept (four days of grace from 2021-10-25, no minimum before); null for the first dose."},
		{Name: "series_status", Stage: Set, Source: "CDPH fully_vaccinated", Meaning: "none, partial, complete: the person's primary series."},
		{Name: "visible_because", Stage: Set, Level: Limited, Source: "dosebook", Meaning: "residence, administration, both: why the row stands in this county's file."},
		{Name: "reported_at", Type: Time, Stage: Set, Level: Limited, Source: "dosebook", Meaning: "When the registry reported this version."},
		{Name: "segment", Stage: Set, Level: Limited, Source: "dosebook", Meaning: "The payload it came in: first 16 hex digits of its SHA-256."},
		{Name: "line", Type: Big, Stage: Row, Level: Limited, Source: "dosebook", Meaning: "Physical line in that payload."},
	}
}

// lake columns never leave the data directory.
func lake() []Column {
	return []Column{
		{Name: "source_time", Type: Time, Stage: Lake, Level: Limited, Source: "HL7 MSH-7", Meaning: "When the record was sent, where the record itself says so; else the payload's time counts."},
		{Name: "action", Stage: Lake, Source: "HL7 RXA-21", Meaning: "A, U, D as sent with the record; null where only the file says it."},
		{Name: "tombstone", Type: Bool, Stage: Lake, Source: "HL7 RXA-21", Meaning: "True when the record deletes its event."},
		{Name: "event_key", Type: Big, Stage: Lake, Level: Limited, Source: "dosebook", Meaning: "63-bit key of (registry, vax_event_id): a label, never used to find equal events."},
		{Name: "recip_key", Type: Big, Stage: Lake, Level: Limited, Source: "dosebook", Meaning: "63-bit key of (registry, recip_id)."},
		{Name: "name_key", Type: Big, Stage: Lake, Level: Identified, Source: "CDPH bridge rule", Meaning: "64-bit key of folded first name, last name, date of birth; null when one is missing or a placeholder."},
		{Name: "lot_key", Type: Int, Stage: Lake, Level: Limited, Source: "dosebook", Meaning: "32-bit key of the folded lot."},
		{Name: "org_key", Type: Int, Stage: Lake, Level: Limited, Source: "dosebook", Meaning: "32-bit key of the folded site name and organisation."},
		{Name: "content_key", Type: Big, Stage: Lake, Level: Limited, Source: "dosebook", Meaning: "64-bit key of all reported cells: equal for a repeat."},
		{Name: "filled", Type: Int, Stage: Lake, Source: "AIRA MIROW", Meaning: "How many of the 45 cells are filled."},
		{Name: "entry_time", Stage: Lake, Level: Limited, Source: "HL7 RXA-22", Meaning: "When the provider's system recorded the event."},
		{Name: "information_source", Stage: Lake, Source: "HL7 RXA-9", Meaning: "NIP001 code as sent."},
		{Name: "refusal_reason", Stage: Lake, Source: "HL7 RXA-18", Meaning: "NIP002 code as sent."},
		{Name: "recip_phone", Type: LongTxt, Stage: Lake, Level: Identified, Source: "HL7 PID-13", Meaning: "Recipient's phone, for matching."},
		{Name: "recip_email", Type: LongTxt, Stage: Lake, Level: Identified, Source: "HL7 PID-13", Meaning: "Recipient's e-mail, for matching."},
		{Name: "sender_id", Stage: Lake, Level: Limited, Source: "HL7 MSH-4", Meaning: "Sending facility's id."},
		{Name: "control_id", Type: LongTxt, Stage: Lake, Level: Limited, Source: "HL7 MSH-10", Meaning: "Message control id."},
	}
}

// Event returns all columns of dose_event and of the segments behind it.
func Event() []Column { return append([]Column(nil), event...) }

// SegmentColumns returns the columns of a segment's Parquet file, in order.
func SegmentColumns() []Column { return Only(event, Reported, Row, Lake) }

// ReleaseColumns returns the columns of dose_event and dose in a release, in order.
func ReleaseColumns() []Column { return Only(event, Reported, Row, Set) }

// SegmentSchema returns the Arrow schema that transform makes and segments have.
func SegmentSchema() *arrow.Schema { return Schema(SegmentColumns()) }
