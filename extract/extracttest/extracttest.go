// Package extracttest reads payloads for the tests of decoders, and holds what
// is promised of every decoder: records are rows and rejects, columns are as
// long as their batch, null counts are true, no Arrow memory is lost. It knows
// no format.
package extracttest

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// Outcome is what became of a payload, in a form that can be compared and
// written as JSON.
type Outcome struct {
	Error   string           `json:"error,omitempty"`
	Records int64            `json:"records"`
	Rows    []map[string]any `json:"rows,omitempty"` // cells that are not null
	Rejects []Reject         `json:"rejects,omitempty"`
	Issues  []Issue          `json:"issues,omitempty"`
	Raw     []string         `json:"-"` // each row's record as received
	Blocks  int              `json:"-"`
}

// Reject is a record that was refused.
type Reject struct {
	Line   int64  `json:"line"`
	Code   string `json:"code"`
	Record string `json:"record"`
}

// Issue is something found on a row, or on the file where Row is -1.
type Issue struct {
	Row   int    `json:"row"` // in the payload
	Line  int64  `json:"line"`
	Code  string `json:"code"`
	Field string `json:"field,omitempty"`
}

// Read decodes a whole payload. open is given the allocator that counts.
func Read(t testing.TB, open func(memory.Allocator) (extract.Reader, error)) (out Outcome) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	r, err := open(mem)
	if err != nil {
		return Outcome{Error: err.Error()}
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			return Outcome{Error: err.Error()}
		}
		batch, err := b.Decode()
		if err != nil {
			t.Fatal(err)
		}
		out.add(t, batch)
	}
}

// add takes a batch in, and gives it up.
func (out *Outcome) add(t testing.TB, batch *extract.Batch) {
	t.Helper()
	defer batch.Rows.Release()
	out.Blocks++
	n := int(batch.Rows.NumRows())
	if batch.Records != int64(n+len(batch.Rejects)) {
		t.Fatalf("%d records, but %d rows and %d rejects", batch.Records, n, len(batch.Rejects))
	}
	for i := range n {
		out.Raw = append(out.Raw, string(batch.Record(i)))
	}
	batch.Done()
	for _, x := range batch.Rejects {
		out.Rejects = append(out.Rejects, Reject{x.Line, x.Check.Rule().Code, string(x.Record)})
	}
	for _, x := range batch.Issues {
		f := Issue{Row: -1, Line: x.Line, Code: x.Check.Rule().Code}
		if x.Row >= 0 {
			f.Row = len(out.Rows) + int(x.Row)
		}
		if x.Field != dose.NoField {
			f.Field = dose.Raw()[x.Field].Name
		}
		out.Issues = append(out.Issues, f)
	}
	out.Records += batch.Records
	out.Rows = append(out.Rows, Rows(t, batch.Rows)...)
}

// Rows reads a batch cell by cell.
func Rows(t testing.TB, b arrow.RecordBatch) []map[string]any {
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

// Cases runs read over the inputs that pattern finds below testdata/cases, and
// compares with the want.json beside each. A bug report becomes a folder: put
// the input there, update, and read what that wrote.
func Cases(t *testing.T, pattern string, update bool, read func(*testing.T, *os.File) Outcome) {
	t.Helper()
	inputs, err := filepath.Glob(filepath.Join("../../testdata/cases", pattern))
	if err != nil || len(inputs) == 0 {
		t.Fatal("no cases found", err)
	}
	for _, input := range inputs {
		dir := filepath.Dir(input)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			f, err := os.Open(input)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			got, err := json.MarshalIndent(read(t, f), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			file := filepath.Join(dir, "want.json")
			if update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%s", got)
			}
		})
	}
}
