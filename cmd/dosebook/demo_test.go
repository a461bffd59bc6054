package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A demo's release is the truth its generator wrote down, and the same seed
// gives the same bytes.
func TestDemo(t *testing.T) {
	t.Parallel()
	first, said := shared(t)
	if len(said.Differs) != 0 || said.Truth.Current == 0 || said.Files < 4*63 {
		t.Errorf("demo told: %+v", said)
	}
	if said.Totals.Rejects == 0 || said.Truth.Rejected == 0 {
		t.Error("nothing was refused")
	}
	rows := fmt.Sprint(worldRows())
	again, other := newData(t), newData(t)
	r := again.exits(t, 0, "demo", "--no-serve", "--json", "--rows", rows, "--seed", "1")
	told2 := parse[told](t, r.out) // and nothing else on stdout
	if told2.Release != said.Release || len(told2.Differs) != 0 || r.err != "" {
		t.Errorf("the second run told %+v, stderr %q", told2, r.err)
	}
	want := first.hashes(t, "releases", "lake", "raw")
	sameFiles(t, "the same seed", again.hashes(t, "releases", "lake", "raw"), want)
	if told3 := parse[told](t, other.ok(t, "demo", "--no-serve", "--json", "--rows", rows, "--seed", "2")); len(told3.Differs) != 0 || told3.Release == said.Release {
		t.Errorf("another seed told %+v", told3)
	}
	same := 0
	for name, sum := range other.hashes(t, "lake") {
		if filepath.Base(name) == "event.parquet" && contains(want, sum) {
			same++
		}
	}
	if same > 0 {
		t.Errorf("another seed made %d segments of the same bytes", same)
	}
	for _, d := range []data{again, other} {
		d.sound(t)
	}
	// A folder of its own making is emptied, any other refused.
	again.ok(t, "demo", "--no-serve", "--rows", "500")
	own := newData(t)
	if err := os.MkdirAll(filepath.Join(string(own), "mine"), 0o700); err != nil {
		t.Fatal(err)
	}
	own.exits(t, 2, "demo", "--no-serve", "--rows", "500")
}

func contains(sums map[string]string, sum string) bool {
	for _, s := range sums {
		if s == sum {
			return true
		}
	}
	return false
}

// The large demo, for the long run.
func TestDemoLarge(t *testing.T) {
	if !long() {
		t.Skip("set " + longEnv + "=1 for a million rows")
	}
	d := newData(t)
	if said := parse[told](t, d.ok(t, "demo", "--no-serve", "--json", "--rows", "1000000", "--seed", "7")); len(said.Differs) != 0 {
		t.Errorf("a million rows differ from the truth: %q", said.Differs)
	}
	d.sound(t)
}
