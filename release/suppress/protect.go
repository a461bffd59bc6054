package suppress

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/dosebook/dosebook/dose"
)

// Options of Protect. The zero value is what publishing uses.
type Options struct {
	Tries int // orders to try, the least loss wins; default 4 up to 3,000 cells, else 1
	Tidy  int // complementary cells up to which each is tried shown again; default 4,000
	Limit int // partial moves to look at before a cell is held; default 40,000

	// Widen names more cells to hide for one that found no protection, before
	// it is held: those of its row, its county, its week. nil: none.
	Widen func(cell int32) []int32

	swaps *swapper // for tables with running sums; nil: none
}

// Result is what Protect did.
type Result struct {
	Proof *Proof
	Held  []int32 // cells that nothing protects: the table must not go out
	Loss  float64 // weight of what is hidden besides the primary cells
	Count [len(stateNames)]int
}

// Protect hides what must be hidden besides the cells that already are, so
// that each cell that needs protection has its proof, and checks that proof.
// What is fixed stays shown; cells that can't be protected for that are held,
// and the error is of kind dose.ErrHeld.
func Protect(ctx context.Context, s *System, o Options) (*Result, error) {
	o.settle(len(s.Cells))
	given := slices.Clone(s.Cells)
	var best *Result
	var cells []Cell
	for try := range o.Tries {
		copy(s.Cells, given)
		p := newProtector(s, o, try)
		if err := p.run(ctx); err != nil {
			return nil, err
		}
		if r := p.result(); best == nil || len(r.Held) < len(best.Held) || len(r.Held) == len(best.Held) && r.Loss < best.Loss {
			best, cells = r, slices.Clone(s.Cells)
		}
	}
	copy(s.Cells, cells)
	if len(best.Held) > 0 {
		return best, fmt.Errorf("%d cells can't be protected any more beside what was published before: %w", len(best.Held), dose.ErrHeld)
	}
	return best, s.Check(best.Proof)
}

func (o *Options) settle(cells int) {
	if o.Tries == 0 {
		o.Tries = 1
		if cells <= 3000 {
			o.Tries = 4
		}
	}
	o.Tidy = cmp.Or(o.Tidy, 4000)
	o.Limit = cmp.Or(o.Limit, 40_000)
}

// want is one end of one cell's range.
type want struct {
	cell int32
	high bool
}

type protector struct {
	s         *System
	o         Options
	try       int
	q         *search
	witnesses []Witness
	have      map[want]int32 // witness of each end
	held      map[int32]bool
}

func newProtector(s *System, o Options, try int) *protector {
	return &protector{s: s, o: o, try: try, q: newSearch(s), have: map[want]int32{}, held: map[int32]bool{}}
}

// rounds bounds how often the guideline's additional cells can call for more.
const rounds = 8

func (p *protector) run(ctx context.Context) error {
	for round := 0; ; round++ {
		p.s.raiseLow()
		for _, c := range p.order() {
			if err := ctx.Err(); err != nil {
				return err
			}
			p.protect(c)
		}
		if round == rounds || p.additional() == 0 {
			break
		}
	}
	return p.tidy(ctx)
}

// order is that in which cells are protected; which one loses least is not
// known before.
func (p *protector) order() []int32 {
	var out []int32
	for i := range p.s.Cells {
		if p.s.Cells[i].needs() {
			out = append(out, int32(i))
		}
	}
	value := func(c int32) int64 { return p.s.Cells[c].Value }
	switch p.try % 4 {
	case 0:
		slices.SortStableFunc(out, func(a, b int32) int { return cmp.Compare(value(a), value(b)) })
	case 1:
		slices.SortStableFunc(out, func(a, b int32) int { return cmp.Compare(value(b), value(a)) })
	case 3:
		slices.Reverse(out)
	}
	return out
}

func (p *protector) protect(cell int32) {
	c := &p.s.Cells[cell]
	both := func() bool { return p.reach(cell, true, c.High-c.Value) && p.reach(cell, false, c.Low-c.Value) }
	ok := both()
	if !ok && p.o.Widen != nil {
		ok = p.widen(cell) && both()
	}
	if ok {
		delete(p.held, cell)
		return
	}
	p.held[cell] = true
}

// widen hides what Options.Widen names, as far as it may be hidden.
func (p *protector) widen(cell int32) (any bool) {
	for _, n := range p.o.Widen(cell) {
		if c := &p.s.Cells[n]; !c.hidden() && !c.Fixed && c.Value > 0 {
			c.State, any = Complement, true
		}
	}
	return any
}

// reach sees to one end of a cell's range: it looks for a witness, further and
// further, and hides what the witness changes.
func (p *protector) reach(cell int32, high bool, by int64) bool {
	if _, ok := p.have[want{cell, high}]; ok {
		return true
	}
	if high && by <= 0 || !high && by >= 0 {
		p.have[want{cell, high}] = truth
		return true
	}
	w := p.look(cell, by, false)
	if w == nil {
		return false
	}
	for _, step := range w {
		if c := &p.s.Cells[step.Cell]; !c.hidden() {
			c.State = Complement
		}
	}
	p.keep(w)
	return true
}

func (p *protector) look(cell int32, by int64, closed bool) Witness {
	p.q.closed, p.q.most = closed, p.o.Limit
	p.q.greed = float32(1 + p.try/4)
	if p.o.swaps != nil {
		p.o.swaps.q = p.q
		if w := p.o.swaps.witness(cell, by); w != nil {
			return w
		}
	}
	return p.q.witness(cell, by)
}

// keep adds a witness and notes every end that it reaches.
func (p *protector) keep(w Witness) {
	n := int32(len(p.witnesses))
	p.witnesses = append(p.witnesses, w)
	for _, step := range w {
		c := &p.s.Cells[step.Cell]
		if !c.needs() {
			continue
		}
		if v := c.Value + step.By; v <= c.Low {
			p.note(want{step.Cell, false}, n)
		} else if v >= c.High {
			p.note(want{step.Cell, true}, n)
		}
	}
}

func (p *protector) note(k want, n int32) {
	if _, ok := p.have[k]; !ok {
		p.have[k] = n
	}
}

// additional hides one more cell in each relation whose hidden cells are all
// three or less (guideline 4.4). That their sum is below eleven, the
// guideline's other case, never passes the proof: a cell couldn't reach ten.
func (p *protector) additional() (n int) {
	for r := range int32(p.s.Relations()) {
		if !p.s.tiny(r) {
			continue
		}
		best := int32(-1)
		for _, t := range p.s.relation(r) {
			c := &p.s.Cells[t.Cell]
			if !c.hidden() && !c.Fixed && c.Value > 0 && (best < 0 || c.Weight < p.s.Cells[best].Weight) {
				best = t.Cell
			}
		}
		if best < 0 {
			continue // nothing left to hide there: the rest is zeros, or published before
		}
		c := &p.s.Cells[best]
		c.State, c.Low, c.High = Extra, c.Value, c.Value+10
		n++
	}
	return n
}

// tiny says whether an outsider knows the sum of this relation's hidden cells,
// and all of them are three or less.
func (s *System) tiny(r int32) bool {
	sign, any := int8(0), false
	for _, t := range s.relation(r) {
		c := &s.Cells[t.Cell]
		if !c.hidden() {
			continue
		}
		if c.Slack || c.Value > 3 || sign != 0 && sign != t.Coef {
			return false
		}
		sign, any = t.Coef, true
	}
	return any
}

func (p *protector) result() *Result {
	r := &Result{Proof: &Proof{Low: map[int32]int32{}, High: map[int32]int32{}}}
	for i := range p.s.Cells {
		c := &p.s.Cells[i]
		if p.held[int32(i)] {
			r.Held = append(r.Held, int32(i))
		}
		if c.Slack {
			continue
		}
		r.Count[c.State]++
		if c.State == Complement || c.State == Extra {
			r.Loss += float64(c.Weight)
		}
	}
	number := map[int32]int32{truth: truth}
	for i := range p.s.Cells {
		for _, high := range []bool{false, true} {
			n, ok := p.have[want{int32(i), high}]
			if !ok {
				continue
			}
			if _, known := number[n]; !known {
				number[n] = int32(len(r.Proof.Witnesses))
				r.Proof.Witnesses = append(r.Proof.Witnesses, p.witnesses[n])
			}
			ends := r.Proof.Low
			if high {
				ends = r.Proof.High
			}
			ends[int32(i)] = number[n]
		}
	}
	return r
}
