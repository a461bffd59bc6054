package synth

// step is one reporting of an event: what a row in a file stands for.
type step uint8

const (
	added    step = iota // for the first time
	repeated             // the same row once more
	updated              // corrected
	deleted
	revived  // added again after a delete, as it was last known
	unusable // a row that must be rejected
	resent   // in order, after an unusable row
)

// action is the folder a reporting travels in (domain reference §1.3: a file
// holds one kind of transaction).
type action uint8

const (
	add action = iota
	update
	remove
	numActions
)

var actionNames = [numActions]string{"add", "update", "delete"}

func (s step) action() action {
	switch s {
	case updated:
		return update
	case deleted:
		return remove
	}
	return add
}

// thresholds are the shares of events of each fate, cumulative.
type thresholds struct{ unusable, deleted, updated, repeated, soft share }

func newThresholds(d Defects) thresholds {
	var t thresholds
	t.unusable = shareOf(d.Unusable)
	t.deleted = t.unusable + shareOf(d.Deletes)
	t.updated = t.deleted + shareOf(d.Updates)
	t.repeated = t.updated + shareOf(d.RepeatRows)
	t.soft = shareOf(d.Soft)
	return t
}

// eventKey numbers all events of all people.
func eventKey(p *person, g *given) uint64 { return p.number<<4 | uint64(g.index) }

// reporting is a step and the file it goes to.
type reporting struct {
	step step
	day  int
	slot int
}

// chain is all reportings of one event, oldest first, and what is known in
// the end.
type chain struct {
	n         int
	steps     [4]reporting
	current   bool
	corrected bool // the current version, or the last one before the delete, is the update
}

// chainOf decides by the event's key, and whether its person is spared, what
// becomes of an event. Each
// reporting goes to a file of a later date than the one before, so that the
// order of versions never hangs on the order of delivery.
func (p *plan) chainOf(who *person, key uint64, registry, given int, historical bool) chain {
	r := rng(hash(p.world.seed, saltChain, key))
	var c chain
	day := given + lag(&r, historical)
	x, t := share(r.next()>>32), p.world.defects
	if p.world.spares(who) {
		x = t.repeated
	}
	first := added
	if x < t.unusable {
		first = unusable
	}
	date := p.report(&c, first, registry, day)
	c.current = first == added
	if x >= t.repeated {
		return c
	}
	next := func(s step) bool {
		d := p.report(&c, s, registry, date+1+r.n(30))
		if d > 0 {
			date = d
		}
		return d > 0
	}
	switch {
	case x < t.unusable:
		c.current = r.chance(5000) && next(resent)
	case x < t.deleted:
		c.corrected = r.chance(3000) && next(updated)
		c.current = !next(deleted) || r.chance(2000) && next(revived)
	case x < t.updated:
		c.corrected = next(updated)
	default:
		next(repeated)
	}
	return c
}

// report adds a step to the chain and returns its file's date; 0 when no
// file is left to send it in.
func (p *plan) report(c *chain, s step, registry, day int) int {
	slot := p.slot(registry, s.action(), day)
	if slot < 0 {
		return 0
	}
	c.steps[c.n] = reporting{s, day, slot}
	c.n++
	return p.slots[slot].date
}

const longestLag = 60

// lag is the days from a dose to its report: most within three, historical
// ones weeks later (domain reference §8.1, timeliness).
func lag(r *rng, historical bool) int {
	if historical {
		return 5 + r.n(longestLag-5)
	}
	switch k := r.n(1000); {
	case k < 550:
		return r.n(2)
	case k < 880:
		return 1 + r.n(3)
	case k < 975:
		return 4 + r.n(11)
	}
	return 15 + r.n(longestLag-15)
}

// knows says whether the sender knew the event's correction at that step: a
// delete and a revival carry what an update before them said.
func (p *plan) knows(h *household, who *person, g *given, c copyOf, s step) bool {
	switch s {
	case updated:
		return true
	case deleted, revived:
		return p.chainOf(who, reportKey(eventKey(who, g), c), h.reporter(who, c), g.day, p.world.historical(who, g, c)).corrected
	}
	return false
}
