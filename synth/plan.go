package synth

import (
	"context"
	"math"
	"runtime"
	"sync"
)

// slot is what one registry sends of one kind up to a date: one file, or more
// where the cap on rows cuts it.
type slot struct {
	registry int
	action   action
	date     int
	entries  []uint64 // see pack
}

// plan says which households take part and which day's reports go to which
// file.
type plan struct {
	world      *world
	households int // numbers 0 … households-1
	cut        int // events taken from the last household
	slots      []slot
	of         [][numActions][]int32 // registry, action, day since rollout → slot
	exports    []*output             // of all that a registry's exports hold
}

func (p *plan) slot(registry int, a action, day int) int {
	days := p.of[registry][a]
	if d := day - rollout; d < len(days) {
		return int(days[d])
	}
	return -1
}

// family is a household with all its events, made again in place.
type family struct {
	household
	people [maxMembers]person
	events [maxMembers][]given
}

// load makes household number; most is how many events of it are taken.
func (f *family) load(w *world, number, most int) (events int) {
	f.household = w.household(uint64(number))
	for m := range f.size {
		f.people[m] = w.person(&f.household, m)
		f.events[m] = w.history(&f.household, &f.people[m], f.events[m])
		if left := most - events; len(f.events[m]) > left {
			f.events[m] = f.events[m][:left]
		}
		events += len(f.events[m])
	}
	return events
}

// block is the number of households that one goroutine takes at a time.
const block = 1024

// census counts a block's reports by registry and day.
type census struct {
	events int
	days   [][]int
}

func (p *plan) census(from, most int) (c census, last, cut int) {
	c.days = make([][]int, len(p.world.names))
	for i := range c.days {
		c.days[i] = make([]int, p.world.through-rollout+longestLag+1)
	}
	var f family
	for last = from; last < from+block && c.events < most; last++ {
		cut = f.load(p.world, last, most-c.events)
		c.events += cut
		for m := range f.size {
			for i := range f.events[m] {
				g := &f.events[m][i]
				c.count(p.world, &f, m, g, first)
				if p.world.twice(&f.people[m], g) {
					c.count(p.world, &f, m, g, second)
				}
			}
		}
	}
	return c, last, cut
}

// count takes the first reporting of an event to one registry.
func (c *census) count(w *world, f *family, m int, g *given, of copyOf) {
	who := &f.people[m]
	r := rng(hash(w.seed, saltChain, reportKey(eventKey(who, g), of)))
	c.days[f.reporter(who, of)][g.day-rollout+lag(&r, w.historical(who, g, of))]++
}

// newPlan finds how many households report cfg.Rows events and cuts time
// into files. Blocks are counted side by side and added up in order.
func newPlan(ctx context.Context, w *world, rows int) (*plan, error) {
	p := &plan{world: w}
	total := census{days: make([][]int, len(w.names))}
	for i := range total.days {
		total.days[i] = make([]int, w.through-rollout+longestLag+1)
	}
	workers := runtime.GOMAXPROCS(0)
	counts := make([]census, workers)
	for total.events < rows {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var wg sync.WaitGroup
		for i := range workers {
			wg.Go(func() { counts[i], _, _ = p.census(p.households+i*block, math.MaxInt) })
		}
		wg.Wait()
		for _, c := range counts {
			left := rows - total.events
			if left <= 0 {
				break
			}
			if c.events >= left {
				c, p.households, p.cut = p.census(p.households, left)
			} else {
				p.households += block
			}
			total.add(c)
		}
	}
	p.cutFiles(total, rows)
	return p, nil
}

func (c *census) add(o census) {
	c.events += o.events
	for r := range c.days {
		for d, n := range o.days[r] {
			c.days[r][d] += n
		}
	}
}

// cutFiles gives each registry files of about equally many rows, so that a
// span is days in the spring of 2021 and months in 2023: some 45 files for
// 200,000 rows, 100 for a million. Updates come a third as often as
// additions, deletes a quarter; after the last addition there is room for an
// update, a delete, and an addition once more.
func (p *plan) cutFiles(c census, rows int) {
	files := max(int(math.Sqrt(float64(rows/80))), 6)
	roots, sum := make([]int, len(c.days)), 0
	for r, days := range c.days {
		n := 0
		for _, d := range days {
			n += d
		}
		roots[r] = 1 + int(math.Sqrt(float64(n)))
		sum += roots[r]
	}
	for r, days := range c.days {
		adds := cuts(days, max(1, files*5*roots[r]/(8*sum)))
		last := adds[len(adds)-1]
		var of [numActions][]int32
		of[add] = p.span(r, add, append(adds, last+93))
		of[update] = p.span(r, update, append(every(adds, 3), last+31))
		of[remove] = p.span(r, remove, append(every(adds, 4), last+62))
		p.of = append(p.of, of)
	}
}

// cuts returns the last days, since rollout, of n spans with equally many
// reports; the last is the last day of all.
func cuts(days []int, n int) (out []int) {
	sum, seen := 0, 0
	for _, d := range days {
		sum += d
	}
	for day, d := range days {
		seen += d
		if d > 0 && seen < sum && seen*n >= sum*(len(out)+1) {
			out = append(out, day)
		}
	}
	return append(out, len(days)-1)
}

// every returns each n-th, counted from the last.
func every(days []int, n int) (out []int) {
	for i, d := range days {
		if (len(days)-1-i)%n == 0 {
			out = append(out, d)
		}
	}
	return out
}

// span makes a slot for each span and returns the days' slots.
func (p *plan) span(registry int, a action, ends []int) (of []int32) {
	for _, end := range ends {
		p.slots = append(p.slots, slot{registry: registry, action: a, date: rollout + end})
		for len(of) <= end {
			of = append(of, int32(len(p.slots)-1))
		}
	}
	return of
}

// An entry is one reporting in eight bytes: day 12 bits, chance 13, household
// 27, member 3, event 4, step 3, copy 1. Sorted, a file's rows stand by day,
// and within a day in no order.
func pack(day int, key uint64, c copyOf, s step, chance uint64) uint64 {
	return uint64(day-rollout)<<51 | chance>>51<<38 | key<<4 | uint64(s)<<1 | uint64(c)
}

func unpack(e uint64) (household, member, event int, c copyOf, s step) {
	return int(e >> 11 & (1<<27 - 1)), int(e >> 8 & 7), int(e >> 4 & 15), copyOf(e & 1), step(e >> 1 & 7)
}

// fill puts every reporting into its slot and counts the truth. Ranges of
// households are worked side by side; sorting and adding up make the result
// the same for any number of them.
func (p *plan) fill(ctx context.Context) (*tally, error) {
	workers := runtime.GOMAXPROCS(0)
	parts := make([]*filler, workers)
	var wg sync.WaitGroup
	for i := range workers {
		parts[i] = newFiller(p)
		wg.Go(func() { parts[i].run(ctx, p.households*i/workers, p.households*(i+1)/workers) })
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for s := range p.slots {
		n := 0
		for _, part := range parts {
			n += len(part.entries[s])
		}
		all := make([]uint64, 0, n)
		for _, part := range parts {
			all = append(all, part.entries[s]...)
			part.entries[s] = nil
		}
		p.slots[s].entries = all
	}
	for _, part := range parts[1:] {
		parts[0].tally.add(part.tally)
	}
	return parts[0].tally, nil
}

type filler struct {
	plan    *plan
	entries [][]uint64
	tally   *tally
	reports []report // of the person at hand
}

func newFiller(p *plan) *filler {
	return &filler{plan: p, entries: make([][]uint64, len(p.slots)), tally: newTally(p.world)}
}

func (f *filler) run(ctx context.Context, from, to int) {
	var fam family
	for n := from; n < to; n++ {
		if n%block == 0 && ctx.Err() != nil {
			return
		}
		most := math.MaxInt
		if n == f.plan.households-1 {
			most = f.plan.cut
		}
		fam.load(f.plan.world, n, most)
		for m := range fam.size {
			f.person(&fam, m)
		}
	}
}

func (f *filler) person(fam *family, m int) {
	w, p := f.plan.world, &fam.people[m]
	f.reports = f.plan.reports(fam, m, f.reports)
	for i := range f.reports {
		r := &f.reports[i]
		event, c := eventKey(p, r.given), &r.chain
		key := reportKey(event, r.copy)
		for _, s := range c.steps[:c.n] {
			f.entries[s.slot] = append(f.entries[s.slot], pack(s.day, event, r.copy, s.step, hash(w.seed, saltOrder, key)))
			f.tally.reported(w, r.registry, key, s.step)
		}
		if c.current {
			f.tally.holds(w, fam, p, r)
		}
	}
	f.tally.personDone()
}
