package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/release"
)

// faults is a small world whose next build is hit: one release is there, a
// second is to be built.
type faults struct {
	from        data
	config      string
	good, after string            // latest, before and after the build
	base, want  map[string]string // files of from, and of what is built
	points      []point           // all calls of an undisturbed build that change the disk

	mu     sync.Mutex
	states map[string]bool   // that have been built on
	sums   map[string]string // of files that were hashed, by what tells them apart
}

func newFaults(t *testing.T) *faults {
	t.Helper()
	dir := memoryDir(t)
	f := &faults{from: data(filepath.Join(dir, "data")), states: map[string]bool{}, sums: map[string]string{}}
	// One goroutine of each kind: a call stands still with all that could write.
	f.config = write(t, "dosebook.yaml", anyGate+"workers: 1\nwarehouse: {threads: 1}\n")
	f.from.exits(t, 7, "ingest", "--registry", "CAIR2", write(t, "20210301_77_CAA.txt", cvrsText(row("fault-1", nil), row("fault-2", fields{"recip_dob": "12/"}),
		row("fault-3", fields{"recip_address_county": "06037", "recip_address_zip": "90012"}), "cut short")))
	f.from.ok(t, "release", "build", "--config", f.config)
	f.good = f.latest(t, f.from)
	f.from.load(t, "--registry", "CAIR2", write(t, "20210302_77_CAA.txt", cvrsText(row("fault-4", nil), row("fault-1", fields{"lot_number": "EW0150"}))))
	f.base = f.from.hashes(t, "releases", "raw", "lake")
	calm := f.copy(t)
	tr := tracer{dir: string(calm), at: func(p point) syscall.Errno { f.points = append(f.points, p); return 0 }}
	if code, said := tr.run(t, f.build(calm)...); code != 0 || len(f.points) < 2000 {
		t.Fatalf("undisturbed: exit %d, %d calls\n%s", code, len(f.points), said)
	}
	f.after, f.want = f.latest(t, calm), calm.hashes(t, "releases")
	if f.after == f.good {
		t.Fatal("nothing was built")
	}
	return f
}

// memoryDir is a new folder in memory where there is one: tens of thousands of
// fsyncs would wait for a disk.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "dosebook-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (f *faults) build(d data) []string {
	return []string{"--data", string(d), "release", "build", "--config", f.config}
}

func (f *faults) latest(t *testing.T, d data) string {
	t.Helper()
	return readText(t, filepath.Join(string(d), "releases", "latest"))
}

// copy makes a directory that stands where from stands. What never changes is
// the same file: one that a build changes in place is found by all others.
func (f *faults) copy(t *testing.T) data {
	t.Helper()
	d := data(filepath.Join(memoryDir(t), "data"))
	copyTree(t, f.from, d, func(rel string) bool { return strings.Contains(rel, "/") && rel != "releases/latest" })
	return d
}

// copyTree copies a directory; files that share says so are the same files.
func copyTree(t *testing.T, from, to data, share func(rel string) bool) {
	t.Helper()
	err := filepath.WalkDir(string(from), func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(string(from), path)
		into := filepath.Join(string(to), rel)
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return os.MkdirAll(into, 0o700)
		case share(filepath.ToSlash(rel)):
			return os.Link(path, into)
		}
		return copyFile(path, into)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// state is what a build finds: the content of all that is there, but for what
// was in the making, which counts by its name alone: a build removes it unread.
// Times stand in the gate's records, SQLite's index is made anew.
func (f *faults) state(t *testing.T, d data) string {
	t.Helper()
	var s strings.Builder
	err := filepath.WalkDir(string(d), func(path string, e os.DirEntry, err error) error {
		if err != nil || path == string(d) {
			return err
		}
		rel := chance.ReplaceAllString(strings.TrimPrefix(path, string(d)), "$1$2")
		switch {
		case strings.HasPrefix(e.Name(), durable.Prefix) && e.IsDir():
			fmt.Fprintln(&s, rel)
			return filepath.SkipDir
		case e.IsDir(), strings.HasPrefix(e.Name(), durable.Prefix), strings.Contains(rel, ".gate.json"), strings.HasSuffix(rel, "-shm"), rel == "/lease":
			fmt.Fprintln(&s, rel)
			return nil
		}
		i, err := e.Info()
		if err != nil {
			return err
		}
		like, key := i.Sys().(*syscall.Stat_t), ""
		if like.Nlink > 1 { // one of those that all share
			key = fmt.Sprint(like.Ino, like.Mtim, like.Ctim, like.Size)
		}
		sum := f.sums[key]
		if sum == "" {
			_, sum, err = durable.Hash(path)
		}
		if key != "" {
			f.sums[key] = sum
		}
		fmt.Fprintln(&s, rel, sum)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.String()
}

// whole says that the latest is the old release or the new one, and whole.
func (f *faults) whole(t *testing.T, d data, what string) {
	t.Helper()
	now := f.latest(t, d)
	if now != f.good && now != f.after {
		t.Errorf("%s: latest is %q", what, now)
		return
	}
	if bad, _, _, err := (release.Store{Dir: filepath.Join(string(d), "releases")}).Verify(now); err != nil || len(bad) > 0 {
		t.Errorf("%s: %s is not whole: %q %v", what, now, bad, err)
	}
}

// isNew says whether the state of the directory has not been built on yet.
func (f *faults) isNew(t *testing.T, d data) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.state(t, d)
	was := f.states[s]
	f.states[s] = true
	return !was
}

// again builds what the undisturbed run built.
func (f *faults) again(t *testing.T, d data, what string) {
	t.Helper()
	d.ok(t, "verify")
	d.ok(t, "release", "build", "--config", f.config)
	sameFiles(t, what+", then built again", d.hashes(t, "releases"), f.want)
	if left := d.unfinished(t); len(left) > 0 {
		t.Errorf("%s, then built again: %q is left", what, left)
	}
	d.ok(t, "verify")
}

// refuse lets one call fail as a full or broken disk does, and holds what is
// left against the promise. always: builds on it though another left the same.
func (f *faults) refuse(t *testing.T, at point, always bool) {
	t.Helper()
	d, hit := f.copy(t), false
	defer os.RemoveAll(filepath.Dir(string(d)))
	tr := tracer{dir: string(d), at: func(p point) syscall.Errno {
		if p != at {
			return 0
		}
		hit = true
		if strings.HasPrefix(p.call, "f") || strings.HasPrefix(p.call, "unlink") {
			return syscall.EIO
		}
		return syscall.ENOSPC
	}}
	code, said := tr.run(t, f.build(d)...)
	what := fmt.Sprintf("%v refused (exit %d)", at, code)
	switch {
	case !hit:
		t.Errorf("%s: no such call", what)
	case code != 0 && code != 1:
		t.Errorf("%s: %s", what, said)
	case code == 0:
		t.Logf("%s", what)
		if f.latest(t, d) != f.after {
			t.Errorf("%s: the release is not there", what)
		}
	}
	f.whole(t, d, what)
	if f.isNew(t, d) || always {
		f.again(t, d, what)
	}
}

// kill ends the build in place of one call.
func (f *faults) kill(t *testing.T, at point, always bool) {
	t.Helper()
	d := f.copy(t)
	defer os.RemoveAll(filepath.Dir(string(d)))
	tr := tracer{dir: string(d), at: func(p point) syscall.Errno {
		if p == at {
			return killed9
		}
		return 0
	}}
	what := fmt.Sprintf("killed at %v", at)
	if code, _ := tr.run(t, f.build(d)...); code != -1 {
		t.Errorf("%s: exit %d", what, code)
	}
	f.whole(t, d, what)
	if f.isNew(t, d) || always {
		f.again(t, d, what)
	}
}

// instants looks at the directory before every call of a build, as a kill there
// would leave it, and builds on each state that has not been built on: on all of
// them in the long run.
func (f *faults) instants(t *testing.T) (states int) {
	t.Helper()
	d := f.copy(t)
	var left []data
	var says []string
	n := 0
	tr := tracer{dir: string(d), at: func(p point) syscall.Errno {
		if n++; !long() && n%50 > 0 && strings.Contains(p.path, durable.Prefix) {
			return 0 // nothing but what is in the making changes
		}
		if f.isNew(t, d) {
			f.whole(t, d, fmt.Sprintf("before %v", p))
			to := data(filepath.Join(memoryDir(t), "data"))
			copyTree(t, d, to, func(string) bool { return false })
			left, says = append(left, to), append(says, fmt.Sprintf("as before %v", p))
		}
		return 0
	}}
	if code, said := tr.run(t, f.build(d)...); code != 0 {
		t.Fatalf("exit %d\n%s", code, said)
	}
	n = min(len(left), size(1, 3, len(left)))
	for i := range n { // the last ones too
		k := len(left) - 1 - i*len(left)/n
		f.again(t, left[k], says[k])
	}
	return len(left)
}

// distinctFirst puts one call of each kind before their like at other places.
func distinctFirst(points []point) []point {
	place := regexp.MustCompile(`/(0\d{4}|OOS|UNK|berkeley|long-beach|pasadena)(/|$)`)
	seen := map[point]bool{}
	var first, rest []point
	for _, p := range points {
		like := point{p.call, place.ReplaceAllString(p.path, "/PLACE$2"), p.n}
		if seen[like] {
			rest = append(rest, p)
			continue
		}
		seen[like] = true
		first = append(first, p)
	}
	return append(first, rest...)
}

// A fault at every call of a build that changes the disk (write, fsync, rename
// and their like), as an error and as a kill: after it the old release or the
// new one is the latest, whole, and the next build gives what an undisturbed one
// gives, file by file. Kills are looked at before every call in one run; a few
// are true ones. In the long run an error hits every call; else a few do, of
// all kinds, the last ones too.
func TestFaultInBuild(t *testing.T) {
	f := newFaults(t)
	hit := distinctFirst(f.points)
	if !long() {
		hit = nil
		for i, n := 0, size(1, 4, 0); i < n; i++ {
			hit = append(hit, f.points[i*len(f.points)/n])
		}
		hit = append(hit, f.points[len(f.points)-3])
	}
	t.Run("killed", func(t *testing.T) {
		n := f.instants(t)
		t.Logf("%d calls, %d states to build on", len(f.points), n)
		for i, p := range hit {
			if !long() && i == 1 || long() && i%50 == 1 || long() && p.call == "renameat" && !strings.Contains(p.path, durable.Prefix) {
				f.kill(t, p, true)
			}
		}
	})
	t.Run("refused", func(t *testing.T) {
		for part := range 2 {
			t.Run(fmt.Sprint(part), func(t *testing.T) {
				t.Parallel()
				for i := part; i < len(hit); i += 2 {
					f.refuse(t, hit[i], i%50 == 0)
					if i%500 < 2 {
						t.Logf("%d of %d calls were refused", i+1, len(hit))
					}
				}
			})
		}
	})
	kinds := map[string]int{}
	for _, p := range f.points {
		kinds[p.call]++
	}
	t.Logf("%d of %d calls were hit (of all: %v); %d states", len(hit), len(f.points), kinds, len(f.states))
	sameFiles(t, "the files that all shared", f.from.hashes(t, "releases", "raw", "lake"), f.base)
}
