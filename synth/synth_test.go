package synth

import (
	"context"
	"testing"
)

func write(t testing.TB, cfg Config) (string, *Truth) {
	t.Helper()
	dir := t.TempDir()
	truth, err := Write(context.Background(), dir, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir, truth
}

func BenchmarkWrite(b *testing.B) {
	for b.Loop() {
		write(b, Config{Seed: 1, Rows: 200_000, Defects: DefaultDefects()})
	}
	b.ReportMetric(200_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
