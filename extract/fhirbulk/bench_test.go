package fhirbulk

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/dosebook/dosebook/extract/fhirbulk/bulktest"
)

// BenchmarkSmallFiles fetches an export of many files of 20 lines, 1 KiB a
// line, from a server in the same process. FILES sets how many.
func BenchmarkSmallFiles(b *testing.B) {
	files := 10_000
	if n, err := strconv.Atoi(os.Getenv("FILES")); err == nil {
		files = n
	}
	for _, partial := range []bool{false, true} {
		b.Run(fmt.Sprintf("partial=%v", partial), func(b *testing.B) {
			r := smallFiles(b, files)
			for b.Loop() {
				began := time.Now()
				s, err := New(func() Config { c := r.config; c.Partial = partial; return c }(), r.options())
				if err != nil {
					b.Fatal(err)
				}
				f, err := s.Fetch(b.Context(), b.TempDir(), "")
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(files)/time.Since(began).Seconds(), "files/s")
				if err := s.Done(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func smallFiles(b *testing.B, files int) *registry {
	pad := fmt.Sprintf("%0900d", 7)
	r := newRegistry(b, func(c *bulktest.Config) { c.FileLines, c.PageFiles, c.Polls, c.TokenLife = 20, 500, 0, 24*time.Hour })
	for i := range files * 20 {
		if err := r.store.Put(fmt.Sprintf(`{"resourceType":"Immunization","meta":{"lastUpdated":%q},"note":"%d-%s"}`, day.Format(time.RFC3339), i, pad)); err != nil {
			b.Fatal(err)
		}
	}
	return r
}
