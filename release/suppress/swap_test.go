package suppress

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// randomRunning makes doses by county and day with running sums: first and
// other doses add to all, makers are no more than all.
func randomRunning(rng *rand.Rand) (*Table, *Rules) {
	r := &Rules{Dimensions: []Dimension{{Column: "county", Kind: "place", Totals: []Total{{Value: "All"}, {Value: "World", Parts: []string{"All", "Abroad"}}}}, {Column: "day", Kind: "period"}},
		Counts: []string{"doses", "sum", "first", "first_sum", "other_sum", "maker", "maker_sum"}, Range: Small,
		Cumulative: map[string]string{"sum": "doses", "first_sum": "first", "maker_sum": "maker"},
		Sums:       []Linked{{"sum", []string{"first_sum", "other_sum"}}},
		AtMost:     []Linked{{"doses", []string{"maker"}}, {"sum", []string{"maker_sum"}}}}
	t := &Table{Name: "running", Columns: append([]string{"county", "day"}, r.Counts...)}
	counties := []string{"a", "b", "c", "d", "e", "Abroad"}
	so := map[string][]int64{}
	for day := range 10 {
		at := map[string][]int64{}
		for i, c := range counties {
			if rng.IntN(10) == 0 {
				continue // a day without a row
			}
			first, other := counts(rng), counts(rng)
			v := []int64{first + other, first, rng.Int64N(first + other + 1)}
			at[c] = v
			for _, sum := range []string{"All", "World"} {
				if i < 5 || sum == "World" {
					at[sum] = add(at[sum], v)
				}
			}
		}
		for _, c := range append(counties, "All", "World") {
			if v := at[c]; v != nil {
				so[c] = add(so[c], v)
				s := so[c]
				row := []string{c, fmt.Sprintf("2021-02-%02d", day+1)}
				for _, n := range []int64{v[0], s[0], v[1], s[1], s[0] - s[1], v[2], s[2]} {
					row = append(row, strconv.FormatInt(n, 10))
				}
				t.Rows, t.Lines = append(t.Rows, row), append(t.Lines, len(t.Rows)+2)
			}
		}
	}
	return t, r
}

func add(to, by []int64) []int64 {
	if to == nil {
		to = make([]int64, len(by))
	}
	for i, v := range by {
		to[i] += v
	}
	return to
}

// TestRandomRunningSums hides in tables with running sums beside days, and has
// what is published attacked by linear programming.
func TestRandomRunningSums(t *testing.T) {
	n, hidden, attacked, swaps, ends := often(12, 40), 0, 0, 0, 0
	for i := range n {
		table, r := randomRunning(rand.New(rand.NewPCG(20, uint64(i))))
		sheet, err := Build(table, r, false)
		if err != nil || len(sheet.Broken) > 0 {
			t.Fatal(err, sheet.Broken)
		}
		_, report, err := sheet.Suppress(t.Context(), Options{Tries: 1, Limit: 2000})
		if err != nil {
			t.Fatalf("table %d: %v %v", i, err, report.Held)
		}
		if len(report.Withheld) > 0 {
			swaps++
		}
		hidden, attacked, ends = hidden+len(report.Hidden), attacked+report.Attacked-report.Rough, ends+report.Rough
	}
	t.Logf("%d tables of some 500 counts, %d hidden, %d attacked by linear programs, %d roughly; %d gave up running sums", n, hidden, attacked, ends, swaps)
	if attacked < 10*n || swaps > n/10 {
		t.Errorf("%d attacked, %d gave up", attacked, swaps)
	}
}

// TestSwapsMakeWitnesses: whatever a swap does is checked as a whole table, one
// that swaps alone could find too.
func TestSwapsMakeWitnesses(t *testing.T) {
	found, asked := 0, 0
	for i := range 10 {
		table, r := randomRunning(rand.New(rand.NewPCG(21, uint64(i))))
		sheet, err := Build(table, r, false)
		if err != nil {
			t.Fatal(err)
		}
		s := sheet.System
		s.Hide(Small, nil)
		w := sheet.newSwapper()
		w.q = newSearch(s)
		sums := map[int32]int64{}
		for c := range s.Cells {
			if !s.Cells[c].needs() {
				continue
			}
			for _, by := range []int64{10 - s.Cells[c].Value, 1 - s.Cells[c].Value} {
				if by == 0 {
					continue
				}
				asked++
				witness := w.witness(int32(c), by)
				if witness == nil {
					continue
				}
				found++
				states := make([]State, len(witness))
				for j, step := range witness {
					states[j] = s.Cells[step.Cell].State
					if s.Cells[step.Cell].State == Shown {
						s.Cells[step.Cell].State = Complement
					}
				}
				if err := s.checkWitness(witness, sums); err != nil {
					t.Fatalf("table %d, cell %d by %d: %v", i, c, by, err)
				}
				for j, step := range witness {
					s.Cells[step.Cell].State = states[j]
				}
			}
		}
	}
	t.Logf("%d of %d ends found by swaps alone", found, asked)
	if found < asked*9/10 {
		t.Errorf("%d of %d", found, asked)
	}
}
