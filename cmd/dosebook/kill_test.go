package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/synth"
)

// kill starts a command on the directory and ends it with SIGKILL after a
// while. It says whether the process was still running then.
func (d data) kill(t *testing.T, after time.Duration, args ...string) bool {
	t.Helper()
	c := command(t.Context(), append([]string{"--data", string(d)}, args...)...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = c.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return false
	case <-time.After(after):
	}
	_ = c.Process.Kill()
	<-ended
	return c.ProcessState.ExitCode() == -1
}

// unfinished lists what is left of files and folders in the making.
func (d data) unfinished(t *testing.T) (left []string) {
	t.Helper()
	err := filepath.WalkDir(string(d), func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(e.Name(), durable.Prefix) {
			left = append(left, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// killed runs a command to its end on one copy of a directory, then kills it
// at instants spread over the time that took, each on a copy of its own, runs
// it again and compares every file. A run may be killed several times.
func killed(t *testing.T, from func(*testing.T) data, times int, args ...string) {
	t.Helper()
	calm := from(t)
	began := time.Now()
	calm.ok(t, args...)
	took := time.Since(began)
	if !testing.Short() && took < 500*time.Millisecond {
		t.Logf("the undisturbed run takes only %v", took)
	}
	parts := []string{"raw", "lake"}
	if _, err := os.Stat(filepath.Join(string(calm), "releases")); err == nil {
		parts = append(parts, "releases")
	}
	want := calm.hashes(t, parts...)
	died, left := make(chan bool, times), make(chan int, times)
	t.Run("at", func(t *testing.T) {
		for i := range times {
			after := took * time.Duration(2*i+1) / time.Duration(2*times)
			t.Run(fmt.Sprintf("%d of %d", i+1, times), func(t *testing.T) {
				t.Parallel()
				d := from(t)
				dead := d.kill(t, after, args...)
				for again := 0; !dead && again < 5; again++ { // the machine is faster now: earlier, on a new copy
					after = after * 2 / 3
					d = from(t)
					dead = d.kill(t, after, args...)
				}
				died <- dead
				if i%5 == 4 { // and the second run too, elsewhere
					d.kill(t, took/3, args...)
				}
				left <- len(d.unfinished(t))
				d.ok(t, args...)
				if l := d.unfinished(t); len(l) > 0 {
					t.Errorf("killed after %v, then run again: %d unfinished files are left, such as %s", after, len(l), l[0])
				}
				sameFiles(t, fmt.Sprintf("killed after %v, then run again", after), d.hashes(t, parts...), want)
				d.sound(t)
			})
		}
	})
	n, parted := 0, 0
	for range times {
		if <-died {
			n++
		}
		if <-left > 0 {
			parted++
		}
	}
	if n < times {
		t.Errorf("only %d of %d runs were alive when they were to be killed: too few rows", n, times)
	}
	t.Logf("undisturbed %v; %d of %d killed while running, %d left unfinished files", took.Round(time.Millisecond), n, times, parted)
}

// DESIGN §7: kill at any instant, run again: the same bytes as an undisturbed
// run.
func TestKilledIngest(t *testing.T) {
	t.Parallel()
	in := t.TempDir()
	_, err := synth.Write(t.Context(), in, synth.Config{Seed: 5, Rows: size(20_000, 50_000, 500_000), Registries: []string{"CAIR2"},
		RowsPerFile: 20_000, Defects: synth.DefaultDefects()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	killed(t, newData, size(3, 6, 60), "ingest", "--json", "--registry", "CAIR2", filepath.Join(in, "CAIR2", "add"))
}

func TestKilledBuild(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	killed(t, func(t *testing.T) data { return copyOf(t, w, "control.db", "warehouse.duckdb", "raw", "lake") },
		size(3, 6, 60), "release", "build", "--json", "--config", unpublished)
}

// A look back is killed too: it builds a warehouse of its own first.
func TestKilledLookBack(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	killed(t, func(t *testing.T) data { return copyOf(t, w) }, size(1, 2, 20), "release", "build", "--json", "--as-of", "9", "--config", unpublished)
}

// What a killed run leaves in the rarest instants, put there by hand: the next
// run of the same command removes it.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d := copyOf(t, w)
	text := cvrsText(row("left-1", nil))
	sum := sha256.Sum256([]byte(text))
	segment := "lake/CAIR2/" + hex.EncodeToString(sum[:])[:16] + "/" // complete, but not yet in the ledger
	for _, name := range []string{segment + "event.parquet", segment + "old.parquet", "releases/.part-latest-1", "raw/.part-1", "lake/CAIR2/.part-0123456789abcdef-1/event.parquet", ".part-as-of-1/warehouse.duckdb"} {
		path := filepath.Join(string(d), filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("cut"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.ok(t, "ingest", "--registry", "CAIR2", write(t, "20210101_77_CAA.txt", text))
	d.ok(t, "release", "build")
	if left := d.unfinished(t); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if _, err := os.Stat(filepath.Join(string(d), filepath.FromSlash(segment), "old.parquet")); err == nil {
		t.Error("the segment of a killed run was kept")
	}
	d.sound(t)
}
