//go:build unix

package release

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/dosebook/dosebook/dose"
)

// BenchmarkConvert reports rows a CPU second and the most live heap for a
// file of dose_event as a release has it: about 70 columns, row groups of
// 131,072, zstd. DOSEBOOK_BENCH_FILE names another file.
func BenchmarkConvert(b *testing.B) {
	const rows = 300_000
	src := os.Getenv("DOSEBOOK_BENCH_FILE")
	if src == "" {
		src = eventFile(b, rows)
	}
	for _, format := range Formats() {
		b.Run(format, func(b *testing.B) {
			var total, size int64
			stop := watchHeap(b)
			start := cpuTime()
			for b.Loop() {
				w := &byteCount{}
				n, err := ConvertTo(b.Context(), src, w, format)
				if err != nil {
					b.Fatal(err)
				}
				total, size = total+n, w.n
			}
			cpu := cpuTime() - start
			stop()
			b.ReportMetric(float64(total)/cpu.Seconds(), "rows/cpu-s")
			b.ReportMetric(float64(size)/1e6, "MB-out")
		})
	}
}

type byteCount struct{ n int64 }

func (c *byteCount) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return io.Discard.Write(p)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// watchHeap samples the heap, garbage included, until the returned func is called.
func watchHeap(b *testing.B) func() {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	var most uint64
	runtime.GC() // what the making of the file left
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
		b.ReportMetric(float64(most)/1e6, "MB-heap")
	}
}

// eventFile writes dose_event with made-up values: few distinct ones for
// texts, as many as rows for ids and streets, a third of the columns mostly
// empty.
func eventFile(tb testing.TB, rows int) string {
	tb.Helper()
	cols := dose.ReleaseColumns()
	path := filepath.Join(tb.TempDir(), "dose_event.parquet")
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	opts := []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(1),
		parquet.WithVersion(parquet.V2_LATEST), parquet.WithBatchSize(1 << 16)}
	for _, c := range cols {
		if c.Type != dose.Text {
			opts = append(opts, parquet.WithDictionaryFor(c.Name, false))
		}
	}
	schema := dose.Schema(cols)
	w, err := pqarrow.NewFileWriter(schema, f, parquet.NewWriterProperties(opts...), pqarrow.DefaultWriterProps())
	if err != nil {
		tb.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for done := 0; done < rows; {
		n := min(131_072, rows-done)
		for i, c := range cols {
			for range n {
				appendCell(tb, b.Field(i), benchValue(r, i, c.Type))
			}
		}
		rec := b.NewRecordBatch()
		if err := w.Write(rec); err != nil {
			tb.Fatal(err)
		}
		rec.Release()
		done += n
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return path
}

func benchValue(r *rand.Rand, i int, typ dose.Type) any {
	if i%3 == 2 && r.IntN(8) > 0 {
		return nil
	}
	switch typ {
	case dose.Text:
		kinds := []int{3, 12, 300, 5000}[i%4]
		return fmt.Sprintf("value %d of column %d", r.IntN(kinds), i)
	case dose.LongTxt:
		return fmt.Sprintf("%016x%04x", r.Uint64(), r.IntN(1<<16))
	case dose.Date:
		return 18_600 + r.IntN(1500)
	case dose.Int:
		return r.IntN(110)
	case dose.Big:
		return int(r.Uint64() >> 1)
	case dose.Bool:
		return r.IntN(2) == 0
	default:
		return 1_600_000_000_000_000 + r.IntN(1<<46)
	}
}
