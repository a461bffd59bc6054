package synth

// given is one dose, or one refusal, as it happened.
type given struct {
	index    int // of this person's events, for ever the same
	day      int
	product  int // -1: historical, product unknown
	cvx      int
	nth      int // dose number, from 1
	site     int // number in its county; historical: -1
	county   int // where it was given
	draw     uint64
	refused  bool
	complete bool // the primary series, with this dose
}

// knot is a point of a cumulative curve: until day, so many of 10,000.
type knot struct{ day, sum int }

// When Californians got their first dose, after the state's published doses
// by day: rollout to health workers and 75+, the spring of 2021, the mandates
// of autumn, Omicron, then few.
var (
	adults = []knot{{rollout, 0}, {18628, 150}, {18659, 700}, {18687, 1650}, {18718, 3750}, {18733, 5100}, {18748, 6100}, {18779, 7200}, {18840, 8000},
		{18871, 8500}, {18932, 8950}, {18993, 9350}, {19024, 9600}, {19144, 9780}, {19358, 9880}, {19722, 9960}, {20634, 10_000}}
	seniors = []knot{{rollout, 0}, {18634, 400}, {18648, 1200}, {18659, 2600}, {18687, 5600}, {18718, 7900}, {18748, 8800}, {18809, 9250}, {18901, 9500},
		{18993, 9720}, {19083, 9850}, {19722, 9970}, {20634, 10_000}}
)

func draw(r *rng, curve []knot) int {
	x := r.n(10_000)
	for i := 1; i < len(curve); i++ {
		if a, b := curve[i-1], curve[i]; x < b.sum {
			return a.day + (x-a.sum)*(b.day-a.day)/(b.sum-a.sum)
		}
	}
	return curve[len(curve)-1].day
}

// tail is days after an event: most soon, few much later.
func tail(r *rng, soon, later, last int) int {
	switch k := r.n(100); {
	case k < 60:
		return r.n(soon + 1)
	case k < 90:
		return soon + r.n(later)
	}
	return soon + later + r.n(last)
}

// history makes all doses of a person up to the world's last day, in order
// of date; a refusal, where there is one, stands at the end.
func (w *world) history(h *household, p *person, out []given) []given {
	l := life{w: w, r: rng(p.seed), born: p.born, home: h.home.county, ties: p.ties, out: out[:0]}
	day := l.first()
	l.choose(day)
	if !l.add(day, false) {
		return l.out
	}
	l.second()
	l.boosters()
	l.seasons()
	l.refusal()
	return l.out
}

// life is a person's history while it is made.
type life struct {
	w       *world
	r       rng
	born    int
	home    int
	maker   maker
	primary int // day the primary series was complete; 0 never
	ties    ties
	out     []given
}

func (l *life) age(day int) int { return l.w.cal.months(l.born, day) / 12 }
func (l *life) last() int       { return l.out[len(l.out)-1].day }

// first draws the day of the first dose: never before the person's age was
// eligible, and for the young soon after that.
func (l *life) first() int {
	open := l.w.eligible(l.born)
	age := (mid2021 - l.born) * 100 / 36525
	switch {
	case age >= 65:
		return max(open, draw(&l.r, seniors))
	case open == rollout:
		return draw(&l.r, adults)
	}
	return open + tail(&l.r, 40, 140, 360)
}

// choose picks the maker for a day.
func (l *life) choose(day int) {
	k := l.r.n(1000)
	months := l.w.cal.months(l.born, day)
	switch {
	case k < 110 && months >= 216 && day >= janssenFrom && day < boostAll:
		l.maker = janssen
	case k < 64 && day >= novavaxFrom:
		l.maker = novavax
	case k < 450:
		l.maker = moderna
	default:
		l.maker = pfizer
	}
}

// add appends a dose, if there was a product for it on that day. Sundays
// have half the doses of other days.
func (l *life) add(day int, booster bool) bool {
	if l.w.cal.sunday(day) && l.r.chance(5000) {
		day++
	}
	if day > l.w.through || len(l.out) == lifetimeDoses {
		return false
	}
	months := l.w.cal.months(l.born, day)
	g := given{index: len(l.out), day: day, nth: len(l.out) + 1, draw: l.r.next()}
	if l.ties.namesake { // never the other's lot on the same day
		g.draw = g.draw&^(1<<20) | l.ties.side<<20
	}
	for _, m := range [...]maker{l.maker, pfizer, moderna} {
		if g.cvx = offered(m, day, months, booster); g.cvx == 0 {
			continue
		}
		if g.product = l.w.product(g.cvx, day, g.draw>>40); g.product >= 0 {
			l.maker = m
			break
		}
		g.cvx = 0
	}
	if g.cvx == 0 {
		return false
	}
	l.place(&g)
	l.out = append(l.out, g)
	return true
}

// place says where: mostly at home, one in twelve in another county, and one
// in a hundred is somebody else's dose, known by hearsay (historical).
func (l *life) place(g *given) {
	g.county = l.home
	switch k := l.r.n(10_000); {
	case l.home == outOfState:
		g.county = l.w.pick(&l.r)
	case k < 600 && len(l.w.counties[l.home].near) > 0:
		near := l.w.counties[l.home].near
		g.county = near[l.r.n(len(near))]
	case k < 830:
		g.county = l.w.pick(&l.r)
	}
	g.site = l.r.n(len(l.w.counties[g.county].sites))
	if l.r.chance(100) {
		g.site = -1
		if l.r.chance(1500) {
			g.product, g.cvx = -1, 213
		}
	}
}

// second adds the second dose of the primary series: Pfizer after 21 days,
// Moderna after 28, most within a week, some too early or never.
func (l *life) second() {
	if l.maker == janssen {
		l.done()
		return
	}
	if l.r.chance(900) {
		return
	}
	wait := 21
	if l.maker == moderna {
		wait = 28
	}
	switch k := l.r.n(1000); {
	case k < 15:
		wait -= 1 + l.r.n(6)
	case k < 600:
	case k < 930:
		wait += 1 + l.r.n(9)
	default:
		wait += 10 + l.r.n(120)
	}
	if l.r.chance(80) { // another maker's
		l.choose(l.last() + wait)
	}
	if l.add(l.last()+wait, false) {
		l.done()
	}
}

func (l *life) done() {
	l.primary = l.last()
	l.out[len(l.out)-1].complete = true
}

// boosters adds those of the original formulas, from autumn 2021.
func (l *life) boosters() {
	if l.primary == 0 {
		return
	}
	age := l.age(l.primary)
	chance, open := 5200, boostAll
	switch {
	case age >= 65:
		chance, open = 7800, boost65
	case age < 5:
		return
	case age < 12:
		chance, open = 1900, boost5
	case age < 18:
		chance, open = 3600, boost12
	}
	gap := 150 + l.r.n(40)
	if l.maker == janssen {
		gap = 60 + l.r.n(30)
	}
	day := max(open, l.primary+gap) + tail(&l.r, 45, 70, 120)
	if day >= bivalentFrom || !l.r.chance(chance) {
		return
	}
	if l.r.chance(1800) {
		l.choose(day)
	}
	if !l.add(day, true) || age < 50 || !l.r.chance(3800) {
		return
	}
	if day = max(secondBoost, l.last()+120) + tail(&l.r, 40, 50, 60); day < bivalentFrom {
		l.add(day, true)
	}
}

// seasons adds the doses of each autumn's formula: bivalent in 2022 (and once
// more in spring 2023 for 65+), then one a year.
func (l *life) seasons() {
	for _, s := range [...]struct{ open, chance, senior int }{
		{bivalentFrom, 2300, 5200}, {bivalentOnly, 60, 1900}, {seasonFrom, 1400, 3900}, {season2024, 1100, 3600}, {season2025, 700, 3000},
	} {
		if s.open > l.w.through {
			return
		}
		chance := s.chance
		if l.age(s.open) >= 65 {
			chance = s.senior
		}
		if !l.r.chance(chance) {
			continue
		}
		if l.r.chance(1500) {
			l.choose(s.open)
		}
		if day := max(s.open+tail(&l.r, 45, 60, 110), l.last()+60); day > l.last() {
			l.add(day, true)
		}
	}
}

// refusal adds a refused dose some weeks before another dose, for few.
func (l *life) refusal() {
	if !l.r.chance(90) {
		return
	}
	g := l.out[l.r.n(len(l.out))]
	g.day -= 1 + l.r.n(20)
	months := l.w.cal.months(l.born, g.day)
	if g.site < 0 || g.day < rollout || offered(l.maker, g.day, months, g.nth > 2) == 0 {
		return
	}
	g.cvx, g.product = offered(l.maker, g.day, months, g.nth > 2), -1
	g.index, g.refused, g.complete, g.draw = len(l.out), true, false, l.r.next()
	l.out = append(l.out, g)
}
