package loadtest

import (
	"cmp"
	"slices"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// doseVerdicts are a steward's words on pairs of events, each under its id of
// now, and the events that one took out of their groups.
type doseVerdicts struct {
	pair    map[[2]int64]string
	outside map[int64]bool
}

func (l *Log) doseVerdicts(to int64) doseVerdicts {
	moved := l.moved(to)["event"]
	now := func(id ID) int64 {
		if n, ok := moved[id]; ok {
			return n.key()
		}
		return id.key()
	}
	latest := map[[2]int64]said{}
	for _, s := range l.inputs(to, load.Decision) {
		if a, b := now(s.A), now(s.B); s.Entity == "dose" && a != b {
			latest[pairOf(a, b)] = s
		}
	}
	out := doseVerdicts{map[[2]int64]string{}, map[int64]bool{}}
	for p, s := range latest {
		if s.Verdict == "open" {
			continue
		}
		out.pair[p] = s.Verdict
		if s.Verdict == "different" {
			out.outside[now(s.B)] = true
		}
	}
	return out
}

// groups finds which of one person's events are one dose, and which of them
// counts (docs/MATCHING.md, Doses).
func (l *Log) groups(events []*event, v doseVerdicts) {
	group := sets{}
	for i, a := range events {
		for _, b := range events[:i] {
			if a.counts() && b.counts() && l.oneDose(a, b, v) {
				group.join(a.eventKey, b.eventKey)
			}
		}
	}
	members := map[int64][]*event{}
	for _, e := range events {
		root := group.find(e.eventKey)
		members[root] = append(members[root], e)
	}
	for _, m := range members {
		oldest, best := slices.MinFunc(m, byAge), slices.MinFunc(m, survivor)
		for _, e := range m {
			e.Dose, e.Primary = oldest.eventKey, e == best && e.counts()
		}
	}
}

// counts says whether the event can be a dose of a COVID-19 vaccine. A code
// that nobody knows yet may be one.
func (e *event) counts() bool {
	v, known := dose.VaccineByCVX(int(e.Row.CVX))
	return e.countable() && !(known && !v.COVID)
}

// survivor is MIROW's choice.
func survivor(a, b *event) int {
	rank := func(e *event) []int {
		_, lot := e.lot()
		return []int{one(e.Past == "Y"), one(e.Row.CVX == 213), one(!lot), -int(e.filled())}
	}
	return cmp.Or(slices.Compare(rank(a), rank(b)), byAge(a, b))
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// oneDose takes the first rule that fits.
func (l *Log) oneDose(a, b *event, v doseVerdicts) bool {
	gap := int(max(a.Row.Day-b.Row.Day, b.Row.Day-a.Row.Day))
	verdict := v.pair[pairOf(a.eventKey, b.eventKey)]
	switch {
	case verdict == "same":
		return true
	case gap > 23, verdict != "", v.outside[a.eventKey], v.outside[b.eventKey], gap >= l.Rules.ApartDays:
		return false
	}
	e := compare(a, b)
	switch {
	case gap == 0 && e.cvx == agree && e.lot != differs && e.site == agree:
		return true
	case gap == 0 && e.product != differs && e.cvx != differs && e.lot == differs:
		return l.Rules.SameDayOtherLot == "same"
	}
	return 10*(e.sum(gap)-1) > 6*294 && e.votes(gap) >= 0
}

// answer is what two events say of one thing.
type answer int

const (
	absent answer = iota
	agree
	differs
)

func ask(known bool, same bool) answer {
	switch {
	case !known:
		return absent
	case same:
		return agree
	}
	return differs
}

// evidence is the table of weights' left column.
type evidence struct{ lot, cvx, product, site, source answer }

// compare: of the source, agree is both historical, absent also where both
// were administered is told by given.
func compare(a, b *event) evidence {
	lotA, okA := a.lot()
	lotB, okB := b.lot()
	siteA, sA := a.site()
	siteB, sB := b.site()
	makerA, makerB := maker(a.Row.CVX), maker(b.Row.CVX)
	e := evidence{
		lot:     ask(okA && okB, lotA == lotB),
		cvx:     ask(a.Row.CVX != 213 && b.Row.CVX != 213, a.Row.CVX == b.Row.CVX),
		product: ask(makerA != "" && makerB != "", makerA == makerB),
		site:    ask(sA && sB, siteA == siteB),
	}
	switch a.Past + b.Past {
	case "YY":
		e.source = historical
	case "NN":
		e.source = given
	case "YN", "NY":
		e.source = differs
	}
	return e
}

// Answers of the source beside differs and absent.
const (
	historical answer = iota + 10
	given
)

// maker is who made it, of the four whose makers are compared.
func maker(cvx int32) string {
	if v, ok := dose.VaccineByCVX(int(cvx)); ok && v.MVX == "NVX" {
		return "novavax"
	}
	return dose.Maker(int(cvx))
}

// sum is the weights' sum, by the table of docs/MATCHING.md.
func (e evidence) sum(gap int) int {
	weight := func(a answer, same, different, absent int) int { return []int{absent, same, different}[a] }
	days := []int{80, 65, 50, 43, 38, 30, 23}[min(gap, 6)]
	source := map[answer]int{historical: 15, given: -7, differs: 60, absent: 15}[e.source]
	return source + weight(e.lot, 45, -25, 25) + weight(e.cvx, 50, 5, 15) + weight(e.product, 35, -5, 20) + weight(e.site, 25, 10, 15) + days
}

// votes are those beside the weights, in the order of docs/MATCHING.md.
func (e evidence) votes(gap int) int {
	n := 0
	n -= one(e.lot == differs)
	n += one(gap == 0)
	n += one(e.lot == differs && e.cvx == agree && e.product == agree && e.site == agree)
	n -= one(e.lot == differs && gap == 0 && e.site == agree)
	n -= one(e.source == given && e.site == differs)
	n += one(e.source == differs && e.site == differs)
	return n
}
