package drop

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

func TestFolderNewThenQuiet(t *testing.T) {
	w := newWorld(t, nil)
	w.put("20260210_02_CAA.txt", "c", 1)
	w.put("20260210_01_CAA.txt", "b", 9)
	w.put("late.txt", "z", 30) // 2026-02-01 00:30: before the days in the names
	w.wantRun("late.txt=z 20260210_01_CAA.txt=b 20260210_02_CAA.txt=c", "3 files")
	w.wantRun("", "nothing new")
	if w.waits != 1 {
		t.Errorf("waited %d times, want once, for the first listing", w.waits)
	}
	if got := tree(t, w.dir); got != "sightings.json={}" {
		t.Errorf("left in the feed's folder: %s", got)
	}
}

func TestFolderSourceTimeIsTheName(t *testing.T) {
	w := newWorld(t, nil)
	w.put("20260210_02_CAA.txt", "c", 1)
	w.put("other.txt", "c2", 1)
	for _, p := range w.mustFetch().Payloads {
		if want := time.Date(2026, 2, 10, 0, 0, 2, 0, time.UTC); p.Name != "other.txt" && !p.SourceTime.Equal(want) {
			t.Errorf("%s is of %v, want %v", p.Name, p.SourceTime, want)
		} else if p.Name == "other.txt" && !p.SourceTime.IsZero() {
			t.Errorf("%s is of %v, but its name says nothing", p.Name, p.SourceTime)
		}
	}
}

func TestFolderRewrittenFileComesAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.put("a.txt", "one", 1)
	w.wantRun("a.txt=one", "1 file")
	w.put("a.txt", "two", 2) // the same size, another time
	w.wantRun("a.txt=two", "1 file")
	w.put("a.txt", "three", 2) // the same time, another size
	w.wantRun("a.txt=three", "1 file")
	w.wantRun("", "nothing new")
}

func TestFolderWhatIsTaken(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Patterns = []string{"*.TXT", "*.part", ".seen"} })
	w.put("A.Txt", "1", 1)
	w.put("b.part", "2", 2)
	w.put(".seen", "3", 3)
	w.put("c.hl7", "-", 4)
	w.put(".hidden.txt", "-", 5)
	w.put("archive/d.txt", "-", 6)
	w.put("sub/e.txt", "-", 7)
	w.wantRun("A.Txt=1 b.part=2 .seen=3", "3 files")

	all := newWorld(t, nil)
	all.put("a.hl7", "1", 1)
	for _, name := range []string{".h", "x.part", "x.FILEPART", "x.tmp", "x~", "a.hl7.done", "empty.txt"} {
		all.put(name, map[bool]string{true: "", false: "-"}[name == "empty.txt"], 2)
	}
	all.wantRun("a.hl7=1", `1 file; 1 empty: "empty.txt"`)
}

func TestFolderRecursive(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Recursive, c.After = true, Archive })
	w.put("a.txt", "1", 1)
	w.put("sub/a.txt", "2", 2)
	w.put("sub/.git/a.txt", "-", 3)
	w.put("sub/archive/old.txt", "-", 3)
	w.wantRun("a.txt=1 sub/a.txt=2", "2 files")
	if got, want := tree(t, w.box), "archive/a.txt=1 sub/.git/a.txt=- sub/archive/a.txt=2 sub/archive/old.txt=-"; got != want {
		t.Errorf("the box holds %s, want %s", got, want)
	}
	w.wantRun("", "nothing new")
}

func TestFolderOddThingsAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	secret := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.put("good.txt", "1", 1)
	w.put("line\nbreak.txt", "-", 1)
	w.put("back\\slash.txt", "-", 1)
	w.put("bad\xff.txt", "-", 1)
	w.put("right\u202eleft.txt", "-", 1)
	for name, to := range map[string]string{"link.txt": secret, "inside.txt": "good.txt", "dangling.txt": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(w.box, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Dir(secret), filepath.Join(w.box, "linkdir")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(w.box, "pipe.txt"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.config.Recursive = true
	got, f := w.run()
	if got != "good.txt=1" {
		t.Errorf("loaded %q", got)
	}
	for _, want := range []string{"4 refused for an odd name", `"line\nbreak.txt"`, "5 refused, no regular file"} {
		if !strings.Contains(f.Note, want) {
			t.Errorf("%q is not in the note %q", want, f.Note)
		}
	}
	if strings.Contains(f.Note, "\n") {
		t.Error("the note has a line break")
	}
}

// A link that takes the place of a listed file is not followed.
func TestFolderLinkInPlaceOfAFile(t *testing.T) {
	w := newWorld(t, nil)
	w.put("real.txt", "1", 1)
	if err := os.Symlink("real.txt", filepath.Join(w.box, "link.txt")); err != nil {
		t.Fatal(err)
	}
	b, err := openFolder(w.box)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if _, err := b.open(context.Background(), "link.txt"); !errors.Is(err, errChanged) {
		t.Errorf("open of a link: %v", err)
	}
	if _, err := b.open(context.Background(), "../x"); err == nil {
		t.Error("a name that leaves the folder was opened")
	}
}

func TestStability(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.StableFor = 20 * time.Minute }) // longer than a run waits
	w.put("a.txt", "1", 1)
	w.wantRun("", `nothing new; 1 not yet stable: "a.txt"`)
	w.now = w.now.Add(9 * time.Minute)
	w.put("a.txt", "12", 2)
	w.wantRun("", "still growing")
	w.now = w.now.Add(9 * time.Minute)
	w.wantRun("", "not yet stable")
	w.now = w.now.Add(-24 * time.Hour) // our clock is set back
	w.wantRun("", "not yet stable")
	w.now = w.now.Add(9 * time.Minute)
	w.wantRun("", "not yet stable")
	w.now = w.now.Add(11 * time.Minute)
	w.wantRun("a.txt=12", "1 file")
	if w.waits != 0 {
		t.Error("a run waited longer than it may")
	}
}

// The server's clock alone proves nothing: a file that looks old, or of the
// future, is new to us when we first see it.
func TestStabilityIgnoresTheServersClock(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.StableFor = 10 * time.Minute })
	w.put("old.txt", "1", -60*24*365)
	w.put("future.txt", "2", 60*24*365*20)
	w.wantRun("", "2 not yet stable")
	w.now = w.now.Add(10 * time.Minute)
	w.wantRun("old.txt=1 future.txt=2", "2 files")
}

func TestMarkers(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Ready = Marked })
	w.put("a.txt", "1", 1)
	w.put("b.txt", "2", 2)
	w.put("c.hl7", "3", 3)
	w.wantRun("", `3 waiting for a marker: "a.txt", "b.txt", "c.hl7"`)
	w.put("a.done", "", 3)
	w.put("b.txt.DONE", "", 4)
	w.put("B.done", "", 4) // of another file
	w.wantRun("a.txt=1 b.txt=2", "1 waiting for a marker")
	w.put("a.txt", "one", 5) // sent again under the old marker
	w.wantRun("", "2 waiting for a marker")
	w.put("a.done", "", 6)
	w.wantRun("a.txt=one", "1 file")
	w.wantRun("", "nothing new")
	if w.waits != 0 {
		t.Error("markers need no waiting")
	}
}

// One marker for two files; the archive takes it with the last of them.
func TestMarkersAndArchive(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Ready, c.After = Marked, Archive })
	w.put("a.txt", "1", 1)
	w.put("a.hl7", "", 2) // empty: stays
	w.put("a.done", "", 3)
	w.put("b.txt", "2", 4)
	w.put("b.txt.done", "", 4)
	w.wantRun("a.txt=1 b.txt=2", "2 files")
	if got, want := tree(t, w.box), "a.done= a.hl7= archive/a.txt=1 archive/b.txt=2 archive/b.txt.done="; got != want {
		t.Errorf("the box holds %s, want %s", got, want)
	}
	w.put("a.txt", "again", 8) // its old marker still lies there for a.hl7
	w.wantRun("", "waiting for a marker")
	w.put("a.hl7", "3", 8)
	w.wantRun("a.hl7=3", "waiting for a marker")
	w.put("a.done", "", 9)
	w.wantRun("a.txt=again", "1 file")
	if got, want := tree(t, w.box), "archive/a.done= archive/a.hl7=3 archive/a.txt=1 archive/a.txt.20260201T000800Z=again archive/b.txt=2 archive/b.txt.done="; got != want {
		t.Errorf("the box holds %s, want %s", got, want)
	}
}

func TestArchive(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.After = Archive })
	for i, text := range []string{"1", "2", "3"} { // twice at the same time of day
		w.put("a.txt", text, i/2)
		w.wantRun("a.txt="+text, "1 file")
	}
	w.put("a.txt", "4", 0)
	w.wantRun("a.txt=4", "1 file")
	want := "archive/a.txt=1 archive/a.txt.20260201T000000Z=2 archive/a.txt.20260201T000000Z.2=4 archive/a.txt.20260201T000100Z=3"
	if got := tree(t, w.box); got != want {
		t.Errorf("the box holds %s, want %s", got, want)
	}
}

// Done may come twice, or never; a newer version that arrived meanwhile stays.
func TestArchiveAgainAndLater(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.After = Archive })
	w.put("a.txt", "1", 1)
	w.put("b.txt", "2", 2)
	w.put("c.txt", "3", 3)
	f := w.mustFetch()
	w.put("b.txt", "newer", 9)
	if err := os.Remove(filepath.Join(w.box, "c.txt")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.source().Done(context.Background(), f); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := tree(t, w.box), "archive/a.txt=1 b.txt=newer"; got != want {
		t.Errorf("the box holds %s, want %s", got, want)
	}
	w.mark = f.Mark
	f = w.mustFetch()
	w.mark = f.Mark // loaded and kept, then killed before Done
	w.wantRun("", "nothing new")
	if got, want := tree(t, w.box), "archive/a.txt=1 archive/b.txt=newer"; got != want {
		t.Errorf("the box holds %s, want %s", got, want)
	}
}

// A crash between link and remove leaves the file under both names.
func TestArchiveAfterHalfAMove(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.After = Archive })
	w.put("a.txt", "1", 1)
	f := w.mustFetch()
	if err := os.Mkdir(filepath.Join(w.box, "archive"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(w.box, "a.txt"), filepath.Join(w.box, "archive/a.txt")); err != nil {
		t.Fatal(err)
	}
	if err := w.source().Done(context.Background(), f); err != nil {
		t.Fatal(err)
	}
	if got, want := tree(t, w.box), "archive/a.txt=1"; got != want {
		t.Errorf("the box holds %s, want %s", got, want)
	}
}

// What was fetched and not yet loaded is handed out again, even if it has gone
// from the box or was replaced there: it has never been loaded.
func TestFetchedIsNotLost(t *testing.T) {
	w := newWorld(t, nil)
	w.put("a.txt", "1", 1)
	w.put("b.txt", "2", 2)
	w.mustFetch() // then the run fails: no Done, the old mark
	if err := os.Remove(filepath.Join(w.box, "a.txt")); err != nil {
		t.Fatal(err)
	}
	w.put("b.txt", "newer", 3)
	w.wantRun("a.txt=1 b.txt=2 b.txt=newer", "3 files")
	w.wantRun("", "nothing new")
}

func TestMarkOfAnotherPlaceIsNone(t *testing.T) {
	w := newWorld(t, nil)
	w.put("a.txt", "1", 1)
	w.wantRun("a.txt=1", "1 file")
	w.mark = strings.Replace(w.mark, w.box, "/elsewhere", 1)
	w.wantRun("a.txt=1", "fetched again")
	w.mark = "{"
	w.wantRun("a.txt=1", "fetched again")
}

func TestMarkIsPruned(t *testing.T) {
	w := newWorld(t, nil)
	w.put("a.txt", "1", 1)
	w.put("b.txt", "2", 1)
	w.run()
	if err := os.Remove(filepath.Join(w.box, "a.txt")); err != nil {
		t.Fatal(err)
	}
	w.run()
	if strings.Contains(w.mark, "a.txt") || !strings.Contains(w.mark, "b.txt") {
		t.Errorf("the mark is %s", w.mark)
	}
}

func TestFolderMissing(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Folder += "/nowhere" })
	if _, err := w.fetch(); !errors.Is(err, dose.ErrUpstream) || !strings.Contains(err.Error(), "mounted") {
		t.Errorf("a missing folder: %v", err)
	}
}

func TestConfigCheck(t *testing.T) {
	bad := Config{
		Folder: "x", Patterns: []string{"[", "a/b"}, Ready: "soon", After: "delete", StableFor: time.Millisecond,
		SFTP: &SFTP{Host: "sftp://host", Port: -1, KeyEnv: "pass phrase", PasswordEnv: "hunter2!", Path: "a\x00"},
	}
	err := bad.Check()
	if !errors.Is(err, dose.ErrInvalid) {
		t.Fatalf("the error is %v", err)
	}
	for _, want := range []string{"either folder or sftp", "ready", "after", "stable_for", `"["`, `"a/b"`, "sftp.host", "sftp.port", "sftp.user", "sftp.known_hosts", "key_file", "sftp.key_env", "sftp.password_env", "sftp.path"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing says %s in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "pass phrase") {
		t.Error("the error shows a secret")
	}
	if err := (Config{SFTP: &SFTP{Host: "h", User: "u", KeyFile: "k", KnownHosts: "kh"}, Ready: Marked, After: Archive}).Check(); err != nil {
		t.Error(err)
	}
}
