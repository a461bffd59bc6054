package suppress

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize/convex/lp"
)

// TestAttackFindsPlantedLeaks shows one complementary cell that the proof leans
// on, in each of some protected tables (50 in the long run), and asks for the
// leak.
func TestAttackFindsPlantedLeaks(t *testing.T) {
	many, found, planted := often(15, 50), 0, 0
	for i := 0; planted < many; i++ {
		rng := rand.New(rand.NewPCG(50, uint64(i)))
		s := grid(rng, shapes[i%len(shapes)], i%3 == 0, counts)
		s.Hide(Small, nil)
		if _, err := Protect(t.Context(), s, Options{}); err != nil {
			t.Fatal(err)
		}
		if !plant(s) {
			continue
		}
		planted++
		bounds, err := Attack(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range bounds {
			if b.Leak {
				found++
				break
			}
		}
	}
	if found != planted {
		t.Errorf("%d of %d planted leaks found", found, planted)
	}
}

// plant shows a complementary cell in a relation where only it and one primary
// cell are hidden: then a subtraction gives the primary one away.
func plant(s *System) bool {
	for r := range int32(s.Relations()) {
		primary, other := int32(-1), int32(-1)
		n := 0
		for _, term := range s.relation(r) {
			switch c := &s.Cells[term.Cell]; {
			case c.State == Primary:
				primary = term.Cell
				n++
			case c.hidden():
				other = term.Cell
				n++
			}
		}
		if n == 2 && primary >= 0 && other >= 0 && !s.Cells[other].Slack {
			s.Cells[other].State, s.Cells[other].High = Shown, 0
			return true
		}
	}
	return false
}

// TestProofIsChecked breaks a good proof in each way that Check looks for.
func TestProofIsChecked(t *testing.T) {
	fresh := func() (*System, *Proof) {
		s := grid(rand.New(rand.NewPCG(3, 4)), []int{5, 5}, false, counts)
		s.Hide(Small, nil)
		r, err := Protect(t.Context(), s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s, r.Proof
	}
	for name, spoil := range map[string]func(*System, *Proof){
		"a changed amount":   func(_ *System, p *Proof) { p.Witnesses[0][0].By++ },
		"a step left out":    func(_ *System, p *Proof) { p.Witnesses[0] = p.Witnesses[0][1:] },
		"a step twice":       func(_ *System, p *Proof) { p.Witnesses[0] = append(p.Witnesses[0], p.Witnesses[0][0]) },
		"a cell shown again": func(s *System, p *Proof) { s.Cells[p.Witnesses[0][1].Cell].State = Shown },
		"an end without one": func(_ *System, p *Proof) { clear(p.High) },
		"the truth as the end": func(_ *System, p *Proof) {
			for c := range p.High {
				p.High[c] = truth
			}
		},
		"a witness out of list": func(_ *System, p *Proof) {
			for c := range p.Low {
				p.Low[c] = 1 << 20
			}
		},
		"less than one": func(_ *System, p *Proof) {
			for i := range p.Witnesses[0] {
				p.Witnesses[0][i].By *= 1_000_000
			}
		},
	} {
		s, p := fresh()
		if err := s.Check(p); err != nil {
			t.Fatal(err)
		}
		spoil(s, p)
		if err := s.Check(p); !errors.Is(err, dose.ErrHeld) {
			t.Errorf("%s: Check says %v", name, err)
		}
	}
}

// TestSimplexAgreesWithGonum compares bounds with gonum's simplex wherever
// that one gives an answer, and says how often it does.
func TestSimplexAgreesWithGonum(t *testing.T) {
	asked, answered := 0, 0
	for i := range 40 {
		s := grid(rand.New(rand.NewPCG(7, uint64(i))), shapes[i%len(shapes)], i%2 == 0, counts)
		s.Hide(Range{1, 40}, nil) // and nothing else: many bounds are narrow
		s.index()
		for _, group := range s.groups() {
			p := s.problem(group)
			ours, err := newTableau(p)
			if err != nil {
				t.Fatal(err)
			}
			p = echelon(p)
			for k := range group {
				for _, sign := range []float64{1, -1} {
					asked++
					want, err := gonum(p, k, sign)
					if err != nil {
						continue
					}
					answered++
					if got, err := ours.least(k, sign); err != nil || math.Abs(got-want) > 1e-6 {
						t.Errorf("table %d, unknown %d: %v %v, gonum says %v", i, k, got, err, want)
					}
				}
			}
		}
	}
	t.Logf("gonum answered %d of %d", answered, asked)
	if answered == 0 {
		t.Error("gonum answered nothing: the comparison compares nothing")
	}
}

// gonum asks gonum, which panics on some problems.
func gonum(p *problem, k int, sign float64) (v float64, err error) {
	if len(p.rows) == p.n || len(p.rows) == 0 {
		return 0, errors.New("nothing to optimise, and gonum refuses it")
	}
	a := mat.NewDense(len(p.rows), p.n, nil)
	for r := range p.rows {
		a.SetRow(r, p.dense(r))
	}
	defer func() {
		if recover() != nil {
			err = errors.New("panic")
		}
	}()
	c := make([]float64, p.n)
	c[k] = sign
	v, _, err = lp.Simplex(c, a, p.right, 1e-10, nil)
	return v, err
}

func (p *problem) dense(r int) []float64 {
	row := make([]float64, p.n)
	for _, e := range p.rows[r] {
		row[e.k] += e.a
	}
	return row
}

// echelon brings rows to full rank, which gonum asks for.
func echelon(p *problem) *problem {
	out := &problem{n: p.n}
	for r := range p.rows {
		row, right := p.dense(r), p.right[r]
		for i := range out.rows {
			done := out.dense(i)
			k := lead(done)
			if f := row[k] / done[k]; f != 0 {
				for j := range row {
					row[j] -= f * done[j]
				}
				right -= f * out.right[i]
			}
		}
		if lead(row) >= 0 {
			var entries []entry
			for k, a := range row {
				if a != 0 {
					entries = append(entries, entry{k, a})
				}
			}
			out.rows, out.right = append(out.rows, entries), append(out.right, right)
		}
	}
	return out
}

func lead(row []float64) int {
	for k, v := range row {
		if math.Abs(v) > 1e-9 {
			return k
		}
	}
	return -1
}
