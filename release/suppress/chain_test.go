package suppress

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

var chainRules = &Rules{
	Dimensions: []Dimension{{Column: "county", Kind: "place", Totals: []Total{{Value: "All"}}}, {Column: "age"}},
	Counts:     []string{"doses", "first", "other"},
	Sums:       []Linked{{Total: "doses", Parts: []string{"first", "other"}}},
	Range:      Small,
}

// nextDay makes the table of a day from that before: few people more here,
// many there, and now and then a correction downwards.
func nextDay(rng *rand.Rand, state map[string][2]int64, day int) *Table {
	t := &Table{Name: fmt.Sprint("day ", day), Columns: []string{"county", "age", "doses", "first", "other"}}
	for a := range 3 {
		var sum [2]int64
		for c := range 5 {
			key := fmt.Sprint(c, a)
			v := state[key]
			for k := range v {
				switch rng.IntN(8) {
				case 0:
					v[k] += 1 + rng.Int64N(10)
				case 1, 2:
					v[k] += 20 + rng.Int64N(300)
				case 3:
					v[k] -= min(v[k], rng.Int64N(4))
				}
				sum[k] += v[k]
			}
			state[key] = v
			t.add(fmt.Sprint("county ", c), a, v)
		}
		t.add("All", a, sum)
	}
	return t
}

func (t *Table) add(county string, age int, v [2]int64) {
	t.Rows = append(t.Rows, []string{county, strconv.Itoa(age), fmt.Sprint(v[0] + v[1]), fmt.Sprint(v[0]), fmt.Sprint(v[1])})
	t.Lines = append(t.Lines, len(t.Rows)+1)
}

// TestChainsOfReleases publishes twenty days of the same table (thirty in the
// long run), and compares
// each day with every one before it.
func TestChainsOfReleases(t *testing.T) {
	days := often(20, 30)
	for n := range often(1, 2) {
		rng := rand.New(rand.NewPCG(30, uint64(n)))
		c, state := NewChain(chainRules), map[string][2]int64{}
		shown := map[string][]int64{} // what was ever shown of a number
		hidden := 0
		for day := range days {
			cells, err := c.Add(nextDay(rng, state, day))
			if err != nil {
				t.Fatal(err)
			}
			r, err := Protect(t.Context(), c.System, Options{Tries: 1})
			if err != nil {
				t.Fatalf("chain %d, day %d: %v (%d)", n, day, err, len(r.Held))
			}
			hidden += compare(t, c, cells, shown)
		}
		bounds, err := Attack(t.Context(), c.System)
		if err != nil {
			t.Fatal(err)
		}
		rough := 0
		for _, b := range bounds {
			if b.Rough {
				rough++
			}
			if b.Leak {
				t.Fatalf("chain %d: cell %d (%d, %d to %d) is bounded to %.1f–%.1f", n, b.Cell, c.System.Cells[b.Cell].Value, c.System.Cells[b.Cell].Low, c.System.Cells[b.Cell].High, b.Low, b.High)
			}
		}
		t.Logf("chain %d: %d of %d numbers hidden, %d attacked over all releases (%d roughly)", n, hidden, days*18*3, len(bounds), rough)
	}
}

// compare looks for two releases that show numbers one to ten apart.
func compare(t *testing.T, c *Chain, cells [][]int32, shown map[string][]int64) (hidden int) {
	t.Helper()
	for row, line := range cells {
		for k, n := range line {
			x := &c.System.Cells[n]
			if x.hidden() {
				hidden++
				continue
			}
			key := fmt.Sprint(row, k)
			for _, old := range shown[key] {
				if d := max(x.Value-old, old-x.Value); d >= 1 && d <= 10 && old > 0 && x.Value > 0 {
					t.Errorf("row %d column %d: %d was shown and now %d", row, k, old, x.Value)
				}
			}
			shown[key] = append(shown[key], x.Value)
		}
	}
	return hidden
}
