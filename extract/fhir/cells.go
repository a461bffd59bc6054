package fhir

import (
	"slices"
	"unicode/utf8"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

var rawIndex = dose.Index(dose.Raw())

func at(name string) uint16 { return uint16(rawIndex[name]) }

// Places of the raw columns that FHIR carries.
var (
	colRecipient, colPPRL, colProtection = at("recip_id"), at("pprl_id"), at("protection")
	colFirst, colMiddle, colLast         = at("recip_first_name"), at("recip_middle_name"), at("recip_last_name")
	colDOB, colSex, colDeath             = at("recip_dob"), at("recip_sex"), at("recip_death_date")
	colStreet, colStreet2, colCity       = at("recip_address_street"), at("recip_address_street_2"), at("recip_address_city")
	colCounty, colState, colZIP          = at("recip_address_county"), at("recip_address_state"), at("recip_address_zip")
	colRace1, colEthnicity               = at("recip_race_1"), at("recip_ethnicity")
	colPhone, colEmail                   = at("recip_phone"), at("recip_email")

	colEventID, colControl, colAction, colSourceTime = at("vax_event_id"), at("control_id"), at("action"), at("source_time")
	colAdminDate, colCVX, colNDC, colMVX             = at("admin_date"), at("cvx"), at("ndc"), at("mvx")
	colLot, colExpiration, colSite, colRoute         = at("lot_number"), at("vax_expiration"), at("vax_admin_site"), at("vax_route")
	colDoseNum, colEntry, colSource                  = at("dose_num"), at("entry_time"), at("information_source")
	colCompletion, colReason, colRefusal             = at("completion"), at("refusal_reason"), at("vax_refusal")
	colEligibility, colFunding                       = at("eligibility"), at("funding_source")
	colOrg, colPlace, colPIN                         = at("responsible_org"), at("admin_name"), at("vtrcks_prov_pin")
	colPlaceStreet, colPlaceStreet2, colPlaceCity    = at("admin_address_street"), at("admin_address_street_2"), at("admin_address_city")
	colPlaceCounty, colPlaceState, colPlaceZIP       = at("admin_address_county"), at("admin_address_state"), at("admin_address_zip")
)

// cells are the columns of a row or a patient in the making.
type cells struct {
	at     [][]byte // by raw column, without line
	dirty  bool     // the text holds bytes that are no UTF-8
	issues []finding
}

type finding struct {
	check dose.Check
	field uint16
}

func newCells() cells { return cells{at: make([][]byte, len(dose.Raw())-1)} }

func (c *cells) reset(dirty bool) {
	clear(c.at)
	c.dirty, c.issues = dirty, c.issues[:0]
}

func (c *cells) find(check dose.Check, field uint16) {
	if f := (finding{check, field}); !slices.Contains(c.issues, f) {
		c.issues = append(c.issues, f)
	}
}

// set gives a column a text; what is no UTF-8 is read as Windows-1252.
func (c *cells) set(col uint16, s string) {
	b := raw(s)
	if c.dirty && !utf8.ValidString(s) {
		c.find(dose.NotUTF8, col)
		b = extract.AppendWindows1252(nil, b)
	}
	c.at[col] = b
}

// has tells whether a column holds something.
func (c *cells) has(col uint16) bool { return len(c.at[col]) > 0 }
