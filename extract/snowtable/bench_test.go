//go:build !nosnowflake

package snowtable

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// BenchmarkRows writes batches of 10,000 rows with 30 of CVRS's columns filled.
func BenchmarkRows(b *testing.B) {
	c := Config{Table: "T", Watermark: Watermark{Column: "UPDATED"}}
	cols := []column{{"UPDATED", "timestamp_ntz", 9}}
	for _, name := range rawNames()[:30] {
		cols = append(cols, column{name, "text", 0})
	}
	p, err := c.plan(cols, mark{})
	if err != nil {
		b.Fatal(err)
	}
	const n = 10_000
	var list []arrow.Array
	var fields []arrow.Field
	for i := range 32 {
		s := array.NewStringBuilder(memory.DefaultAllocator)
		for r := range n {
			s.Append(fmt.Sprintf("%d-%d", i, 100_000+r))
		}
		list, fields = append(list, s.NewArray()), append(fields, arrow.Field{Name: fmt.Sprint(i), Type: arrow.BinaryTypes.String})
	}
	rec := array.NewRecordBatch(arrow.NewSchema(fields, nil), list, n)
	to, err := create(filepath.Join(b.TempDir(), "t"), p)
	if err != nil {
		b.Fatal(err)
	}
	defer to.f.Abort()
	b.ReportAllocs()
	for b.Loop() {
		if err := to.rows(rec); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "rows/s")
}
