package suppress

import (
	"math/rand/v2"
	"testing"
)

// TestLargeGroupsAreAttackedPieceByPiece asks, in a group too large for one
// linear program, for a range that the cell's row does not allow, and for one
// that it does.
func TestLargeGroupsAreAttackedPieceByPiece(t *testing.T) {
	s := grid(rand.New(rand.NewPCG(60, 1)), []int{30, 30}, false, func(r *rand.Rand) int64 { return 20 + r.Int64N(50) })
	at := func(x, y int) *Cell { return &s.Cells[x+31*y] }
	for x := range 30 {
		for y := range 28 {
			at(x, y).State = Complement
		}
	}
	at(0, 0).Low, at(0, 0).High = 1, 10_000 // more than its row allows
	s.index()
	if n := len(s.groups()[0]); n <= unknowns {
		t.Fatalf("a group of %d is attacked at once", n)
	}
	bounds, err := Attack(t.Context(), s)
	if err != nil || len(bounds) != 1 || !bounds[0].Leak || !bounds[0].Rough {
		t.Errorf("%+v %v", bounds, err)
	}
	at(0, 0).High = at(0, 0).Value + 1
	if bounds, err = Attack(t.Context(), s); err != nil || bounds[0].Leak {
		t.Errorf("%+v %v", bounds, err)
	}
}

// TestPiecesSayMoreThanPropagation: with a + b = 20, b + c = 20, c + a = 20
// each is ten, which no relation alone says.
func TestPiecesSayMoreThanPropagation(t *testing.T) {
	s := &System{}
	var n [3]int32
	for i := range n {
		n[i] = s.Add(Cell{Value: 10, State: Primary, Low: 1, High: 10})
	}
	for i := range n {
		must(s.Sum(s.Add(Cell{Value: 20}), n[i], n[(i+1)%3]))
	}
	s.index()
	group := s.groups()[0]
	p, e := s.problem(group), s.ends(group)
	if low, high := p.propagate(); low[0] != 0 || high[0] != 18 {
		t.Errorf("propagation bounds to %v–%v", low, high)
	}
	if err := s.attackPieces(t.Context(), group, p, e); err != nil || e.low[0] < 8.99 {
		t.Errorf("pieces bound to %v–%v %v", e.low, e.high, err)
	}
}

// TestWhatContradictsItselfBindsNothing: tables that others hid need not count
// the same people; a relation that can't hold is left out, the others bind.
func TestWhatContradictsItselfBindsNothing(t *testing.T) {
	for name, sums := range map[string][]int64{"one relation": {1, 12}, "two together": {12, 30}} {
		s := &System{}
		a := s.Add(Cell{State: Primary, Blank: true, Low: 1, High: 10})
		b := s.Add(Cell{State: Primary, Blank: true, Low: 1, High: 10})
		for _, v := range sums {
			must(s.Sum(s.Add(Cell{Value: v}), a, b))
		}
		if bounds, err := Attack(t.Context(), s); err != nil || len(bounds) != 2 || name == "one relation" && bounds[0].Leak {
			t.Errorf("%s: %+v %v", name, bounds, err)
		}
	}
}
