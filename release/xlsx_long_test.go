package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// countSheets says of each sheet of a workbook how many rows it has under its
// header, and the first and last of them.
const countSheets = `
import openpyxl, sys
for s in openpyxl.load_workbook(sys.argv[1], read_only=True):
    head, first, last, n = None, None, None, 0
    for row in s.iter_rows(values_only=True):
        if head is None:
            head = row
            continue
        first = first or row
        last, n = row, n + 1
    print(s.title, head, n, first, last)
`

// TestXLSXBeyondOneSheet: more rows than a sheet of Excel holds (1,048,576 with
// the header) go to a second one. openpyxl reads all of them back.
func TestXLSXBeyondOneSheet(t *testing.T) {
	if os.Getenv("DOSEBOOK_TEST_LONG") != "1" {
		t.Skip("1.1 million rows: DOSEBOOK_TEST_LONG=1")
	}
	cols := []dose.Column{{Name: "id", Type: dose.Int}, {Name: "lot_number", Type: dose.Text}}
	src := filepath.Join(t.TempDir(), "rows.parquet")
	table, err := load.NewTable(src, cols)
	if err != nil {
		t.Fatal(err)
	}
	const all, group = 1_100_000, 100_000
	for from := 0; from < all; from += group {
		b := array.NewRecordBuilder(memory.DefaultAllocator, dose.Schema(cols))
		for i := from; i < from+group; i++ {
			appendCell(t, b.Field(0), i+1)
			appendCell(t, b.Field(1), "=EL9261")
		}
		rec := b.NewRecordBatch()
		if err := table.Append(rec); err != nil {
			t.Fatal(err)
		}
		rec.Release()
		b.Release()
	}
	if _, err := table.Finish(); err != nil {
		t.Fatal(err)
	}
	to, began := filepath.Join(t.TempDir(), "rows.xlsx"), time.Now()
	if _, err := Convert(t.Context(), src, to, XLSX); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(to)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rows, %d bytes, written in %v", all, info.Size(), time.Since(began).Round(time.Millisecond))
	out, err := exec.CommandContext(t.Context(), python(t), "-c", countSheets, to).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("\n%s", out)
	for _, want := range []string{"('id', 'lot_number') 1048575 (1, '=EL9261') (1048575, '=EL9261')", "('id', 'lot_number') 51425 (1048576, '=EL9261') (1100000, '=EL9261')"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no sheet has %s", want)
		}
	}
	if n := strings.Count(string(out), "\n"); n != 2 {
		t.Errorf("%d sheets", n)
	}
}
