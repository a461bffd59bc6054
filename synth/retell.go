package synth

import (
	"strconv"
	"strings"
	"unicode"
)

// number gives the record its ids. Bits 40 and 41 keep those of a second
// registry, and second ones of a person, apart from all others.
func (w *world) number(r *record, h *household, c copyOf) {
	event := eventKey(r.person, r.given)
	r.letter, r.event, r.recip = r.registry, id(w.seed, event), id(w.seed+1, r.person.number)
	switch {
	case r.id == twinID:
		r.recip = 2<<40 + id(w.seed+4, r.person.number)
	case c == second && w.overlap.rekeyed:
		r.event, r.recip = 1<<40+id(w.seed+2, event), 1<<40+id(w.seed+3, r.person.number)
	case c == second:
		r.letter = h.registry
	}
}

// retell changes what the record says to what is known under a second
// recipient id, and to what a second registry says of the dose.
func (w *world) retell(r *record, h *household, at *address, c copyOf) {
	o, who := &w.overlap, r.person.number<<2|uint64(r.id)
	r.marks = r.person.ties.marks()
	if r.id == twinID {
		r.marks |= markTwoIDs
	}
	if r.hearsay {
		r.marks |= markHistorical
	}
	w.reach(r, h, who)
	if r.id != ownID {
		if w.draws(o.moved, ofMove, who) {
			*at, r.marks = w.move(*at, who), r.marks|markMoved
		}
		if w.draws(o.formats, ofFormat, who) {
			*at, r.marks = at.otherwise(), r.marks|markFormat
		}
		if w.draws(o.typos, ofTypo, who) {
			w.mistype(r, who)
			r.marks |= markTypo
		}
	}
	if c == second && w.draws(o.dateOff, ofDateOff, eventKey(r.person, r.given)) {
		w.shift(r)
	}
}

// reach says which phone and mailbox are known under the id: the phone of the
// household in 85 of 100, a mailbox in 55; children have that of the first
// member.
func (w *world) reach(r *record, h *household, who uint64) {
	if !r.person.ties.junk && hash(w.seed, saltOverlap+ofPhone, who)%100 < 85 {
		r.phone = h.phone
	}
	owner := r.person.number
	if w.cal.months(r.person.born, mid2021) < 18*12 {
		owner = h.number << 3
	}
	if hash(w.seed, saltOverlap+ofEmail, who)%100 < 55 {
		r.email = 1_000_000_000 + hash(w.seed, saltOverlap+ofEmail+1, owner)%9_000_000_000
	}
}

// marks are those of the person, not of the report.
func (t *ties) marks() (m marks) {
	if t.twin {
		m |= markTwin
	}
	if t.junk {
		m |= markJunkPhone
	}
	if t.namesake {
		m |= markNamesake
	}
	return m
}

// move is the address in another registry's books: six of ten moved within
// the county.
func (w *world) move(from address, who uint64) address {
	r := rng(hash(w.seed, saltOverlap+ofMove+1, who))
	to := w.address(&r, 200)
	if from.county == outOfState || to.county == outOfState || !r.chance(6000) {
		return to
	}
	c := &w.counties[from.county]
	to.county, to.zip, to.state, to.fips = from.county, r.at(c.zips), "CA", from.fips
	to.city = c.town(to.zip)
	return to
}

var longEndings = map[string]string{"St": "Street", "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road", "Dr": "Drive", "Ln": "Lane", "Ct": "Court", "Pl": "Place", "Way": "WAY"}

// otherwise is the same address as another clerk writes it.
func (a address) otherwise() address {
	a.ending, a.inline, a.full = longEndings[a.ending], true, true
	return a
}

// appendUnit writes the flat; its number follows from the house's.
func (a *address) appendUnit(b []byte) []byte {
	return strconv.AppendInt(append(b, a.unit...), int64(1+a.house%399), 10)
}

// shift moves the date by 1 to 3 days, where the product was given then.
func (w *world) shift(r *record) {
	by := 1 + int(hash(w.seed, saltOverlap+ofDateOff+1, r.key)%3)
	for _, day := range [...]int{r.day + by, r.day - by, r.day + 1, r.day - 1} {
		if w.possible(r.person, r.given, day) {
			r.day, r.marks = day, r.marks|markDateOff
			return
		}
	}
}

// byHearsay is a dose that somebody else gave: the organisation is the
// reporter's, the place is gone four times in five, the lot three times in
// four, and one in seven no longer knows the product (domain reference §7.2).
func (w *world) byHearsay(r *record, h *household) {
	draw := rng(hash(w.seed, saltOverlap+ofHearsay, r.key))
	near := h.home.county
	if near == outOfState {
		near = r.given.county
	}
	r.sender = &w.counties[near].sites[draw.n(len(w.counties[near].sites))]
	r.noLot = draw.chance(7500)
	if draw.chance(8000) {
		r.site, r.siteText, r.bySite = nil, "", none
	}
	if draw.chance(1500) {
		unsure := *r.given
		unsure.product, unsure.cvx = -1, 213
		r.given, r.product = &unsure, nil
	}
}

// mistype makes one error of a clerk: a birth date with its parts changed
// about, or a letter of a name.
func (w *world) mistype(r *record, who uint64) {
	draw := rng(hash(w.seed, saltOverlap+ofTypo+1, who))
	switch draw.n(3) {
	case 0:
		if born := w.transposed(r.born); born != r.born {
			r.born = born
			return
		}
		r.first = slip(&draw, r.first)
	case 1:
		r.first = slip(&draw, r.first)
	default:
		r.last = slip(&draw, plain(r.last))
	}
}

// transposed swaps month and day, or else the digits of the day; the same day
// where neither is another date.
func (w *world) transposed(born int) int {
	d := w.cal.of(born)
	year, month, day := int(d.year), int(d.month), int(d.day)
	turned := day%10*10 + day/10
	switch {
	case day <= 12 && day != month:
		return ymd(year, day, month)
	case turned > 0 && turned <= 28:
		return ymd(year, month, turned)
	}
	return born
}

// slip changes one letter: two swapped, one doubled, dropped or another. What
// comes out differs in its letters, not in case or punctuation alone.
func slip(draw *rng, name string) string {
	for range 8 {
		s := []rune(name)
		i := draw.n(len(s))
		switch kind := draw.n(4); {
		case kind == 0 && i+1 < len(s):
			s[i], s[i+1] = unicode.ToLower(s[i+1]), unicode.ToLower(s[i])
		case kind == 1:
			s = append(s[:i+1], s[i:]...)
		case kind == 2 && len(s) > 3:
			s = append(s[:i], s[i+1:]...)
		default:
			s[i] = rune('a' + draw.n(26))
		}
		if out := string(s); letters(out) != letters(name) {
			return out
		}
	}
	return name + "e"
}

func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}
