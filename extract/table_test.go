package extract

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
)

// TestTable fills batch after batch with random cells, of every length and with
// every share of nulls, and reads them back.
func TestTable(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	rnd := rand.New(rand.NewPCG(3, 4))
	table := NewTable()
	cols := dose.Raw()
	for _, rows := range []int{0, 1, 63, 64, 65, 3000, 2} {
		want := make([][]string, rows)
		for r := range want {
			want[r] = make([]string, len(cols)-1)
			cells := make([][]byte, len(cols)-1)
			for c := range cells {
				if rnd.IntN(len(cells)) < c { // the first column is always null, the last nearly never
					v := strings.Repeat("x", rnd.IntN(20)) + fmt.Sprint(rnd.IntN(1+c*c))
					want[r][c] = v
					cells[c] = []byte(v + fmt.Sprintf("%040d", rnd.IntN(9)))[: len(v) : len(v)+rnd.IntN(2)*Short] // what stands behind is not its text
				}
			}
			table.Append(cells, int64(r+10))
		}
		if table.Len() != rows {
			t.Fatal(table.Len())
		}
		rec := table.Batch(mem)
		if !rec.Schema().Equal(dose.RawSchema()) || rec.NumRows() != int64(rows) {
			t.Fatal("another schema, or", rec.NumRows(), "rows")
		}
		for c := range len(cols) - 1 {
			a, nulls := rec.Column(c), 0
			for r := range want {
				got := ""
				if a.IsNull(r) {
					nulls++
				} else if d, ok := a.(*array.Dictionary); ok {
					got = d.Dictionary().(*array.String).Value(d.GetValueIndex(r))
				} else {
					got = a.(*array.String).Value(r)
				}
				if got != want[r][c] || a.IsNull(r) != (want[r][c] == "") {
					t.Fatalf("%d rows: row %d, %s: %q, want %q", rows, r, cols[c].Name, got, want[r][c])
				}
			}
			if nulls != a.NullN() {
				t.Fatalf("%s says %d nulls, has %d", cols[c].Name, a.NullN(), nulls)
			}
		}
		for r, line := range rec.Column(len(cols) - 1).(*array.Int64).Int64Values() {
			if line != int64(r+10) {
				t.Fatal(r, line)
			}
		}
		rec.Release()
	}
}
