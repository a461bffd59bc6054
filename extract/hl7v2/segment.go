package hl7v2

import (
	"bytes"

	"github.com/dosebook/dosebook/dose"
)

var rawIndex = dose.Index(dose.Raw())

// Places of the raw columns that HL7 carries.
var (
	colEventID, colExtType, colPPRL, colRecipient = at("vax_event_id"), at("ext_type"), at("pprl_id"), at("recip_id")
	colFirst, colMiddle, colLast                  = at("recip_first_name"), at("recip_middle_name"), at("recip_last_name")
	colDOB, colSex, colDeath                      = at("recip_dob"), at("recip_sex"), at("recip_death_date")
	colStreet, colStreet2, colCity                = at("recip_address_street"), at("recip_address_street_2"), at("recip_address_city")
	colState, colZIP, colCounty                   = at("recip_address_state"), at("recip_address_zip"), at("recip_address_county")
	colRace1, colEthnicity                        = at("recip_race_1"), at("recip_ethnicity")
	colPhone, colEmail, colProtection             = at("recip_phone"), at("recip_email"), at("protection")
	colOrg, colSender, colControl, colSourceTime  = at("responsible_org"), at("sender_id"), at("control_id"), at("source_time")

	colAdminDate, colCVX, colNDC, colMVX          = at("admin_date"), at("cvx"), at("ndc"), at("mvx")
	colLot, colExpiration, colSite, colRoute      = at("lot_number"), at("vax_expiration"), at("vax_admin_site"), at("vax_route")
	colDoseNum, colSeries, colRisk, colSerology   = at("dose_num"), at("vax_series_complete"), at("cmorbid_status"), at("serology")
	colPlace, colPIN, colPlaceType                = at("admin_name"), at("vtrcks_prov_pin"), at("admin_type")
	colPlaceStreet, colPlaceStreet2, colPlaceCity = at("admin_address_street"), at("admin_address_street_2"), at("admin_address_city")
	colPlaceCounty, colPlaceState, colPlaceZIP    = at("admin_address_county"), at("admin_address_state"), at("admin_address_zip")
	colRefusal, colAction, colEntry, colSource    = at("vax_refusal"), at("action"), at("entry_time"), at("information_source")
	colCompletion, colReason                      = at("completion"), at("refusal_reason")
	colEligibility, colFunding                    = at("eligibility"), at("funding_source")

	// groupColumns are those that begin anew with each order.
	groupColumns = []uint16{colEventID, colAdminDate, colCVX, colNDC, colMVX, colLot, colExpiration, colSite, colRoute, colDoseNum,
		colSeries, colRisk, colSerology, colPlace, colPIN, colPlaceType, colPlaceStreet, colPlaceStreet2, colPlaceCity, colPlaceCounty,
		colPlaceState, colPlaceZIP, colRefusal, colAction, colEntry, colSource, colCompletion, colReason, colEligibility, colFunding}
)

// Words with room behind them, so that they are found as fast as others.
var yes, no, notGiven = roomy("YES"), roomy("NO"), roomy("NA")

func at(name string) uint16 { return uint16(rawIndex[name]) }

func roomy(s string) []byte { return append(make([]byte, 0, slack), s...) }

// header reads MSH, of which field n is part n-1, and tells whether this is a
// VXU^V04 (MSH-9 may leave out the event or the structure, not the type).
func (w *worker) header(seg []byte) bool {
	m, f := &w.msg, &w.field
	f.cut(seg, m.field)
	w.comp.cut(w.first(f.at(8)), m.comp)
	if t := &w.comp; string(t.at(0)) != "VXU" || len(t.at(1)) > 0 && string(t.at(1)) != "V04" ||
		len(t.at(1)) == 0 && len(t.at(2)) > 0 && string(t.at(2)) != "VXU_V04" {
		return false
	}
	switch processing := w.component(f.at(10), 0); string(processing) {
	case "P", "":
	case "T", "D":
		m.verdict.set(dose.NotProduction, "")
	default:
		w.find(dose.ProcessingUnknown, dose.NoField)
	}
	w.set(colSender, until(w.component(f.at(3), 0), m.sub))
	w.setTime(colSourceTime, w.component(f.at(6), 0))
	w.set(colExtType, w.first(f.at(7)))
	w.set(colControl, f.at(9))
	w.set(colOrg, w.component(f.at(21), 0))
	return true
}

// person reads PID.
func (w *worker) person(seg []byte) {
	m, f := &w.msg, &w.field
	f.cut(seg, m.field)
	w.ids(f.at(3))
	w.comp.cut(w.first(f.at(5)), m.comp)
	w.set(colLast, until(w.comp.at(0), m.sub))
	w.set(colFirst, w.comp.at(1))
	w.set(colMiddle, w.comp.at(2))
	w.setDay(colDOB, w.component(f.at(7), 0))
	w.set(colSex, w.component(f.at(8), 0))
	races := f.at(10)
	for i := uint16(0); i < 6 && len(races) > 0; i++ {
		race := until(races, m.rep)
		w.set(colRace1+i, w.coded(race))
		races = races[min(len(race)+1, len(races)):]
	}
	a := &w.comp
	a.cut(w.first(f.at(11)), m.comp)
	w.set(colStreet, until(a.at(0), m.sub))
	w.set(colStreet2, a.at(1))
	w.set(colCity, a.at(2))
	w.set(colState, a.at(3))
	w.set(colZIP, a.at(4))
	w.set(colCounty, a.at(8))
	w.contact(f.at(13))
	w.set(colEthnicity, w.coded(f.at(22)))
	w.setDay(colDeath, w.component(f.at(29), 0))
}

// ids reads PID-3: the first identifier of type MR, PI or SR, else the first
// without a type, else the first that is no social security number. Of a PPRL
// extract the second is the linkage id (CVRS v2, HL7 mapping).
func (w *worker) ids(list []byte) {
	m := &w.msg
	var untyped, other []byte
	for i := 0; len(list) > 0; i++ {
		id := until(list, m.rep)
		list = list[min(len(id)+1, len(list)):]
		w.comp.cut(id, m.comp)
		value := w.comp.at(0)
		switch string(w.comp.at(4)) {
		case "MR", "PI", "SR":
			if w.cells[colRecipient] == nil {
				w.set(colRecipient, value)
			}
		case "":
			if i == 1 && bytes.EqualFold(w.cells[colExtType], []byte("P")) {
				w.set(colPPRL, value)
			} else if untyped == nil && len(value) > 0 {
				untyped = value
			}
		case "SS":
		default:
			if other == nil && len(value) > 0 {
				other = value
			}
		}
	}
	if w.cells[colRecipient] == nil {
		w.set(colRecipient, untyped)
	}
	if w.cells[colRecipient] == nil {
		w.set(colRecipient, other)
	}
}

// contact reads PID-13: the first phone and the first e-mail address (XTN:
// .1 the number as text, .4 the address, .6 and .7 area code and number, .12
// the number unformatted).
func (w *worker) contact(list []byte) {
	m, t := &w.msg, &w.comp
	for len(list) > 0 {
		one := until(list, m.rep)
		list = list[min(len(one)+1, len(list)):]
		t.cut(one, m.comp)
		text, address := t.at(0), t.at(3)
		if bytes.IndexByte(text, '@') > 0 && len(address) == 0 {
			text, address = nil, text
		}
		if len(address) > 0 && w.cells[colEmail] == nil {
			w.set(colEmail, address)
		}
		if w.cells[colPhone] != nil || string(t.at(1)) == "NET" {
			continue
		}
		if len(text) == 0 {
			text = t.at(11)
		}
		if len(text) == 0 && len(t.at(6)) > 0 {
			text = w.keep(append(append(w.room(len(one)), t.at(5)...), t.at(6)...))
		}
		w.set(colPhone, text)
	}
}

// dose reads RXA.
func (w *worker) dose(seg []byte) {
	m, f := &w.msg, &w.field
	f.cut(seg, m.field)
	w.setDay(colAdminDate, w.component(f.at(3), 0))
	w.product(f.at(5))
	w.set(colSource, w.coded(f.at(9)))
	a := &w.comp
	a.cut(w.first(f.at(11)), m.comp)
	place := a.at(3)
	name := until(place, m.sub)
	w.set(colPlace, name)
	if len(name) < len(place) {
		w.set(colPIN, until(place[len(name)+1:], m.sub))
	}
	w.set(colPlaceType, a.at(5))
	w.set(colPlaceStreet, until(a.at(8), m.sub))
	w.set(colPlaceStreet2, a.at(9))
	w.set(colPlaceCity, a.at(10))
	w.set(colPlaceState, a.at(11))
	w.set(colPlaceZIP, a.at(12))
	w.set(colPlaceCounty, a.at(15))
	w.set(colLot, w.first(f.at(15)))
	w.setDay(colExpiration, w.component(f.at(16), 0))
	w.set(colMVX, w.coded(f.at(17)))
	w.set(colReason, w.coded(f.at(18)))
	w.set(colCompletion, w.component(f.at(20), 0))
	w.set(colAction, w.component(f.at(21), 0))
	w.setTime(colEntry, w.component(f.at(22), 0))
}

// product reads RXA-5: CVX and NDC by the coding system that each triplet
// names, in any repetition. Without one the first code is the CVX and a second
// repetition the NDC (CVRS v2, HL7 mapping).
func (w *worker) product(list []byte) {
	m, t := &w.msg, &w.comp
	for i := 0; len(list) > 0; i++ {
		one := until(list, m.rep)
		list = list[min(len(one)+1, len(list)):]
		t.cut(one, m.comp)
		for k := 0; k < 6; k += 3 {
			code, system := t.at(k), t.at(k+2)
			col := colNDC
			switch {
			case len(code) == 0:
				continue
			case string(system) == "CVX", string(system) == "HL70292":
				col = colCVX
			case bytes.HasPrefix(system, []byte("NDC")):
			case len(system) > 0:
				continue
			case i+k == 0 && bytes.IndexByte(code, '-') < 0 && len(code) < 9:
				col = colCVX
			}
			if w.cells[col] == nil {
				w.set(col, code)
			}
		}
	}
}

// observation reads the OBX that carry columns. The first with a value counts.
func (w *worker) observation(seg []byte) {
	m, f := &w.msg, &w.field
	f.cut(seg, m.field)
	var col uint16
	switch string(w.component(f.at(3), 0)) {
	case "64994-7":
		col = colEligibility
	case "30963-3":
		col = colFunding
	case "30973-2":
		col = colDoseNum
	case "59783-1":
		col = colSeries
	case "VXC8":
		col = colRisk
	case "75505-8":
		col = colSerology
	default:
		return
	}
	switch {
	case !w.group.open: // of the person, not of a dose
	case !w.group.rxa:
		w.find(dose.SegmentOrder, dose.NoField)
	case w.cells[col] == nil:
		w.set(col, w.coded(f.at(5)))
	}
}
