package drop

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

func TestSFTPNewQuietArchive(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	w := newSFTPWorld(t, s, s.addr, func(c *Config) { c.After, c.Recursive = Archive, true })
	w.put("20260210_02_CAA.txt", "2", 1)
	w.put("20260210_01_CAA.txt", "1", 2)
	w.put("sub/x.txt", "3", 3)
	w.put("line\nbreak.txt", "-", 1)
	if err := os.Symlink("20260210_02_CAA.txt", filepath.Join(w.box, "link.txt")); err != nil {
		t.Fatal(err)
	}
	w.wantRun("sub/x.txt=3 20260210_01_CAA.txt=1 20260210_02_CAA.txt=2", "1 refused, no regular file")
	w.wantRun("", "nothing new")
	w.put("sub/x.txt", "4", 3) // same name, size and time, after the other was archived
	w.wantRun("sub/x.txt=4", "1 file")
	if err := os.Remove(filepath.Join(w.box, "link.txt")); err != nil {
		t.Fatal(err)
	}
	want := "archive/20260210_01_CAA.txt=1 archive/20260210_02_CAA.txt=2 line\nbreak.txt=- sub/archive/x.txt=3 sub/archive/x.txt.20260201T000300Z=4"
	if got := tree(t, w.box); got != want {
		t.Errorf("the box holds %q, want %q", got, want)
	}
	w.wantRun("", "nothing new")
	if got := tree(t, w.dir); got != "sightings.json={}" {
		t.Errorf("left in the feed's folder: %s", got)
	}
}

func TestSFTPMarkers(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	w := newSFTPWorld(t, s, s.addr, func(c *Config) { c.Ready, c.After = Marked, Archive })
	w.put("a.txt", "1", 1)
	w.put("b.txt", "2", 1)
	w.wantRun("", "2 waiting for a marker")
	w.put("a.txt.done", "", 2)
	w.wantRun("a.txt=1", "1 waiting for a marker")
	if got, want := tree(t, w.box), "archive/a.txt=1 archive/a.txt.done= b.txt=2"; got != want {
		t.Errorf("the box holds %s, want %s", got, want)
	}
}

// A connection that breaks at any point costs a try and nothing else: what
// came is not fetched again, and the bytes are the same.
func TestSFTPCutTransfer(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	p := startProxy(t, s.addr)
	const size, every = 4 << 20, 500_000
	for i, cut := range []int64{1, 300, 1500, 2500, 4000, 5000, 6000, 20_000, 70_000, 200_000, 1_000_000, 3_000_000, 4_000_000, size} {
		w := newSFTPWorld(t, s, p.addr, nil)
		w.tune = func(s *Source) { s.every = every }
		data := noise(size, uint64(i))
		w.put("big.txt", string(data), 1)
		w.put("small.txt", "x", 2)
		w.now = w.now.Add(time.Hour)
		p.cutAt.Store(cut)
		_, err := w.fetch()
		if !errors.Is(err, dose.ErrUpstream) {
			t.Fatalf("cut after %d bytes: %v", cut, err)
		}
		p.cutAt.Store(0)
		p.sent.Store(0)
		got, _ := w.run()
		if got != "big.txt="+string(data)+" small.txt=x" {
			t.Errorf("cut after %d bytes: other bytes came", cut)
		}
		// What was in flight, or came after the last checkpoint, comes again.
		if again := p.sent.Load(); again > max(0, size-cut)+parallel*packet+every+overlap+50_000 {
			t.Errorf("cut after %d bytes: %d came in the second try, of %d", cut, again, size)
		}
	}
}

// A broken connection in each try of many, and all of it arrives in the end.
func TestSFTPManyCuts(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	p := startProxy(t, s.addr)
	w := newSFTPWorld(t, s, p.addr, nil)
	w.tune = func(s *Source) { s.every = 50_000 }
	want := ""
	for i, name := range []string{"a.txt", "b.txt", "c.txt"} {
		data := string(noise(700_000, uint64(i)))
		w.put(name, data, i)
		want += " " + name + "=" + data
	}
	p.cutAt.Store(200_000)
	for try := 1; ; try++ {
		f, err := w.fetch()
		if err == nil {
			if got := " " + loaded(t, f); got != want {
				t.Error("other bytes came")
			}
			if try < 10 {
				t.Errorf("it took %d tries: the proxy does not cut", try)
			}
			return
		}
		if try > 40 || !errors.Is(err, dose.ErrUpstream) {
			t.Fatalf("try %d: %v", try, err)
		}
	}
}

// Between two tries the file is rewritten. Whether its time shows that or not,
// nothing of the old beginning is kept.
func TestSFTPRewrittenBetweenTries(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	p := startProxy(t, s.addr)
	for _, minute := range []int{1, 9} {
		w := newSFTPWorld(t, s, p.addr, nil)
		w.tune = func(s *Source) { s.every = 100_000 }
		w.put("a.txt", string(noise(1<<20, 1)), 1)
		p.cutAt.Store(600_000)
		if _, err := w.fetch(); !errors.Is(err, dose.ErrUpstream) {
			t.Fatal(err)
		}
		p.cutAt.Store(0)
		data := string(noise(1<<20, 2))
		w.put("a.txt", data, minute)
		if got, _ := w.run(); got != "a.txt="+data {
			t.Errorf("rewritten at minute %d: other bytes came", minute)
		}
		w.wantRun("", "nothing new")
		if got := tree(t, w.dir); got != "sightings.json={}" {
			t.Errorf("rewritten at minute %d: left in the feed's folder: %d bytes", minute, len(got))
		}
	}
}

func TestSFTPFileGrowsWhileRead(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	for _, change := range []string{"grows", "shrinks", "touched", "removed"} {
		p := startProxy(t, s.addr)
		w := newSFTPWorld(t, s, p.addr, nil)
		data := string(noise(4<<20, 3))
		w.put("a.txt", data, 1)
		w.put("b.txt", "b", 2)
		var once sync.Once
		p.then(func(sent int64) {
			if sent < 1<<20 {
				return
			}
			once.Do(func() {
				switch change {
				case "grows":
					w.put("a.txt", data+"more", 1)
				case "shrinks":
					w.put("a.txt", data[:3<<20], 1)
				case "touched":
					w.put("a.txt", data, 3)
				case "removed":
					_ = os.Remove(filepath.Join(w.box, "a.txt"))
				}
			})
		})
		if change == "removed" { // the open file is still whole
			w.wantRun("a.txt="+data+" b.txt=b", "2 files")
			continue
		}
		w.wantRun("b.txt=b", `1 changed while read, left for next time: "a.txt"`)
		now, err := os.ReadFile(filepath.Join(w.box, "a.txt"))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := w.run(); got != "a.txt="+string(now) {
			t.Errorf("%s: other bytes came", change)
		}
	}
}

func TestSFTPDenied(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	other := filepath.Join(t.TempDir(), "other")
	otherKey := writeKey(t, other)
	garbage := filepath.Join(t.TempDir(), "garbage")
	write(t, garbage, []byte("-----BEGIN SECRET hunter2"))
	for name, c := range map[string]struct {
		change func(*world)
		says   string
	}{
		"another user key":     {func(w *world) { w.config.SFTP.KeyFile = other }, "refused user, key or password"},
		"no such user":         {func(w *world) { w.config.SFTP.User = "nobody-of-that-name" }, "refused user, key or password"},
		"no key":               {func(w *world) { w.config.SFTP.KeyFile = "nowhere" }, "sftp.key_file"},
		"garbage for a key":    {func(w *world) { w.config.SFTP.KeyFile = garbage }, "no private key"},
		"changed host key":     {func(w *world) { w.knows(s.addr, otherKey) }, "not the known one (line 1 of"},
		"unknown host":         {func(w *world) { w.knows("elsewhere.example", s.hostKey) }, "has no key for [127.0.0.1]:"},
		"password not set":     {func(w *world) { w.config.SFTP.PasswordEnv = "DROP_PASSWORD" }, "DROP_PASSWORD (sftp.password_env) is not set"},
		"password not allowed": {func(w *world) { w.config.SFTP.KeyFile, w.config.SFTP.PasswordEnv = "", "P"; w.env["P"] = "hunter2" }, "refused user, key or password"},
	} {
		w := newSFTPWorld(t, s, s.addr, nil)
		w.put("a.txt", "1", 1)
		c.change(w)
		_, err := w.fetch()
		if !errors.Is(err, dose.ErrDenied) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows a secret", name)
		}
	}
	w := newSFTPWorld(t, s, s.addr, nil)
	w.config.SFTP.KnownHosts = "nowhere"
	if _, err := w.fetch(); !errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), "sftp.known_hosts") {
		t.Errorf("no known_hosts: %v", err)
	}
}

// A server has keys of several kinds, and known_hosts may have any one of them.
func TestSFTPAnyKindOfHostKey(t *testing.T) {
	s := startSSHD(t)
	for _, key := range s.hostKeys {
		w := newSFTPWorld(t, s, s.addr, nil)
		w.knows(s.addr, key)
		w.put("a.txt", "1", 1)
		if _, err := w.fetch(); err != nil {
			t.Errorf("known by its %s key: %v", key.Type(), err)
		}
	}
}

// The server is not there, says nothing, has no such folder; the caller stops.
func TestSFTPServerGone(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	w := newSFTPWorld(t, s, freePort(t), nil)
	if _, err := w.fetch(); !errors.Is(err, dose.ErrUpstream) {
		t.Errorf("no server: %v", err)
	}
	w = newSFTPWorld(t, s, s.addr, func(c *Config) { c.SFTP.Path += "/nowhere" })
	if _, err := w.fetch(); !errors.Is(err, dose.ErrUpstream) || !strings.Contains(err.Error(), "sftp.path") {
		t.Errorf("no folder: %v", err)
	}
	p := startProxy(t, s.addr)
	w = newSFTPWorld(t, s, p.addr, nil)
	w.put("a.txt", string(noise(4<<20, 4)), 1)
	w.tune = func(s *Source) { s.idle = 300 * time.Millisecond }
	p.then(func(sent int64) { p.mute.Store(sent > 1<<20) })
	begun := time.Now()
	if _, err := w.fetch(); !errors.Is(err, dose.ErrUpstream) || !strings.Contains(err.Error(), "silent for 300ms") {
		t.Errorf("a silent server: %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("a silent server held us for %v", took)
	}
	p.then(func(int64) {})
	p.mute.Store(false)
	w.tune = nil

	ctx, cancel := context.WithCancel(context.Background())
	p.then(func(int64) { cancel() })
	if _, err := w.source().Fetch(ctx, w.dir, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run: %v", err)
	}
	p.then(func(int64) {})
	if got, _ := w.run(); got != "a.txt="+string(noise(4<<20, 4)) {
		t.Error("other bytes came afterwards")
	}
}

// One file that can't be read does not keep the others; nothing but such
// files is a failure.
func TestUnreadableFiles(t *testing.T) {
	bad := unreadable{dose.ErrDenied}
	for _, c := range []struct {
		fails []string
		want  string
		err   error
	}{
		{[]string{"a.txt"}, `1 file; 1 could not be read: "a.txt"`, nil},
		{[]string{"a.txt", "b.txt"}, "", dose.ErrDenied},
	} {
		w := newWorld(t, nil)
		w.put("a.txt", "1", 1)
		w.put("b.txt", "2", 1)
		src := w.source()
		st, err := openStage(w.dir, src.c, src.every)
		if err != nil {
			t.Fatal(err)
		}
		real, err := openFolder(w.box)
		if err != nil {
			t.Fatal(err)
		}
		b := failingBox{real, c.fails, bad}
		m, left := readMark("", src.c.identity()), &notes{}
		if _, err := src.list(context.Background(), b, st, m); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Hour)
		p, err := src.list(context.Background(), b, st, m)
		if err != nil {
			t.Fatal(err)
		}
		f, err := src.take(context.Background(), b, st, p, m, left)
		if !errors.Is(err, c.err) || f.Note != c.want {
			t.Errorf("%v: %v, note %q", c.fails, err, f.Note)
		}
	}
}

type failingBox struct {
	box
	names []string
	err   error
}

func (b failingBox) open(ctx context.Context, name string) (file, error) {
	for _, n := range b.names {
		if n == name {
			return nil, b.err
		}
	}
	return b.box.open(ctx, name)
}
