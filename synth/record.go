package synth

import "github.com/dosebook/dosebook/dose"

// none stands for a county that a row doesn't give.
const none = -1

// flaw is a problem of a row that doesn't keep it out.
type flaw uint8

const (
	sound flaw = iota
	noCounty
	noCountyNorZIP // and a ZIP that is none
	nowhere        // neither residence nor place of administration
	badZIP
	badCounty
	badSex
	quotes
	noState
	partialBirth
	latin1 // half a house number in Windows-1252
	noRace
)

var flawWeights = [...]int{noCounty: 40, noCountyNorZIP: 4, nowhere: 2, badZIP: 12, badCounty: 6, badSex: 9, quotes: 12, noState: 3, partialBirth: 7, latin1: 2, noRace: 3}

// fault is why a row must be rejected.
type fault uint8

const (
	noFault fault = iota
	noEventID
	badDate
	noDate
	noVaccine
	fewFields
	numFaults
)

var (
	badZIPs     = []string{"9401", "00000", "ABCDE", "94l10", "941O2", "UNK", "123456"}
	badCounties = []string{"99999", "06002", "06999", "UNKNOWN", "32003", "4013", "N/A"}
	badSexes    = []string{"9", "X", "FEMALE", "?"}
	badDates    = []string{"2021-02-30", "2021-13-05", "0000-00-00", "UNKNOWN", "2021-00-10", "20x1-03-04"}
)

// residence is the address as a row gives it, and which Californian counties
// its county and its ZIP name.
type residence struct {
	address
	county   string
	plus4    int // of a 5-4 ZIP; 0 for none
	byCounty int
	byZIP    int
}

// record is what one row says, in words of no format.
type record struct {
	key      uint64 // of the event's report
	step     step
	registry int
	letter   int // registry whose letter the event's id has
	event    uint64
	id       identity
	recip    uint64
	person   *person
	given    *given
	product  *product
	first    string
	last     string
	born     int
	home     residence
	day      int
	site     *site // nil where the place is not known
	sender   *site // who reported it; nil for historical doses of the first registry
	hearsay  bool  // historical
	noLot    bool
	siteText string
	bySite   int // county that the place of administration names
	lot      uint64
	flaw     flaw
	fault    fault
	odd      uint64 // random bits for the odd ways of writing
	phone    uint64 // seven digits; 0 when not known
	email    uint64 // number of the mailbox; 0 when not known
	restated bool   // the correction is one of the person's name or address
	marks    marks
}

// counted is the county that the row counts in, by the chain of CDPH's data
// dictionary: another or no state, county, ZIP, place of administration.
func (r *record) counted() int {
	switch {
	case r.home.state != "CA":
		return outOfState
	case r.home.byCounty != none:
		return r.home.byCounty
	case r.home.byZIP != none:
		return r.home.byZIP
	case r.bySite != none:
		return r.bySite
	}
	return unknown
}

// city is the city jurisdiction of the address that gave the county.
func (r *record) city(place int, w *world) (string, bool) {
	name := r.home.city
	if r.home.byCounty == none && r.home.byZIP == none && r.site != nil {
		name = r.site.city
	}
	if place >= numCounties || name[0] != 'B' && name[0] != 'L' && name[0] != 'P' {
		return "", false
	}
	return dose.CityLHJ(w.counties[place].fips, name)
}

// record says what a row of that event says at that step; corrected says
// whether the event's update is known to the sender by then.
func (w *world) record(h *household, p *person, g *given, c copyOf, s step, corrected bool) record {
	key := reportKey(eventKey(p, g), c)
	r := record{key: key, step: s, registry: h.reporter(p, c), person: p, given: g, first: p.first, last: h.family, born: p.born, day: g.day,
		id: p.identity(g, c), lot: w.lot(g), hearsay: w.historical(p, g, c), noLot: g.site < 0, odd: hash(w.seed, saltSoft, key)}
	w.number(&r, h, c)
	draw := rng(r.odd)
	if share(draw.next()>>32) < w.defects.soft && !w.spares(p) {
		r.flaw = flaw(draw.weighted(flawWeights[:], 100))
	}
	if s == unusable {
		r.flaw, r.fault = sound, w.faultOf(key)
	}
	at := h.home
	if w.overlap.on {
		w.retell(&r, h, &at, c)
	}
	if corrected {
		w.correct(&r, &at, &w.cultures[h.culture])
		r.marks |= markCorrected
	}
	if r.given.product >= 0 {
		r.product = &w.products[r.given.product]
	}
	r.home = w.residence(at, r.flaw, &draw)
	r.bySite = none
	if g.site >= 0 {
		at := &w.counties[g.county]
		r.site, r.siteText, r.bySite = &at.sites[g.site], at.spelled(&draw, 300), g.county
		if r.sender = r.site; c == second && r.hearsay {
			w.byHearsay(&r, h)
		}
	}
	if r.flaw != sound {
		r.marks |= markFlaw
	}
	if r.flaw == nowhere {
		r.siteText, r.bySite = "", none
	}
	return r
}

// faultOf is what is wrong with an event's unusable row.
func (w *world) faultOf(key uint64) fault {
	return 1 + fault(hash(w.seed, saltFault, key)%uint64(numFaults-1))
}

// spelled is one of the county's spellings; odd says how many in 10,000 are
// not the rule's five digits.
func (c *county) spelled(r *rng, odd int) string {
	if r.chance(odd) {
		return c.spellings[1+r.n(len(c.spellings)-1)]
	}
	return c.fips
}

// residence writes an address down, with the row's flaw.
func (w *world) residence(at address, f flaw, r *rng) residence {
	out := residence{address: at, county: at.fips, byCounty: none, byZIP: none}
	if at.county != outOfState {
		out.county, out.byCounty, out.byZIP = w.counties[at.county].spelled(r, 900), at.county, at.county
	}
	if r.chance(1000) || at.full {
		out.plus4 = 1000 + r.n(8999)
	}
	switch f {
	case noCounty:
		out.county, out.byCounty = "", none
	case badCounty:
		out.county, out.byCounty = r.at(badCounties), none
	case noCountyNorZIP:
		out.county, out.byCounty, out.zip, out.plus4, out.byZIP = "", none, r.at(badZIPs), 0, none
	case nowhere:
		out.county, out.byCounty, out.zip, out.plus4, out.byZIP = "", none, "", 0, none
	case badZIP:
		out.zip, out.plus4, out.byZIP = r.at(badZIPs), 0, none
	case noState:
		out.state = ""
	}
	return out
}

// correct applies the event's update: another date, address, name or lot.
func (w *world) correct(r *record, at *address, c *culture) {
	draw := rng(hash(w.seed, saltMoved, r.key))
	switch k := draw.n(100); {
	case k < 25:
		if day := r.day - 3 + draw.n(7); day != r.day && w.possible(r.person, r.given, day) {
			r.day = day
			return
		}
	case k < 55:
		*at, r.restated = w.address(&draw, 200), true
		return
	case k < 70 || r.given.product < 0:
		if r.first = draw.at(c.women); r.person.sex == "M" {
			r.first = draw.at(c.men)
		}
		r.restated = true
		return
	}
	r.lot ^= 0x5555
}

// possible says whether that dose could have been given on that day too.
func (w *world) possible(p *person, g *given, day int) bool {
	if day < rollout || day > w.through || day < w.eligible(p.born) {
		return false
	}
	if g.product < 0 {
		return true
	}
	maker, months := w.products[g.product].maker, w.cal.months(p.born, day)
	again := offered(maker, day, months, false) == g.cvx || offered(maker, day, months, true) == g.cvx
	return again && day >= w.products[g.product].from && day <= w.products[g.product].to
}

// lot numbers a product's lots: eight in use in any fortnight.
func (w *world) lot(g *given) uint64 {
	return hash(w.seed, saltDose, uint64(g.cvx)<<32|uint64(g.day/14)<<8|g.draw>>20&7)
}
