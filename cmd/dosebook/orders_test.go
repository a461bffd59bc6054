package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/synth"
)

// arrival is one file on its way in.
type arrival struct{ registry, action, path string }

// deliveryOf lists the world's files as they were delivered, with copies: of
// the first file of additions, of updates and of deletes, one copy without a
// date in its name and one with a later date come before the original, and one
// without a date after it. They are the same bytes. A packed copy has other
// bytes, and stands under a number of its own.
func deliveryOf(t *testing.T, w data) []arrival {
	t.Helper()
	in := filepath.Join(string(w), demoMark)
	text, err := os.ReadFile(filepath.Join(in, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	truth := parse[synth.Truth](t, string(text))
	byPath := map[string]synth.File{}
	for _, f := range truth.Files {
		byPath[f.Path] = f
	}
	var out, last []arrival
	copies := t.TempDir()
	seen := map[string]bool{}
	for i, path := range truth.Delivery {
		f := byPath[path]
		a := arrival{f.Registry, f.Action, filepath.Join(in, filepath.FromSlash(path))}
		if !seen[a.action] && i > 0 {
			seen[a.action] = true
			n := len(seen)
			as := func(name string) arrival {
				b := a
				b.path = filepath.Join(copies, name)
				if err := copyFile(a.path, b.path); err != nil {
					t.Fatal(err)
				}
				return b
			}
			out = append(out, as(fmt.Sprintf("export-%d.txt", n)), as(fmt.Sprintf("20250101_%02d_CPY.txt", 10+n)))
			last = append(last, as(fmt.Sprintf("sent-again-%d.txt", n)),
				arrival{a.registry, a.action, packed(t, a.path, filepath.Join(copies, filepath.Base(path)[:9]+fmt.Sprint(50+n)+"_CPY.txt.gz"))})
		}
		out = append(out, a)
	}
	if len(seen) != 3 {
		t.Fatalf("the delivery has %d kinds of files", len(seen))
	}
	return append(out, last...)
}

// cvrsWorld writes three registries that all send CVRS files: what the demo's
// world was before its registries came in three formats.
func cvrsWorld(t *testing.T) (data, *synth.Truth) {
	t.Helper()
	d := newData(t)
	truth, err := synth.Write(t.Context(), filepath.Join(string(d), demoMark), synth.Config{Seed: 1, Rows: worldRows(), Defects: synth.DefaultDefects()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d, truth
}

func packed(t *testing.T, from, to string) string {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(b); err != nil || w.Close() != nil || os.WriteFile(to, z.Bytes(), 0o600) != nil {
		t.Fatalf("pack %s: %v", to, err)
	}
	return to
}

// loadAll ingests arrivals in order: one a call, or all in a row that are of
// one registry and action in one call. Copies must change nothing.
func (d data) loadAll(t *testing.T, files []arrival, one bool) {
	t.Helper()
	for len(files) > 0 {
		n := 1
		for !one && n < len(files) && files[n].registry == files[0].registry && files[n].action == files[0].action {
			n++
		}
		args := []string{"ingest", "--json", "--reject-limit", "1", "--registry", files[0].registry, "--action", files[0].action, "--"}
		for _, f := range files[:n] {
			args = append(args, f.path)
		}
		reportOf(t, d.ok(t, args...))
		files = files[n:]
	}
}

// dump is what an analyst sees of a release, in an order of its own.
func (d data) dump(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, table := range []string{"county_day", "dose_event", "dose", "recipient"} {
		out[table] = strings.Split(d.ok(t, "sql", "--format", "csv", "from "+table+" order by all"), "\r\n")
	}
	return out
}

func sameDump(t *testing.T, what string, got, want map[string][]string) {
	t.Helper()
	for table, lines := range want {
		differ := 0
		for i := range max(len(lines), len(got[table])) {
			if i >= len(lines) || i >= len(got[table]) || lines[i] != got[table][i] {
				differ++
			}
		}
		if differ > 0 || len(lines) < 100 {
			t.Errorf("%s: %s: %d of %d lines differ", what, table, differ, len(lines))
		}
	}
}

// The answers depend on the files, not on the order in which they came, nor on
// how they were cut into calls, nor on copies (DESIGN §5.3, §5.7 Time).
func TestOrdersAndCopies(t *testing.T) {
	t.Parallel()
	w, truth := cvrsWorld(t)
	files := deliveryOf(t, w)
	first := newData(t)
	first.loadAll(t, files, true)
	first.ok(t, "release", "build")
	first.sound(t)
	want := first.dump(t)
	if n := first.count(t, "select count(*) from segment"); n != fmt.Sprint(len(files)-9-truth.Totals.RepeatedFiles) {
		t.Errorf("%s segments of %d files, 9 of which are copies", n, len(files))
	}
	backwards := slices.Clone(files)
	slices.Reverse(backwards)
	shuffled := slices.Clone(files)
	rand.New(rand.NewPCG(7, 11)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for name, order := range map[string][]arrival{"in calls of many": files, "backwards": backwards, "shuffled": shuffled} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newData(t)
			d.loadAll(t, order, false)
			d.ok(t, "release", "build")
			d.sound(t)
			sameDump(t, name, d.dump(t), want)
			if name == "in calls of many" {
				sameFiles(t, name, d.hashes(t, "lake", "raw", "releases"), first.hashes(t, "lake", "raw", "releases"))
			}
		})
	}
}
