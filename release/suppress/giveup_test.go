package suppress

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

// runningTable has one county with small days, and none that could move
// against it: no proof is found beside its running sums.
func runningTable() (*Table, *Rules) {
	t := &Table{Name: "t", Columns: []string{"county", "day", "doses", "sum", "other", "other_sum", "rate"}}
	var sum, all int64
	for day := 1; day <= 6; day++ {
		small := int64(day%3 + 1)
		sum, all = sum+small, all+small
		for _, county := range []string{"Alpine", "All"} {
			t.Rows = append(t.Rows, []string{county, fmt.Sprintf("2021-01-%02d", day), fmt.Sprint(small), fmt.Sprint(sum), "500", fmt.Sprint(500 * day), "0.5"})
			t.Lines = append(t.Lines, len(t.Rows)+1)
		}
	}
	return t, &Rules{Dimensions: []Dimension{{Column: "county", Kind: "place"}, {Column: "day", Kind: "period"}},
		Counts: []string{"doses", "sum", "other", "other_sum"}, Cumulative: map[string]string{"sum": "doses", "other_sum": "other"},
		Derived: map[string][]string{"rate": {"sum"}}, Range: Small}
}

// TestGivesUpRunningSums: where no proof is found, the running sums of the
// columns concerned go, with what is made from them, and others stay. Without
// running sums the table is held.
func TestGivesUpRunningSums(t *testing.T) {
	table, r := runningTable()
	sheet, err := Build(table, r, false)
	if err != nil {
		t.Fatal(err)
	}
	held := []int32{}
	for row := range sheet.cells {
		held = append(held, sheet.cells[row][0])
	}
	out, report, err := sheet.giveUp(t.Context(), Options{}, held, dose.ErrHeld)
	if err != nil || !slices.Equal(report.Withheld, []string{"sum"}) || !slices.Equal(out.Columns, []string{"county", "day", "doses", "other", "other_sum"}) {
		t.Fatalf("%v %+v %v", err, report, out)
	}
	for i, row := range out.Rows {
		if row[2] != "" || row[3] != "500" || row[4] == "" {
			t.Errorf("row %d shows %v", i, row)
		}
	}
	table, r = runningTable()
	r.Counts, r.Cumulative, r.Derived = r.Counts[:1], nil, nil
	r.Dimensions[0].Totals = []Total{{Value: "All"}}
	if sheet, err = Build(table, r, false); err != nil {
		t.Fatal(err)
	}
	for i := range sheet.System.Cells { // the sums of all are out already
		sheet.System.Cells[i].Fixed = i%2 == 1
	}
	if _, report, err := sheet.Suppress(t.Context(), Options{}); !errors.Is(err, dose.ErrHeld) || len(report.Held) == 0 {
		t.Errorf("%v %+v", err, report)
	}
}
