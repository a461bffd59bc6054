package suppress

import (
	"math/rand/v2"
	"os"
	"testing"
)

// often is how often a test repeats: DOSEBOOK_TEST_LONG=1 asks for more.
func often(some, many int) int {
	if os.Getenv("DOSEBOOK_TEST_LONG") == "1" {
		return many
	}
	return some
}

var shapes = [][]int{{5}, {12}, {4, 4}, {6, 5}, {3, 9}, {3, 3, 3}, {4, 3, 2}, {2, 2, 2, 2}, {3, 2, 2, 2}}

// TestRandomTablesAreProtected hides what is small in random tables of one to
// four dimensions, and has them attacked: a thousand in the long run.
func TestRandomTablesAreProtected(t *testing.T) {
	n := often(90, 1000)
	attacked, hidden, rough := 0, 0, 0
	for i := range n {
		rng := rand.New(rand.NewPCG(10, uint64(i)))
		s := grid(rng, shapes[i%len(shapes)], i%3 == 0, counts)
		s.Hide(Small, nil)
		r, err := Protect(t.Context(), s, Options{Tries: 1})
		if err != nil {
			t.Fatalf("table %d: %v", i, err)
		}
		hidden += r.Count[Primary] + r.Count[Complement] + r.Count[Extra]
		bounds, err := Attack(t.Context(), s)
		if err != nil {
			t.Fatalf("table %d: %v", i, err)
		}
		for _, b := range bounds {
			attacked++
			if b.Rough {
				rough++
			}
			if b.Leak {
				t.Fatalf("table %d %v: cell %d (%d) is bounded to %.1f–%.1f", i, shapes[i%len(shapes)], b.Cell, s.Cells[b.Cell].Value, b.Low, b.High)
			}
		}
	}
	t.Logf("%d tables, %d cells hidden, %d attacked, %d of them by propagation only", n, hidden, attacked, rough)
}
