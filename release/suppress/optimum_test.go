package suppress

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestLossBesideTheOptimum hides in small tables, and compares with the fewest
// cells that any choice could hide, found by trying all choices.
func TestLossBesideTheOptimum(t *testing.T) {
	ours, best := 0, 0
	sides := [][]int{{4, 4}, {5, 4}, {9}, {2, 2, 2}}
	n := 32
	if testing.Short() {
		n = 12
	}
	for i := range n {
		s := grid(rand.New(rand.NewPCG(13, uint64(i))), sides[i%len(sides)], false, counts)
		s.Hide(Small, nil)
		given := slices.Clone(s.Cells)
		r, err := Protect(t.Context(), s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := r.Count[Complement] + r.Count[Extra]
		copy(s.Cells, given)
		least := fewest(t, s, got)
		ours, best = ours+r.Count[Primary]+got, best+r.Count[Primary]+least
	}
	t.Logf("%d tables: %d cells hidden, at best %d (%.2f ×)", n, ours, best, float64(ours)/float64(best))
	if float64(ours) > 1.3*float64(best) {
		t.Errorf("%d cells hidden, more than 1.3 × %d", ours, best)
	}
}

// fewest is the least number of complementary cells, at most most, with which
// the attack finds no leak and no hidden cells of a relation are all tiny.
func fewest(t *testing.T, s *System, most int) int {
	t.Helper()
	s.raiseLow()
	var free []int32
	for i := range s.Cells {
		if c := &s.Cells[i]; !c.hidden() && c.Value > 0 {
			free = append(free, int32(i))
		}
	}
	for n := range most {
		if choose(s, free, n, func() bool { return safe(t, s) }) {
			return n
		}
	}
	return most
}

func choose(s *System, free []int32, n int, ok func() bool) bool {
	if n == 0 {
		return ok()
	}
	for i, c := range free {
		s.Cells[c].State = Complement
		found := choose(s, free[i+1:], n-1, ok)
		s.Cells[c].State = Shown
		if found {
			return true
		}
	}
	return false
}

func safe(t *testing.T, s *System) bool {
	s.index()
	for r := range int32(s.Relations()) {
		if s.tiny(r) || alone(s, r) {
			return false
		}
	}
	bounds, err := Attack(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return !slices.ContainsFunc(bounds, func(b Bound) bool { return b.Leak })
}

// alone says whether a relation has one hidden cell: that one is no secret.
func alone(s *System, r int32) bool {
	n := 0
	for _, t := range s.relation(r) {
		if s.Cells[t.Cell].hidden() {
			n++
		}
	}
	return n == 1
}
