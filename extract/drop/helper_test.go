package drop

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/extract"
)

// world is a drop box of a test, on the folder side, with the feed that reads
// it. Its clock moves only when told or waited for.
type world struct {
	t      testing.TB
	box    string // the drop box itself
	dir    string // the feed's folder
	config Config
	now    time.Time
	waits  int
	mark   string
	env    map[string]string
	tune   func(*Source)
}

func newWorld(t testing.TB, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t, box: t.TempDir(), dir: filepath.Join(t.TempDir(), "feed"), now: time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC), env: map[string]string{}}
	w.config = Config{Folder: w.box}
	if change != nil {
		change(&w.config)
	}
	return w
}

func (w *world) source() *Source {
	w.t.Helper()
	s, err := New(w.config, Options{
		Now:    func() time.Time { return w.now },
		Getenv: func(k string) string { return w.env[k] },
		Wait: func(_ context.Context, d time.Duration) error {
			w.waits++
			w.now = w.now.Add(d)
			return nil
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.tune != nil {
		w.tune(s)
	}
	return s
}

// put writes a file, with the time given in minutes after an early hour.
func (w *world) put(name, text string, minute int) {
	w.t.Helper()
	p := filepath.Join(w.box, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
	at := time.Date(2026, 2, 1, 0, minute, 0, 0, time.UTC)
	if err := os.Chtimes(p, at, at); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) fetch() (extract.Fetched, error) {
	return w.source().Fetch(context.Background(), w.dir, w.mark)
}

func (w *world) mustFetch() extract.Fetched {
	w.t.Helper()
	f, err := w.fetch()
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// run does what the feed's runner does: fetch, load, done, keep the mark. It
// returns what was loaded as "name=text" in order.
func (w *world) run() (string, extract.Fetched) {
	w.t.Helper()
	f := w.mustFetch()
	got := loaded(w.t, f)
	if err := w.source().Done(context.Background(), f); err != nil {
		w.t.Fatal(err)
	}
	w.mark = f.Mark
	return got, f
}

func loaded(t testing.TB, f extract.Fetched) string {
	t.Helper()
	var out []string
	for _, p := range f.Payloads {
		b, err := os.ReadFile(p.Path)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(p.Path) != filepath.Base(p.Name) {
			t.Errorf("%s lies at %s: another base name", p.Name, p.Path)
		}
		out = append(out, p.Name+"="+string(b))
	}
	return strings.Join(out, " ")
}

// wantRun runs and compares what was loaded, and that the note holds a text.
func (w *world) wantRun(want, note string) {
	w.t.Helper()
	got, f := w.run()
	if got != want {
		w.t.Errorf("loaded %q, want %q", got, want)
	}
	if !strings.Contains(f.Note, note) {
		w.t.Errorf("the note is %q, want %q in it", f.Note, note)
	}
}

// tree lists a folder's files, in order, each with its text.
func tree(t testing.TB, dir string) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		out = append(out, rel+"="+string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

// noise is n bytes that repeat nowhere.
func noise(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%016x", r.Uint64())
	}
	return b.Bytes()[:n]
}

// required is true where a missing part fails the test instead of skipping it.
func required(part string) bool {
	need := os.Getenv("DOSEBOOK_TEST_REQUIRE")
	return strings.Contains(need, "all") || strings.Contains(need, part)
}
