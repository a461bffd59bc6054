package drop

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// memFile is a file of a server that says of it what it likes.
type memFile struct {
	*bytes.Reader
	size  int64
	mtime time.Time
	cut   int64 // breaks off after so many bytes; 0: never
}

var errCut = errors.New("cut")

func (f *memFile) Close() error               { return nil }
func (f *memFile) Stat() (os.FileInfo, error) { return f, nil }
func (f *memFile) Name() string               { return "a.txt" }
func (f *memFile) Size() int64                { return f.size }
func (f *memFile) Mode() fs.FileMode          { return 0o600 }
func (f *memFile) ModTime() time.Time         { return f.mtime }
func (f *memFile) IsDir() bool                { return false }
func (f *memFile) Sys() any                   { return nil }

func (f *memFile) WriteTo(w io.Writer) (int64, error) {
	if f.cut == 0 {
		return f.Reader.WriteTo(w)
	}
	n, err := io.CopyN(w, f.Reader, f.cut)
	return n, errors.Join(errCut, err)
}

type memBox struct {
	box
	f *memFile
}

func (b memBox) open(context.Context, string) (file, error) { return b.f, nil }

func fetchMem(t *testing.T, st *stage, f *memFile) (string, error) {
	t.Helper()
	e := entry{"a.txt", stamp{int64(200_000), 7}, true}
	if err := st.fetch(context.Background(), memBox{f: f}, e); err != nil {
		return "", err
	}
	b, err := os.ReadFile(st.wholePath(keyOf(st.of, e.name, e.stamp), e.name))
	return string(b), err
}

// What a server sends is held against what it said, whatever it says later.
func TestServerSendsOtherThanItSaid(t *testing.T) {
	data := noise(200_000, 1)
	for name, sent := range map[string][]byte{"less": data[:199_999], "more": append(bytes.Clone(data), 'x')} {
		st, err := openStage(t.TempDir(), Config{Folder: "x"}, 50_000)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fetchMem(t, st, &memFile{Reader: bytes.NewReader(sent), size: 200_000}); !errors.Is(err, errChanged) {
			t.Errorf("%s: %v", name, err)
		}
		endless := &memFile{Reader: bytes.NewReader(noise(900_000, 1)), size: 200_000, cut: 900_000}
		if _, err := fetchMem(t, st, endless); !errors.Is(err, errChanged) || endless.Len() < 600_000 {
			t.Errorf("a server that sends without end: %v, %d bytes not taken", err, endless.Len())
		}
		if got := tree(t, st.dir); got != "" {
			t.Errorf("%s: left in the stage: %d bytes", name, len(got))
		}
		if got, err := fetchMem(t, st, &memFile{Reader: bytes.NewReader(data), size: 200_000}); err != nil || got != string(data) {
			t.Errorf("%s: afterwards: %v", name, err)
		}
	}
}

// A transfer goes on only if the open file is what it was when it began, even
// where the listing and the end of what came say so: here the beginning is
// another.
func TestGoesOnWithTheVeryFileOnly(t *testing.T) {
	st, err := openStage(t.TempDir(), Config{Folder: "x"}, 50_000)
	if err != nil {
		t.Fatal(err)
	}
	old, now := noise(200_000, 1), noise(200_000, 1)
	now[0]++
	if _, err := fetchMem(t, st, &memFile{Reader: bytes.NewReader(old), size: 200_000, mtime: time.Unix(1, 0), cut: 150_000}); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	got, err := fetchMem(t, st, &memFile{Reader: bytes.NewReader(now), size: 200_000, mtime: time.Unix(2, 0)})
	if err != nil || got != string(now) {
		t.Errorf("two versions were mixed (%v)", err)
	}
}

// What reached the disk counts, not what the part file seems to hold: after a
// power failure it may hold zeros.
func TestGoesOnFromTheCheckpoint(t *testing.T) {
	st, err := openStage(t.TempDir(), Config{Folder: "x"}, 50_000)
	if err != nil {
		t.Fatal(err)
	}
	data := noise(200_000, 1)
	if _, err := fetchMem(t, st, &memFile{Reader: bytes.NewReader(data), size: 200_000, cut: 100_000}); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	parts, _ := filepath.Glob(filepath.Join(st.dir, "*.part"))
	if len(parts) != 1 {
		t.Fatalf("parts: %v", parts)
	}
	part, err := os.OpenFile(parts[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(make([]byte, 90_000)); err != nil {
		t.Fatal(err)
	}
	_ = part.Close()
	if got, err := fetchMem(t, st, &memFile{Reader: bytes.NewReader(data), size: 200_000}); err != nil || got != string(data) {
		t.Errorf("what never reached the disk was kept (%v)", err)
	}
}

// The runner kept the mark, then was killed before Done.
func TestDoneNeverCame(t *testing.T) {
	w := newWorld(t, nil)
	w.put("a.txt", "1", 1)
	w.mark = w.mustFetch().Mark
	w.wantRun("", "nothing new")
	if got := tree(t, w.dir); got != "sightings.json={}" {
		t.Errorf("left in the feed's folder: %s", got)
	}
}

// Done fails as long as the archive can't be written. Nothing is loaded twice
// meanwhile, and the next run makes up for it.
func TestArchiveFailsAtFirst(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.After = Archive })
	w.put("a.txt", "1", 1)
	w.put("archive", "a file in its place", 1)
	w.config.Patterns = []string{"*.txt"}
	f := w.mustFetch()
	if err := w.source().Done(context.Background(), f); err == nil || !strings.Contains(err.Error(), "archive") {
		t.Errorf("done with a file in the archive's place: %v", err)
	}
	w.mark = f.Mark
	w.wantRun("", "nothing new; loaded but not archived")
	if err := os.Remove(filepath.Join(w.box, "archive")); err != nil {
		t.Fatal(err)
	}
	w.wantRun("", "nothing new")
	if got := tree(t, w.box); got != "archive/a.txt=1" {
		t.Errorf("the box holds %s", got)
	}
	if got := tree(t, w.dir); got != "sightings.json={}" {
		t.Errorf("left in the feed's folder: %s", got)
	}
}

// Done comes twice, and between the two a file of the same name, size and time.
func TestDoneTwiceKeepsItsHandsOffANewFile(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.After = Archive })
	w.put("a.txt", "1", 1)
	f := w.mustFetch()
	for i := range 2 {
		if err := w.source().Done(context.Background(), f); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			w.put("a.txt", "2", 1)
		}
	}
	w.mark = f.Mark
	w.wantRun("a.txt=2", "1 file")
}

// Done removes what lies in a feed's folder and no other file.
func TestDoneLeavesForeignPaths(t *testing.T) {
	p := filepath.Join(t.TempDir(), "precious")
	write(t, p, []byte("x"))
	if err := unstage(p); err != nil || !exists(p) {
		t.Errorf("a path outside a stage was removed (%v)", err)
	}
}

func TestTooManyFiles(t *testing.T) {
	entries := make([]fs.FileInfo, maxFiles+1)
	for i := range entries {
		entries[i] = &memFile{}
	}
	w := newWorld(t, nil)
	src := w.source()
	st, err := openStage(w.dir, src.c, src.every)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = src.list(context.Background(), listBox{infos: entries}, st, mark{}); !errors.Is(err, dose.ErrInvalid) {
		t.Errorf("the error is %v", err)
	}
}

type listBox struct {
	box
	infos []fs.FileInfo
}

func (b listBox) list(_ context.Context, recursive bool) ([]entry, error) {
	return walk(recursive, func(string) ([]fs.FileInfo, error) { return b.infos, nil })
}
