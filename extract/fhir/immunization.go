package fhir

import (
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// event is what of an Immunization has to wait for other parts of it.
type event struct {
	id, status, origin               string
	identifiers, contained, reason   value
	patient, location, performer     value
	manufacturer                     value
	subpotent, secondhand, firsthand bool
}

// immunization reads an Immunization into the row in hand (domain §4.1; FHIR
// R4 Immunization).
func (w *worker) immunization(v value, url string) error {
	c := &w.cells
	var e event
	members(v, func(key string, v value) { c.member(&e, key, v) })
	c.eventID(&e, url)
	c.status(&e)
	c.source(&e)
	if err := w.recipient(&e); err != nil {
		return err
	}
	w.where(&e)
	w.maker(&e)
	return nil
}

// member reads one member of an Immunization.
func (c *cells) member(e *event, key string, v value) {
	switch key {
	case "id":
		e.id = scalar(v)
	case "meta":
		c.set(colSourceTime, scalar(v.get("lastUpdated")))
		c.meta(v)
	case "identifier":
		e.identifiers = v
	case "contained":
		e.contained = v
	case "status":
		e.status = scalar(v)
	case "statusReason":
		e.reason = v
	case "vaccineCode":
		c.product(v)
	case "patient":
		e.patient = v
	case "occurrenceDateTime":
		c.set(colAdminDate, day(scalar(v)))
	case "occurrenceString":
		if !c.has(colAdminDate) {
			c.set(colAdminDate, scalar(v))
		}
	case "recorded":
		c.set(colEntry, scalar(v))
	case "primarySource":
		e.firsthand, e.secondhand = v.yes(), v.no()
	case "reportOrigin":
		e.origin = coded(v, sourceSet, origins)
	case "location":
		e.location = v
	case "manufacturer":
		e.manufacturer = v
	case "lotNumber":
		c.set(colLot, scalar(v))
	case "expirationDate":
		c.set(colExpiration, day(scalar(v)))
	case "site":
		c.set(colSite, coded(v, siteSet, sites))
	case "route":
		c.set(colRoute, coded(v, routeSet, routes))
	case "performer":
		e.performer = v
	case "isSubpotent":
		e.subpotent = v.yes()
	case "programEligibility":
		c.set(colEligibility, firstCoded(v, eligibilitySet))
	case "fundingSource":
		c.set(colFunding, coded(v, nil, nil))
	case "protocolApplied":
		c.set(colDoseNum, doseNumber(v))
	}
}

// day cuts the time off a FHIR dateTime: the calendar day that was written.
func day(s string) string {
	if len(s) > 10 && s[10] == 'T' {
		return s[:10]
	}
	return s
}

// firstCoded reads an array of concepts: the first with a code of the set,
// else the first.
func firstCoded(v value, set *dose.CodeSet) (code string) {
	each(v, func(v value) bool {
		got := coded(v, set, nil)
		_, known := set.Name(strings.ToUpper(got))
		if code == "" || known {
			code = got
		}
		return !known
	})
	return code
}

// doseNumber reads the first protocol that has one.
func doseNumber(v value) (n string) {
	each(v, func(v value) bool {
		members(v, func(key string, v value) {
			if key == "doseNumberPositiveInt" || key == "doseNumberString" {
				n = first(n, scalar(v))
			}
		})
		return n == ""
	})
	return n
}

// eventID sets the event's id: that of the resource, else that in its URL,
// else its identifier. A urn names nothing beyond its Bundle.
func (c *cells) eventID(e *event, url string) {
	id := e.id
	if id == "" && !strings.HasPrefix(url, "urn:") {
		id = idOf(keyOf(url))
	}
	official, any := "", ""
	identifiers(e.identifiers, func(x identifier) {
		if x.use == "official" {
			official = first(official, x.value)
		}
		any = first(any, x.value)
	})
	business := first(official, any)
	c.set(colEventID, first(id, business))
	c.set(colControl, business)
}

// status sets completion, refusal and action (FHIR R4 EventStatus as
// Immunization uses it: completed, entered-in-error, not-done). Another status
// stays as it is, for transform to complain about.
func (c *cells) status(e *event) {
	c.set(colRefusal, "NO")
	switch e.status {
	case "completed":
		c.set(colCompletion, "CP")
		if e.subpotent {
			c.set(colCompletion, "PA")
		}
	case "entered-in-error":
		c.set(colAction, "D")
	case "not-done":
		c.set(colCompletion, "NA")
		reason := coded(e.reason, reasonSet, refusals)
		if _, ok := reasonSet.Name(reason); ok {
			c.set(colCompletion, "RE")
			c.set(colRefusal, "YES")
		}
		if reason != "IMMUNE" && reason != "MEDPREC" && reason != "OSTOCK" { // reasons, but not of a refusal
			c.set(colReason, reason)
		}
	case "":
		c.find(dose.RequiredBlank, colCompletion)
	default:
		c.set(colCompletion, e.status)
	}
}

// source sets where the report comes from (NIP001).
func (c *cells) source(e *event) {
	switch {
	case e.firsthand:
		c.set(colSource, "00")
	case e.origin != "":
		c.set(colSource, e.origin)
	case e.secondhand:
		c.set(colSource, "01")
	}
}

// recipient gives the row its person: contained, of this payload, or by the
// reference alone.
func (w *worker) recipient(e *event) error {
	r, c := readReference(e.patient), &w.cells
	if strings.HasPrefix(r.key, "#") {
		if v, ok := contained(e.contained, r.key[1:]); ok {
			id, _ := c.person(v)
			if string(c.at[colRecipient]) == id { // an id within this resource alone names nobody
				c.set(colRecipient, r.identifier.code)
			}
			return nil
		}
	} else if name := strings.TrimPrefix(r.key, "Patient/"); name != "" {
		x, other, ok, buf, err := w.people.find(name, w.record)
		w.record = buf
		if err != nil {
			return err
		}
		if ok {
			c.fill(x.columns)
			if other {
				c.find(dose.PatientVersions, colRecipient)
			}
			return nil
		}
	}
	c.set(colRecipient, first(idOf(r.key), r.identifier.code))
	if c.has(colRecipient) {
		c.find(dose.PatientAbsent, colRecipient)
	}
	return nil
}

// contained finds a resource inside another.
func contained(list value, id string) (found value, ok bool) {
	each(list, func(v value) bool {
		if scalar(v.get("id")) == id {
			found, ok = v, true
		}
		return !ok
	})
	return found, ok
}

// place resolves a reference to a Location or an Organization.
func (w *worker) place(e *event, key string) *place {
	if strings.HasPrefix(key, "#") {
		v, ok := contained(e.contained, key[1:])
		if !ok {
			return nil
		}
		kind, _, p, _ := readPlace(v)
		if kind != "Location" && kind != "Organization" {
			return nil
		}
		p.dirty = w.cells.dirty
		return &p
	}
	return w.places.at[key]
}

// where sets who gave the dose, and where: the Location's name and address,
// else those of the performing Organization; responsible is what the latter
// is part of, else itself, else who manages the Location.
func (w *worker) where(e *event) {
	at := readReference(e.location)
	site, org, orgName := w.place(e, at.key), (*place)(nil), ""
	each(e.performer, func(v value) bool {
		r := readReference(v.get("actor"))
		p := w.place(e, r.key)
		if kind := first(r.kind, typeOf(r.key)); kind != "Organization" && (p == nil || kind != "") {
			return true
		}
		org, orgName = p, r.display
		return false
	})
	none := &place{}
	if site == nil {
		site = none
	}
	if org == nil {
		org = none
	}
	orgName = first(org.name, orgName)
	responsible := orgName
	for _, p := range [2]*place{org, site} {
		if parent := w.place(e, p.parent); parent != nil && (p == org || responsible == "") {
			responsible = first(parent.name, responsible)
		}
	}
	c := &w.cells
	dirty := c.dirty
	c.dirty = dirty || site.dirty || org.dirty
	c.set(colPlace, first(first(site.name, at.display), orgName))
	c.set(colOrg, responsible)
	c.set(colPIN, first(site.pin, org.pin))
	a := site.address
	if a == (address{}) {
		a = org.address
	}
	c.set(colPlaceStreet, a.street)
	c.set(colPlaceStreet2, a.street2)
	c.set(colPlaceCity, a.city)
	c.set(colPlaceCounty, a.county)
	c.set(colPlaceState, a.state)
	c.set(colPlaceZIP, a.zip)
	c.dirty = dirty
}

// maker sets the manufacturer: the MVX of the Organization or of the
// reference's identifier, else what the name says.
func (w *worker) maker(e *event) {
	r := readReference(e.manufacturer)
	code, name := "", r.display
	if p := w.place(e, r.key); p != nil {
		code, name = p.mvx, first(p.name, name)
	}
	if code == "" && (isMVX(r.identifier.system) || r.identifier.system == "" && len(r.identifier.code) == 3) {
		code = r.identifier.code
	}
	w.cells.set(colMVX, first(code, makerCode(name)))
}

// deletion makes a row of DELETE Immunization/id. A conditional deletion names
// no event: transform refuses the row. Its time is the Bundle's, where that
// says one.
func (w *worker) deletion(e entry, time string) {
	id := scalar(e.resource.get("id"))
	if key := keyOf(e.target); strings.HasPrefix(key, "Immunization/") {
		id = idOf(key)
	}
	w.cells.set(colEventID, id)
	w.cells.set(colAction, "D")
	w.cells.set(colSourceTime, time)
}
