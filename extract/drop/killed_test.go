package drop

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dosebook/dosebook/extract"
)

// childEnv makes this test's program run one feed, as the runner does, and
// nothing else: fetch, load, done, keep the mark.
const childEnv = "DROP_TEST_CHILD"

// child is what the process is told.
type child struct {
	Config Config
	Dir    string // the feed's folder
	Store  string // what is loaded lies here, with the mark
	Limit  uint64 // largest file that may be written; 0: any
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		if err := runChild(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runChild(text string) error {
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	if c.Limit > 0 {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: c.Limit, Max: c.Limit}); err != nil {
			return err
		}
	}
	s, err := New(c.Config, Options{Wait: func(context.Context, time.Duration) error { return nil }})
	if err != nil {
		return err
	}
	s.every = 100_000
	mark, _ := os.ReadFile(filepath.Join(c.Store, "mark"))
	f, err := s.Fetch(context.Background(), c.Dir, string(mark))
	if err != nil {
		return err
	}
	if err := load(c.Store, f); err != nil {
		return err
	}
	if err := s.Done(context.Background(), f); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.Store, "mark"), []byte(f.Mark), 0o600)
}

// load keeps every payload under its name. A known one must be the same.
func load(store string, f extract.Fetched) error {
	for _, p := range f.Payloads {
		b, err := os.ReadFile(p.Path)
		if err != nil {
			return err
		}
		to := filepath.Join(store, "loaded-"+p.Name)
		if was, err := os.ReadFile(to); err == nil && string(was) != string(b) && len(was) == len(b) {
			return fmt.Errorf("%s came with other bytes", p.Name)
		}
		if err := os.WriteFile(to, b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (c child) command(t *testing.T) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	cmd.Stderr = new(strings.Builder)
	return cmd
}

// Killed at 20 instants of a run over SFTP, and run again: every file is
// loaded with its bytes, the box is archived and the feed's folder is clear.
func TestKilledAtAnyInstant(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	p := startProxy(t, s.addr)
	var whole time.Duration // of an undisturbed run
	killed := 0
	for i := range 21 {
		w := newSFTPWorld(t, s, p.addr, func(c *Config) { c.After = Archive; c.StableFor = time.Second })
		want := ""
		for n := range 4 {
			data := string(noise(300_000+n, uint64(n)))
			w.put("f"+strconv.Itoa(n)+".txt", data, n)
			want += " loaded-f" + strconv.Itoa(n) + ".txt=" + data
		}
		c := child{Config: w.config, Dir: w.dir, Store: t.TempDir()}
		seen(t, w, c)
		p.perSec.Store(4 << 20)
		first := c.command(t)
		begun := time.Now()
		if err := first.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Minute, func() { _ = first.Process.Kill() })
		if i > 0 {
			kill.Reset(whole * time.Duration(i) / 20)
		}
		if first.Wait() != nil {
			killed++
		}
		kill.Stop()
		whole = max(whole, time.Since(begun))
		p.perSec.Store(0)
		for range 2 { // the second finds nothing new
			again := c.command(t)
			if err := again.Run(); err != nil {
				t.Fatalf("killed at %d: the next run: %v: %v", i, err, again.Stderr)
			}
		}
		_ = os.Remove(filepath.Join(c.Store, "mark"))
		if got := " " + tree(t, c.Store); got != want {
			t.Errorf("killed at %d: the store is not what it should be (%d bytes, want %d)", i, len(got), len(want))
		}
		if got := tree(t, w.box); strings.Count(got, "archive/") != 4 || strings.HasPrefix(got, "f") {
			t.Errorf("killed at %d: the box is not archived", i)
		}
		if got := tree(t, w.dir); got != "sightings.json={}" {
			t.Errorf("killed at %d: the feed's folder still holds %d bytes", i, len(got))
		}
	}
	if killed < 10 {
		t.Errorf("only %d of 20 runs were killed in time", killed)
	}
	t.Logf("%d of 20 runs were killed, an undisturbed one takes %v", killed, whole)
}

// seen makes the feed know the box's files for long enough to be stable.
func seen(t *testing.T, w *world, c child) {
	t.Helper()
	w.now = time.Now().Add(-time.Hour)
	src := w.source()
	st, err := openStage(c.Dir, src.c, src.every)
	if err != nil {
		t.Fatal(err)
	}
	b, err := openFolder(w.box)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	listed, err := b.list(context.Background(), false)
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]sighting{}
	for _, e := range listed {
		e.MTime = e.MTime / 1e9 * 1e9
		at[e.name] = sighting{e.stamp, w.now}
	}
	if err := st.keepSightings(at); err != nil {
		t.Fatal(err)
	}
}

// A disk that takes no more ends the run with a clear error; with room again,
// the next run goes on from there.
func TestDiskFull(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.StableFor = time.Second })
	data := string(noise(1<<20, 1))
	w.put("a.txt", data, 1)
	c := child{Config: w.config, Dir: w.dir, Store: t.TempDir(), Limit: 500_000}
	seen(t, w, c)
	cmd := c.command(t)
	if err := cmd.Run(); err == nil || !strings.Contains(fmt.Sprint(cmd.Stderr), "write to the feed's folder") {
		t.Fatalf("a full disk: %v, %v", err, cmd.Stderr)
	}
	c.Limit = 0
	if cmd = c.command(t); cmd.Run() != nil {
		t.Fatal(cmd.Stderr)
	}
	if got, err := os.ReadFile(filepath.Join(c.Store, "loaded-a.txt")); err != nil || string(got) != data {
		t.Errorf("other bytes came: %v", err)
	}
}

// The same on a file system that is truly full, where we may make one.
func TestFileSystemFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no small file system can be mounted here (%v); TestDiskFull tests the same by a limit", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	w := newWorld(t, func(c *Config) { c.StableFor = time.Second })
	w.dir = filepath.Join(dir, "feed")
	w.tune = func(s *Source) { s.every = 100_000 }
	w.put("small.txt", "1", 1)
	data := string(noise(600_000, 1))
	w.put("big.txt", data, 2)
	ballast := filepath.Join(dir, "ballast")
	write(t, ballast, noise(700_000, 2))
	_, err := w.fetch()
	if err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Fatalf("a full file system: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	w.wantRun("small.txt=1 big.txt="+data, "2 files")
}
