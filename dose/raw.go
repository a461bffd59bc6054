package dose

import "github.com/apache/arrow-go/v18/arrow"

// Raw is the raw schema: what a decoder hands on, text as it came, null where
// absent. The first 45 are CDC's CVRS columns in CVRS order (CVRS v2 "Deidentified
// Extract Fields"); what other formats carry beyond them follows.
//
// Text columns come as dictionaries, LongTxt columns as plain strings; a
// decoder may use either for any of them. line is a Big.
var raw = append(cvrs(),
	Column{Name: "vax_prov_suffix", Source: "CVRS v1", Meaning: "Vaccinator's suffix (RN, MD, …), version 1 only."},
	Column{Name: "recip_missed_appt", Source: "CVRS v1", Meaning: "YES for a missed appointment, version 1 only."},
	Column{Name: "registry", Level: Limited, Source: "feed", Meaning: "The registry that reported the event."},
	Column{Name: "action", Source: "HL7 RXA-21", Meaning: "A add, U update, D delete."},
	Column{Name: "protection", Source: "HL7 PD1-12", Meaning: "Y locked or declined to share, N may be shared."},
	Column{Name: "entry_time", Level: Limited, Source: "HL7 RXA-22", Meaning: "When the provider's system recorded the event."},
	Column{Name: "source_time", Level: Limited, Source: "HL7 MSH-7", Meaning: "When the registry sent this record, where the record says so."},
	Column{Name: "information_source", Source: "HL7 RXA-9, NIP001", Meaning: "00 new, 01–08 historical."},
	Column{Name: "completion", Source: "HL7 RXA-20", Meaning: "CP complete, PA partial, NA not administered, RE refused."},
	Column{Name: "refusal_reason", Source: "HL7 RXA-18, NIP002", Meaning: "00 parental, 01 religious, 02 other, 03 patient."},
	Column{Name: "eligibility", Source: "HL7 OBX 64994-7", Meaning: "Funding program eligibility, V01 … V25."},
	Column{Name: "funding_source", Level: Limited, Source: "HL7 OBX 30963-3", Meaning: "Who paid for the vaccine."},
	Column{Name: "recip_phone", Type: LongTxt, Level: Identified, Source: "HL7 PID-13", Meaning: "Recipient's phone."},
	Column{Name: "recip_email", Type: LongTxt, Level: Identified, Source: "HL7 PID-13", Meaning: "Recipient's e-mail."},
	Column{Name: "sender_id", Level: Limited, Source: "HL7 MSH-4", Meaning: "Sending facility's id in the registry."},
	Column{Name: "control_id", Type: LongTxt, Level: Limited, Source: "HL7 MSH-10; FHIR Immunization.identifier", Meaning: "Message control id; of FHIR the event's business identifier."},
	Column{Name: "recip_death_date", Level: Identified, Source: "HL7 PID-29; FHIR Patient.deceasedDateTime", Meaning: "Day the recipient died, where the format says so (CVRS has no column for it). It is checked against and goes no further."},
	Column{Name: "line", Type: Big, Level: Limited, Source: "dosebook", Meaning: "The record's place in the payload, from 1, counting physical lines."},
)

// Raw returns the columns of the raw schema, in order.
func Raw() []Column { return append([]Column(nil), raw...) }

// RawSchema returns the Arrow schema of raw batches.
func RawSchema() *arrow.Schema { return Schema(raw) }

// CVRSColumns is the number of leading raw columns that are CVRS version 2 and 3.
const CVRSColumns = 45

// cvrs declares CDC's 45 columns. Source numbers are positions in the CVRS v2
// extract; the Level follows 45 CFR 164.514(b)(2)(i) and (e)(2). What names the
// site of a dose names a place smaller than a state; so do lot and expiry, as
// few sites get one. Text without a value set can hold anything, so it is limited
// at least.
func cvrs() []Column {
	return []Column{
		{Name: "vax_event_id", Type: LongTxt, Level: Identified, Source: "CVRS 1; HL7 ORC-3", Meaning: "The event's id in its registry; with registry it is the key."},
		{Name: "ext_type", Source: "CVRS 2; HL7 MSH-8", Meaning: "Identification level of the extract: D de-identified, P PPRL, I identified. Not an action."},
		{Name: "pprl_id", Type: LongTxt, Level: Identified, Source: "CVRS 3; HL7 PID-3[2].1", Meaning: "Privacy-preserving record linkage id, for P extracts."},
		{Name: "recip_id", Type: LongTxt, Level: Identified, Source: "CVRS 4; HL7 PID-3[1].1", Meaning: "The recipient's id in the registry."},
		{Name: "recip_first_name", Level: Identified, Source: "CVRS 5; HL7 PID-5.2", Meaning: "Given name, or Redacted."},
		{Name: "recip_middle_name", Level: Identified, Source: "CVRS 6; HL7 PID-5.3", Meaning: "Middle name, or Redacted."},
		{Name: "recip_last_name", Level: Identified, Source: "CVRS 7; HL7 PID-5.1", Meaning: "Family name, or Redacted."},
		{Name: "recip_dob", Level: Limited, Source: "CVRS 8; HL7 PID-7", Meaning: "Date of birth; the first day of the month or year where only that is known."},
		{Name: "recip_sex", Source: "CVRS 9; HL7 PID-8", Meaning: "M, F, U; CAIR2 also sends X and O."},
		{Name: "recip_address_street", Type: LongTxt, Level: Identified, Source: "CVRS 10; HL7 PID-11.1", Meaning: "Street of residence."},
		{Name: "recip_address_street_2", Level: Identified, Source: "CVRS 11; HL7 PID-11.2", Meaning: "Second line of the street address."},
		{Name: "recip_address_city", Level: Limited, Source: "CVRS 12; HL7 PID-11.3", Meaning: "City of residence."},
		{Name: "recip_address_county", Level: Limited, Source: "CVRS 13; HL7 PID-11.9", Meaning: "County of residence as reported; see county for the one used."},
		{Name: "recip_address_state", Source: "CVRS 14; HL7 PID-11.4", Meaning: "State of residence, USPS."},
		{Name: "recip_address_zip", Level: Limited, Source: "CVRS 15; HL7 PID-11.5", Meaning: "ZIP of residence, 5 or 5-4."},
		{Name: "recip_race_1", Source: "CVRS 16; HL7 PID-10", Meaning: "Race, CDCREC code, or UNK, POL."},
		{Name: "recip_race_2", Source: "CVRS 17; HL7 PID-10", Meaning: "Second race."},
		{Name: "recip_race_3", Source: "CVRS 18; HL7 PID-10", Meaning: "Third race."},
		{Name: "recip_race_4", Source: "CVRS 19; HL7 PID-10", Meaning: "Fourth race."},
		{Name: "recip_race_5", Source: "CVRS 20; HL7 PID-10", Meaning: "Fifth race."},
		{Name: "recip_race_6", Source: "CVRS 21; HL7 PID-10", Meaning: "Sixth race."},
		{Name: "recip_ethnicity", Source: "CVRS 22; HL7 PID-22", Meaning: "2135-2 Hispanic or Latino, 2186-5 not, UNK, POL."},
		{Name: "admin_date", Level: Limited, Below: Year, Source: "CVRS 23; HL7 RXA-3", Meaning: "Date the dose was given or refused; the first day of the month or year where only that is known."},
		{Name: "cvx", Source: "CVRS 24; HL7 RXA-5", Meaning: "Vaccine, CVX code; from the NDC where no CVX was sent."},
		{Name: "ndc", Level: Limited, Source: "CVRS 25; HL7 RXA-5", Meaning: "Product, NDC, unit of use preferred."},
		{Name: "mvx", Source: "CVRS 26; HL7 RXA-17", Meaning: "Manufacturer, MVX code."},
		{Name: "lot_number", Level: Limited, Source: "CVRS 27; HL7 RXA-15", Meaning: "Lot, as reported."},
		{Name: "vax_expiration", Level: Limited, Source: "CVRS 28; HL7 RXA-16", Meaning: "Expiry date of the lot; the first day of the month where only that is known."},
		{Name: "vax_admin_site", Source: "CVRS 29; HL7 RXR-2", Meaning: "Body site."},
		{Name: "vax_route", Source: "CVRS 30; HL7 RXR-1", Meaning: "Route of administration."},
		{Name: "dose_num", Source: "CVRS 31; HL7 OBX 30973-2", Meaning: "Dose number as reported; never trusted, see dose_ordinal."},
		{Name: "vax_series_complete", Source: "CVRS 32; HL7 OBX 59783-1", Meaning: "YES, NO, UNK as reported; never trusted, see series_status."},
		{Name: "responsible_org", Level: Limited, Source: "CVRS 33; HL7 MSH-22", Meaning: "Parent organisation that is responsible."},
		{Name: "admin_name", Level: Limited, Source: "CVRS 34; HL7 RXA-11.4", Meaning: "Site where the dose was given."},
		{Name: "vtrcks_prov_pin", Level: Limited, Source: "CVRS 35; HL7 RXA-11.4", Meaning: "Provider PIN, six digits."},
		{Name: "admin_type", Source: "CVRS 36; HL7 RXA-11.6", Meaning: "Kind of provider, 1–28 or UNK."},
		{Name: "admin_address_street", Source: "CVRS 37; HL7 RXA-11.9", Level: Identified, Meaning: "Street of the place of administration; a resident's home for long-term care."},
		{Name: "admin_address_street_2", Source: "CVRS 38; HL7 RXA-11.10", Level: Identified, Meaning: "Second line of that address."},
		{Name: "admin_address_city", Source: "CVRS 39; HL7 RXA-11.11", Level: Limited, Meaning: "City of the place of administration."},
		{Name: "admin_address_county", Source: "CVRS 40; HL7 RXA-11.16", Level: Limited, Meaning: "County of the place of administration, as reported."},
		{Name: "admin_address_state", Source: "CVRS 41; HL7 RXA-11.12", Meaning: "State of the place of administration."},
		{Name: "admin_address_zip", Source: "CVRS 42; HL7 RXA-11.13", Level: Limited, Meaning: "ZIP of the place of administration."},
		{Name: "vax_refusal", Source: "CVRS 43; HL7 RXA-20", Meaning: "YES when the dose was refused."},
		{Name: "cmorbid_status", Source: "CVRS 44; HL7 OBX VXC8", Meaning: "Comorbidity: YES, NO, UNK."},
		{Name: "serology", Source: "CVRS 45; HL7 OBX 75505-8", Meaning: "Serology: YES, NO, UNK."},
	}
}
