package synth

import (
	"fmt"

	"github.com/dosebook/dosebook/dose"
)

// Overlap says how often a second registry, or a second recipient id, knows
// the same person, and how far what it knows differs. All but Rekeyed are
// shares, 0 to 1. Zero is a world where each dose is reported once; anything
// else also adds the columns information_source, recip_phone, recip_email and
// sender_id to the files, and truth_events.tsv to the truth.
//
// A second report comes on top of Config.Rows. Registry 0 is always one of
// the two that know a person, so that ids can move to it (domain reference
// §2.2: SDIR joined CAIR2 in April 2022, RIDE in November 2022).
type Overlap struct {
	Share        float64 // persons whose doses, half of the time only some of them, a second registry reports too
	Rekeyed      bool    // the second registry's event and recipient ids are its own; else the first's
	Historical   float64 // second reports of a dose that are hearsay: information_source 01, lot and site mostly missing, the reporter's organisation, CVX 213 for some
	DateOff      float64 // second reports of a dose that are 1 to 3 days off
	Typos        float64 // second ids with a typing error in a name, or a transposed birth date
	Formats      float64 // second ids whose street is written another way, with ZIP+4
	Moved        float64 // second ids with another address
	SameRegistry float64 // persons with two recipient ids within their registry
	Twins        float64 // households of two or more with twins: one last name, birth date, address, phone, and the same doses
	JunkPhone    float64 // persons whose phone is one and the same placeholder
	NameSakes    float64 // households whose first member has the name and birth date of another household's
	Crosswalk    float64 // persons known to two registries whose ids are listed in crosswalk.csv
	Spared       bool    // no defect meets what is reported of persons known to two registries: both say the same
}

// DefaultOverlap is two registries with a common border: 15 in 100 persons
// are known to both.
func DefaultOverlap() Overlap {
	return Overlap{Share: 0.15, Rekeyed: true, Historical: 0.35, DateOff: 0.03, Typos: 0.03, Formats: 0.3, Moved: 0.06,
		SameRegistry: 0.01, Twins: 0.01, JunkPhone: 0.02, NameSakes: 0.005}
}

func (o Overlap) check(registries int) error {
	for _, f := range []float64{o.Share, o.Historical, o.DateOff, o.Typos, o.Formats, o.Moved, o.SameRegistry, o.Twins, o.JunkPhone, o.NameSakes, o.Crosswalk} {
		if !(f >= 0 && f <= 1) {
			return fmt.Errorf("a share of the overlap is not between 0 and 1: %w", dose.ErrInvalid)
		}
	}
	if o.Share > 0 && registries < 2 {
		return fmt.Errorf("an overlap needs two registries: %w", dose.ErrInvalid)
	}
	return nil
}

// overlap is Overlap as thresholds.
type overlap struct {
	on, rekeyed, spared bool

	share, historical, dateOff, typos, formats, moved, sameRegistry, twins, junkPhone, nameSakes, crosswalk share
}

func newOverlap(o Overlap) overlap {
	return overlap{on: o != Overlap{}, rekeyed: o.Rekeyed, spared: o.Spared, share: shareOf(o.Share), historical: shareOf(o.Historical), dateOff: shareOf(o.DateOff),
		typos: shareOf(o.Typos), formats: shareOf(o.Formats), moved: shareOf(o.Moved), sameRegistry: shareOf(o.SameRegistry),
		twins: shareOf(o.Twins), junkPhone: shareOf(o.JunkPhone), nameSakes: shareOf(o.NameSakes), crosswalk: shareOf(o.Crosswalk)}
}

// What an overlap draws, each from a stream of its own.
const (
	ofShare uint64 = (1 + iota) << 8
	ofSome
	ofRegistry
	ofHistorical
	ofDateOff
	ofHearsay
	ofTypo
	ofFormat
	ofMove
	ofTwoIDs
	ofTwins
	ofJunk
	ofNamesake
	ofCrosswalk
	ofPhone
	ofEmail
)

// draws says whether a thing falls into the share.
func (w *world) draws(s share, of, key uint64) bool {
	return s > 0 && share(hash(w.seed, saltOverlap+of, key)>>32) < s
}

// spares says whether no defect meets the person's reports.
func (w *world) spares(p *person) bool { return w.overlap.spared && p.ties.other != none }

// copyOf says which registry's report of an event it is.
type copyOf uint8

const (
	first  copyOf = iota // by the registry of the household
	second               // by the other one
)

// identity is one of a person's recipient ids.
type identity uint8

const (
	ownID   identity = iota // in the registry of the household
	twinID                  // a second one there: a merge that was missed
	otherID                 // in the second registry
	numIDs
)

// ties is what binds a person's reports, and persons, together.
type ties struct {
	other     int // the second registry, or none
	all       bool
	twoIDs    bool
	twin      bool
	junk      bool
	namesake  bool
	side      uint64 // of two namesakes
	crosswalk bool
}

// pairUp gives every second household, for a share, the name of the one
// before it. Nothing else of the two is alike.
func (w *world) pairUp(h *household) {
	h.namesake = w.draws(w.overlap.nameSakes, ofNamesake, h.number>>1)
	if h.namesake && h.number&1 == 1 {
		before := w.household(h.number - 1)
		h.culture, h.family = before.culture, before.family
	}
}

// tie decides what the person shares with whom.
func (w *world) tie(h *household, p *person, member int) {
	o, t := &w.overlap, &p.ties
	t.other = none
	if w.draws(o.share, ofShare, p.number) {
		if t.other = 0; h.registry == 0 {
			t.other = 1 + int(hash(w.seed, saltOverlap+ofRegistry, p.number)%uint64(len(w.names)-1))
		}
		t.all = hash(w.seed, saltOverlap+ofSome, p.number)&1 == 0
		t.crosswalk = w.draws(o.crosswalk, ofCrosswalk, p.number)
	}
	t.twoIDs = w.draws(o.sameRegistry, ofTwoIDs, p.number)
	t.junk = w.draws(o.junkPhone, ofJunk, p.number)
	if member == 0 && h.namesake {
		t.namesake, t.side = true, h.number&1
		if t.side == 1 {
			before := w.household(h.number - 1)
			like := w.person(&before, 0)
			p.first, p.mid, p.sex, p.born = like.first, like.mid, like.sex, like.born
		}
	}
	if h.size < 2 || h.namesake || member < h.size-2 || !w.draws(o.twins, ofTwins, h.number) {
		return
	}
	t.twin, t.junk = true, false // they share the household's phone
	if member == h.size-1 {
		w.twinOf(h, p, w.person(h, member-1))
	}
}

// twinOf makes the person a twin: the same birth date and the same doses,
// for who is brought to the same place on the same day gets the same lot.
func (w *world) twinOf(h *household, p *person, like person) {
	p.born, p.seed, p.races, p.ethnicity = like.born, like.seed, like.races, like.ethnicity
	names := w.cultures[h.culture].women
	if p.sex == "M" {
		names = w.cultures[h.culture].men
	}
	for i := 0; p.first == like.first; i++ {
		p.first = names[i]
	}
}

// twice says whether the second registry reports the dose too: all, or the
// first and half of the others.
func (w *world) twice(p *person, g *given) bool {
	t := &p.ties
	if !w.overlap.on || t.other == none || g.refused {
		return false
	}
	return t.all || g.index == 0 || hash(w.seed, saltOverlap+ofSome, eventKey(p, g))&1 == 0
}

// reporter is the registry of the report.
func (h *household) reporter(p *person, c copyOf) int {
	if c == second {
		return p.ties.other
	}
	return h.registry
}

// historical says whether the report is hearsay: what is hearsay to the first
// registry is to the second too.
func (w *world) historical(p *person, g *given, c copyOf) bool {
	return g.site < 0 || c == second && w.draws(w.overlap.historical, ofHistorical, eventKey(p, g))
}

// identity is the recipient id that the report goes under.
func (p *person) identity(g *given, c copyOf) identity {
	switch {
	case c == second:
		return otherID
	case p.ties.twoIDs && g.index > 0:
		return twinID
	}
	return ownID
}

// report is one registry's story of an event.
type report struct {
	given      *given
	copy       copyOf
	registry   int
	historical bool
	chain      chain
}

// reportKey numbers all reports of all events.
func reportKey(key uint64, c copyOf) uint64 { return key | uint64(c)<<62 }

// reports makes all reports of a person, event by event.
func (p *plan) reports(f *family, member int, out []report) []report {
	w, who := p.world, &f.people[member]
	out = out[:0]
	for i := range f.events[member] {
		g := &f.events[member][i]
		out = append(out, p.report1(f, who, g, first))
		if w.twice(who, g) {
			out = append(out, p.report1(f, who, g, second))
		}
	}
	return out
}

func (p *plan) report1(f *family, who *person, g *given, c copyOf) report {
	r := report{given: g, copy: c, registry: f.reporter(who, c), historical: p.world.historical(who, g, c)}
	r.chain = p.chainOf(who, reportKey(eventKey(who, g), c), r.registry, g.day, r.historical)
	return r
}
