package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// written lists the files below a folder with the time they were written.
func written(t *testing.T, dir string) map[string]time.Time {
	t.Helper()
	out := map[string]time.Time{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		st, err := e.Info()
		if err == nil {
			out[path] = st.ModTime()
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("%d files, %v", len(out), err)
	}
	return out
}

// DESIGN §5.7: the same ledger position built again is the same release; a
// look back gives the files that were built there, and moves nobody back.
func TestBuildAgainAndAsOf(t *testing.T) {
	t.Parallel()
	w, _ := cvrsWorld(t)
	files := deliveryOf(t, w)
	files = files[:size(9, 15, len(files))]
	gate := write(t, "dosebook.yaml", "gate: {rise: 1000}\n") // a third of the files first: the doses double at once
	d := newData(t)
	built := map[int64]string{} // position → release
	for i, part := range [][]arrival{files[:len(files)/3], files[len(files)/3 : len(files)-4], files[len(files)-4:]} {
		d.loadAll(t, part, false)
		d.ok(t, "release", "build", "--config", gate)
		m := d.latest(t)
		built[m.LedgerSeq] = m.ID
		if len(built) != i+1 {
			t.Fatalf("%d releases after %d builds", len(built), i+1)
		}
	}
	store := filepath.Join(string(d), "releases")
	last, was := d.latest(t).ID, written(t, store)
	d.ok(t, "release", "build", "--config", gate)
	for path, at := range written(t, store) {
		if was[path] != at {
			t.Errorf("building again wrote %s", filepath.Base(path))
		}
	}
	want := d.hashes(t, "releases")
	for seq, id := range built {
		if err := os.RemoveAll(filepath.Join(store, id)); err != nil {
			t.Fatal(err)
		}
		if id == last {
			if err := os.Remove(filepath.Join(store, "latest")); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got := parse[struct{ ID string }](t, d.ok(t, "release", "build", "--config", gate, "--json", "--as-of", fmt.Sprint(seq))).ID; got != id {
			t.Errorf("position %d is release %s now, was %s", seq, got, id)
		}
	}
	d.ok(t, "release", "build", "--config", gate)
	sameFiles(t, "releases built anew", d.hashes(t, "releases"), want)
	for seq, id := range built {
		if id != last {
			d.ok(t, "release", "build", "--config", gate, "--as-of", fmt.Sprint(seq))
		}
	}
	if got := d.latest(t).ID; got != last {
		t.Errorf("after looking back the latest is %s, was %s", got, last)
	}
	for seq, code := range map[string]int{"-1": 4, "99999": 4, "x": 2} {
		d.exits(t, code, "release", "build", "--config", gate, "--as-of", seq)
	}
	// A warehouse made anew from the lake gives the same files.
	if err := os.RemoveAll(store); err != nil {
		t.Fatal(err)
	}
	d.ok(t, "warehouse", "rebuild")
	d.ok(t, "release", "build", "--config", gate)
	got := d.hashes(t, "releases")
	for name := range want {
		if _, there := got[name]; !there {
			delete(want, name) // the older releases
		}
	}
	sameFiles(t, "from a rebuilt warehouse", got, want)
	d.sound(t)
}

// The files do not depend on the number of workers, nor on DuckDB's threads.
func TestWorkers(t *testing.T) {
	t.Parallel()
	w, _ := cvrsWorld(t)
	files := slices.DeleteFunc(deliveryOf(t, w), func(a arrival) bool { return !strings.HasPrefix(a.path, string(w)) }) // a name without a date takes the clock's
	files = files[:size(3, 8, len(files))]
	var want map[string]string
	for _, n := range []int{1, 2, 4} {
		config := write(t, "dosebook.yaml", fmt.Sprintf("workers: %d\nwarehouse:\n  threads: %d\n", n, n))
		d := newData(t)
		for _, f := range files {
			d.ok(t, "ingest", "--config", config, "--reject-limit", "1", "--registry", f.registry, "--action", f.action, f.path)
		}
		d.ok(t, "release", "build", "--config", config)
		got := d.hashes(t, "lake", "raw", "releases")
		if want == nil {
			want = got
		}
		sameFiles(t, fmt.Sprintf("%d workers", n), got, want)
	}
	d := newData(t)
	for _, text := range []string{"workers: 0\n", "worker: 2\n", "workers: many\n"} {
		d.exits(t, 2, "config", "check", "--config", write(t, "bad.yaml", text))
	}
}
