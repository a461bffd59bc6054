package fhir

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
)

// outcome is what became of a payload, in a form that can be compared and
// written as JSON.
type outcome struct {
	Error   string           `json:"error,omitempty"`
	Records int64            `json:"records"`
	Rows    []map[string]any `json:"rows,omitempty"` // cells that are not null
	Rejects []rejected       `json:"rejects,omitempty"`
	Issues  []found          `json:"issues,omitempty"`
	raw     []string         // each row's record as received
	blocks  int
}

type rejected struct {
	Line   int64  `json:"line"`
	Code   string `json:"code"`
	Record string `json:"record"`
}

type found struct {
	Row   int    `json:"row"` // in the payload
	Line  int64  `json:"line"`
	Code  string `json:"code"`
	Field string `json:"field,omitempty"`
}

// read decodes all of text in blocks of size, checking the promises that hold
// for every payload, and that no Arrow memory is lost.
func read(t testing.TB, text []byte, size int) outcome {
	t.Helper()
	return readFrom(t, bytes.NewReader(text), size)
}

func readFrom(t testing.TB, src io.Reader, size int) (out outcome) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	dir := t.TempDir()
	defer empty(t, dir)
	r, err := (&Decoder{BlockSize: size, Mem: mem, Dir: dir, inHand: size}).Open(src, "in.ndjson")
	if err != nil {
		return outcome{Error: err.Error()}
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			return outcome{Error: err.Error()}
		}
		batch, err := b.Decode()
		if err != nil {
			t.Fatal(err)
		}
		out.blocks++
		n := int(batch.Rows.NumRows())
		if batch.Records != int64(n+len(batch.Rejects)) {
			t.Fatalf("%d records, but %d rows and %d rejects", batch.Records, n, len(batch.Rejects))
		}
		for i := range n {
			out.raw = append(out.raw, string(batch.Record(i)))
		}
		batch.Done()
		for _, x := range batch.Rejects {
			out.Rejects = append(out.Rejects, rejected{x.Line, x.Check.Rule().Code, string(x.Record)})
		}
		for _, x := range batch.Issues {
			f := found{Row: -1, Line: x.Line, Code: x.Check.Rule().Code}
			if x.Row >= 0 {
				f.Row = len(out.Rows) + int(x.Row)
			} else if x.Line != 0 {
				t.Fatal("an issue on the file has a line")
			}
			if x.Field != dose.NoField {
				f.Field = dose.Raw()[x.Field].Name
			}
			out.Issues = append(out.Issues, f)
		}
		out.Records += batch.Records
		out.Rows = append(out.Rows, rowsOf(t, batch.Rows)...)
		batch.Rows.Release()
	}
}

// empty holds that nothing is left in the folder of temporary files.
func empty(t testing.TB, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Fatal("left behind:", left, err)
	}
}

// rowsOf reads a batch cell by cell.
func rowsOf(t testing.TB, b arrow.RecordBatch) []map[string]any {
	t.Helper()
	rows := make([]map[string]any, b.NumRows())
	for i := range rows {
		rows[i] = map[string]any{}
	}
	for k, col := range b.Columns() {
		if col.Len() != len(rows) {
			t.Fatalf("column %s has %d rows, want %d", b.ColumnName(k), col.Len(), len(rows))
		}
		nulls := 0
		for i := range rows {
			if col.IsNull(i) {
				nulls++
				continue
			}
			switch c := col.(type) {
			case *array.Dictionary:
				rows[i][b.ColumnName(k)] = strings.Clone(c.Dictionary().(*array.String).Value(c.GetValueIndex(i)))
			case *array.String:
				rows[i][b.ColumnName(k)] = strings.Clone(c.Value(i))
			case *array.Int64:
				rows[i][b.ColumnName(k)] = c.Value(i)
			}
		}
		if nulls != col.NullN() {
			t.Fatalf("column %s says %d nulls, has %d", b.ColumnName(k), col.NullN(), nulls)
		}
	}
	return rows
}
