package pipelines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dosebook/dosebook/control"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/cvrs"
	"github.com/dosebook/dosebook/load"
)

// script is a source that does what its functions say.
type script struct {
	fetch func(dir, mark string) (extract.Fetched, error)
	done  func(extract.Fetched) error
}

func (s *script) Fetch(_ context.Context, dir, mark string) (extract.Fetched, error) {
	return s.fetch(dir, mark)
}

func (s *script) Done(_ context.Context, f extract.Fetched) error {
	if s.done == nil {
		return nil
	}
	return s.done(f)
}

// stand is one feed on one machine, with a clock of its own.
type stand struct {
	*Feeds
	src   *script
	now   time.Time
	slept []time.Duration
	mu    sync.Mutex
}

// newStand has a feed that is due at 02:30, at noon of 2022-03-01.
func newStand(t *testing.T, dir string) *stand {
	t.Helper()
	db, err := control.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	zone, err := Pacific()
	if err != nil {
		t.Fatal(err)
	}
	s := &stand{src: &script{}, now: time.Date(2022, 3, 1, 12, 0, 0, 0, zone)}
	schedule, err := ParseSchedule("30 2 * * *")
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.now
	}
	r := &Runner{Raw: Raw{Dir: filepath.Join(dir, "raw")}, Lake: load.Lake{Dir: filepath.Join(dir, "lake")}, Ledger: NewLedger(db), Now: clock,
		Workers: 1, Decoder: func(string) (extract.Decoder, error) { return &cvrs.Decoder{}, nil }}
	s.Feeds = &Feeds{List: []Feed{{Name: "north", Registry: "CAIR2", Format: "cvrs", Action: "A", Schedule: schedule, Limit: 0.05, Source: s.src}},
		Book: NewFeedBook(db), Raw: r.Raw, Dir: filepath.Join(dir, "feeds"), Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: clock,
		Rand: func() float64 { return 0.5 }, Load: func(ctx context.Context, _ string, reqs ...Request) (*Report, error) { return r.Load(ctx, reqs...) },
		Sleep: func(_ context.Context, d time.Duration) error { s.pass(d); s.slept = append(s.slept, d); return nil }}
	s.src.fetch = func(_, mark string) (extract.Fetched, error) { return extract.Fetched{Mark: mark}, nil }
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stand) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// at runs what is due at a time of March 2022 and says what the runs became.
func (s *stand) at(t *testing.T, day, hour, minute int) string {
	t.Helper()
	s.mu.Lock()
	s.now = time.Date(2022, 3, day, hour, minute, 0, 0, s.now.Location())
	s.mu.Unlock()
	runs, _ := s.RunDue(t.Context())
	var out []string
	for _, r := range runs {
		out = append(out, fmt.Sprintf("%s %d", r.State, r.Attempt))
	}
	return strings.Join(out, ", ")
}

// bring makes the source bring files of these names.
func (s *stand) bring(t *testing.T, names ...string) {
	s.src.fetch = func(dir, mark string) (extract.Fetched, error) {
		f := extract.Fetched{Mark: mark + "x"}
		for _, n := range names {
			path := filepath.Join(dir, n)
			if err := os.WriteFile(path, []byte(cvrsFile(n)), 0o600); err != nil {
				t.Error(err)
			}
			f.Payloads = append(f.Payloads, extract.Payload{Path: path, Name: n})
		}
		return f, nil
	}
}

func (s *stand) fail(err error) {
	s.src.fetch = func(string, string) (extract.Fetched, error) { return extract.Fetched{}, fmt.Errorf("no: %w", err) }
}

// TestFeedTries: what another try may cure is tried again, within the run and
// after it; what it can't waits for the next due time.
func TestFeedTries(t *testing.T) {
	s := newStand(t, t.TempDir())
	s.fail(dose.ErrUpstream)
	for _, c := range []struct {
		hour, minute int
		want         string
	}{{2, 29, ""}, {2, 30, "failed 1"}, {2, 32, ""}, {2, 34, "failed 2"}, {2, 36, ""}, {2, 41, "failed 3"}, {2, 45, ""}, {2, 55, "failed 4"}} {
		if got := s.at(t, 2, c.hour, c.minute); got != c.want {
			t.Errorf("at %d:%d: %q, want %q", c.hour, c.minute, got, c.want)
		}
	}
	if len(s.slept) != 4*3 || s.slept[0] != 5*time.Second || s.slept[2] != 20*time.Second {
		t.Errorf("slept %v", s.slept)
	}
	s.bring(t, "20220302_01_CAA.txt")
	if got := s.at(t, 2, 3, 30); got != "ok 5" {
		t.Error(got)
	}
	for _, kind := range []error{dose.ErrDenied, dose.ErrInvalid} {
		s = newStand(t, t.TempDir())
		s.fail(kind)
		if got := s.at(t, 2, 2, 30) + "; " + s.at(t, 2, 20, 0) + "; " + s.at(t, 3, 2, 30); got != "failed 1; ; failed 1" || len(s.slept) > 0 {
			t.Errorf("%v: %s, slept %v", kind, got, s.slept)
		}
		if err := s.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Book.Notices(t.Context(), "north", 9); err != nil || len(n) != 1 || n[0].Kind != failing {
			t.Errorf("%v: notices %+v %v", kind, n, err)
		}
		if st, err := s.Status(t.Context()); err != nil || st[0].State != failing || !strings.Contains(st[0].Why[0].Do, "dosebook run north") {
			t.Errorf("%+v %v", st, err)
		}
	}
}

// TestFeedClock: a clock that is set back makes nothing run twice; one that was
// far ahead stops nothing.
func TestFeedClock(t *testing.T) {
	s := newStand(t, t.TempDir())
	if got := s.at(t, 2, 2, 35) + "; " + s.at(t, 2, 1, 35) + "; " + s.at(t, 2, 2, 31) + "; " + s.at(t, 3, 2, 31); got != "nothing 1; ; ; nothing 1" {
		t.Errorf("set back by an hour: %s", got)
	}
	if got := s.at(t, 28, 12, 0) + "; " + s.at(t, 3, 3, 0) + "; " + s.at(t, 4, 2, 31) + "; " + s.at(t, 5, 2, 31); got != "nothing 1; ; nothing 1; nothing 1" {
		t.Errorf("ahead by weeks: %s", got)
	}
	future := newStand(t, t.TempDir())
	if got := future.at(t, -60, 12, 0) + "; " + future.at(t, -59, 2, 31); got != "; nothing 1" {
		t.Errorf("first seen by a clock that was ahead: %s", got)
	}
}

// TestFeedLocks: one run of a feed at a time; a writer is waited for; what
// keeps files from being loaded is tried again.
func TestFeedLocks(t *testing.T) {
	s := newStand(t, t.TempDir())
	lease, err := Acquire(filepath.Join(s.Dir, "north"), "run north", s.now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), "north"); !errors.Is(err, dose.ErrLocked) || !strings.Contains(err.Error(), "feed north is being run") {
		t.Error(err)
	}
	if got, err := s.RunDue(t.Context()); len(got) > 0 || err != nil {
		t.Error(got, err)
	}
	if err := lease.Release(); err != nil {
		t.Fatal(err)
	}
	s.pass(24 * time.Hour)
	for i, want := range []bool{true, false} { // what was due when we looked may be served by the time we have the lease
		if o, err := s.run(t.Context(), &s.List[0], true); err != nil || (o.ID != 0) != want {
			t.Errorf("look %d: %+v %v", i, o, err)
		}
	}
	s.bring(t, "20220302_01_CAA.txt")
	load, busy := s.Load, 3
	s.Load = func(ctx context.Context, feed string, reqs ...Request) (*Report, error) {
		if busy--; busy >= 0 {
			return nil, fmt.Errorf("somebody writes: %w", dose.ErrLocked)
		}
		return load(ctx, feed, reqs...)
	}
	if got := s.at(t, 3, 2, 30); got != "ok 1" || len(s.slept) != 3 {
		t.Errorf("%s, slept %v", got, s.slept)
	}
	busy = 1 << 30
	s.bring(t, "20220303_01_CAA.txt")
	if got := s.at(t, 4, 2, 30); got != "failed 1" || len(s.slept) < 1800 {
		t.Errorf("%s, slept %d times", got, len(s.slept))
	}
	busy = 0
	s.Load = func(context.Context, string, ...Request) (*Report, error) {
		return nil, fmt.Errorf("no space left on device: %w", dose.ErrInvalid)
	}
	if got := s.at(t, 4, 4, 30); got != "failed 2" {
		t.Error(got)
	}
	s.Load = load
	if got := s.at(t, 4, 5, 30); got != "ok 3" {
		t.Error(got)
	}
}

// TestFeedDone: a source that can't archive is told again, and keeps no new
// data out.
func TestFeedDone(t *testing.T) {
	s := newStand(t, t.TempDir())
	told := map[string]int{}
	broken := true
	s.src.done = func(f extract.Fetched) error {
		for _, p := range f.Payloads {
			told[p.Name]++
		}
		if broken {
			return fmt.Errorf("may not move: %w", dose.ErrDenied)
		}
		return nil
	}
	s.bring(t, "20220302_01_CAA.txt")
	if got := s.at(t, 2, 2, 30); got != "failed 1" {
		t.Error(got)
	}
	s.bring(t, "20220303_01_CAA.txt")
	if got := s.at(t, 3, 2, 30); got != "failed 1" || told["20220303_01_CAA.txt"] != 1 || told["20220302_01_CAA.txt"] != 3 {
		t.Error(got, told)
	}
	if in, err := NewLedger(s.Book.db).List(t.Context(), 0); err != nil || len(in) != 2 {
		t.Error(len(in), err)
	}
	broken = false
	s.bring(t)
	if got := s.at(t, 4, 2, 30); got != "nothing 1" || told["20220302_01_CAA.txt"] != 4 {
		t.Error(got, told)
	}
	if mark, pending, err := s.Book.mark(t.Context(), "north"); err != nil || len(pending) != 0 || mark != "xxx" {
		t.Error(mark, pending, err)
	}
}

// TestFeedStopped: a run that is told to stop is interrupted, and gone on with.
func TestFeedStopped(t *testing.T) {
	s := newStand(t, t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	s.src.fetch = func(string, string) (extract.Fetched, error) { stop(); return extract.Fetched{}, ctx.Err() }
	if o, err := s.Run(ctx, "north"); !errors.Is(err, context.Canceled) || o.State != stateInterrupted {
		t.Errorf("%+v %v", o, err)
	}
	s.bring(t, "20220302_01_CAA.txt")
	if got := s.at(t, 2, 2, 30); got != "ok 1" {
		t.Error(got)
	}
}

// TestFeedLost: a source that names a file it did not bring fails; its mark
// does not move.
func TestFeedLost(t *testing.T) {
	s := newStand(t, t.TempDir())
	s.src.fetch = func(dir, _ string) (extract.Fetched, error) {
		return extract.Fetched{Mark: "far", Payloads: []extract.Payload{{Path: filepath.Join(dir, "none"), Name: "none"}}}, nil
	}
	if got := s.at(t, 2, 2, 30); got != "failed 1" {
		t.Error(got)
	}
	if mark, _, err := s.Book.mark(t.Context(), "north"); err != nil || mark != "" {
		t.Error(mark, err)
	}
}

// TestWatch: two processes watch the same feeds for a week; each due time is
// served once, and the end of the context ends both.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	end := time.Date(2022, 3, 9, 0, 0, 0, 0, time.UTC)
	var all sync.WaitGroup
	var stands []*stand
	for range 2 {
		s := newStand(t, dir)
		s.bring(t, "20220302_01_CAA.txt")
		within, over := context.WithCancel(ctx)
		defer over()
		s.Sleep = func(ctx context.Context, d time.Duration) error {
			if s.Now().After(end) {
				over()
			}
			s.pass(20 * time.Minute)
			return Sleep(ctx, time.Millisecond)
		}
		all.Go(func() {
			if err := s.Watch(within); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		stands = append(stands, s)
	}
	all.Wait()
	runs, err := stands[0].Book.Runs(t.Context(), "north", 1000)
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]int{}
	for _, r := range runs {
		if r.served() {
			served[r.Due.Format(time.DateOnly)]++
		}
	}
	for day := 2; day <= 8; day++ {
		if n := served[fmt.Sprintf("2022-03-%02d", day)]; n > 1 || n == 0 && day < 8 {
			t.Errorf("March %d was served %d times: %v", day, n, served)
		}
	}
	if in, err := NewLedger(stands[0].Book.db).List(t.Context(), 0); err != nil || len(in) != 1 {
		t.Error(len(in), err)
	}
}

func TestExpect(t *testing.T) {
	zone, err := Pacific()
	if err != nil {
		t.Fatal(err)
	}
	s := newStand(t, t.TempDir())
	days, err := ParseDays("weekdays")
	if err != nil {
		t.Fatal(err)
	}
	s.List[0].Expect = &Expect{By: 9 * time.Hour, Lag: 1, Grace: time.Hour, Days: days, Except: []string{"2022-03-09"}, Records: 2}
	look := func(day, hour int) string {
		t.Helper()
		s.now = time.Date(2022, 3, day, hour, 0, 0, 0, zone)
		missed, here, err := s.missing(t.Context(), &s.List[0])
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(missed, here)
	}
	run := func(day, hour int, names ...string) {
		t.Helper()
		s.bring(t, names...)
		s.now = time.Date(2022, 3, day, hour, 0, 0, 0, zone)
		if _, err := s.Run(t.Context(), "north"); err != nil {
			t.Fatal(err)
		}
	}
	// The feed was first seen on Tuesday the 1st at noon: that day's data is
	// due on the 2nd at 10:00.
	if got := look(2, 9) + look(2, 10); got != "[] [][2022-03-01] []" {
		t.Error(got)
	}
	run(2, 11, "20220301_01_CAA.txt")
	if got := look(2, 12) + look(3, 11); got != "[] [2022-03-01][2022-03-02] [2022-03-01]" {
		t.Error(got)
	}
	run(7, 8, "export-1.txt") // without a date: all up to Sunday the 6th
	if got := look(7, 8); got != "[] [2022-03-01 2022-03-02 2022-03-03 2022-03-04]" {
		t.Error(got)
	}
	if got := look(12, 10); got != "[2022-03-07 2022-03-08 2022-03-10 2022-03-11] [2022-03-01 2022-03-02 2022-03-03 2022-03-04]" {
		t.Error(got)
	}
	if err := s.Excuse(t.Context(), "north", "2022-03-10", "ana"); err != nil {
		t.Fatal(err)
	}
	if st, err := s.Status(t.Context()); err != nil || st[0].State != late || len(st[0].Why) != 3 {
		t.Errorf("%+v %v", st, err)
	}
	s.List[0].Expect.Records = 3
	if got := look(3, 10); !strings.HasPrefix(got, "[2022-03-01 2022-03-02]") {
		t.Errorf("two records are not three: %s", got)
	}
	for text, ok := range map[string]bool{"": true, "daily": true, "mon, Thu": true, "monday": false, "mon;tue": false} {
		if _, err := ParseDays(text); (err == nil) != ok {
			t.Errorf("days %q: %v", text, err)
		}
	}
}

func TestPlain(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errors.Join(fmt.Errorf("a: %w: %w", dose.ErrDenied, dose.ErrHeld), errors.New("access denied")), "a; access denied"},
		{fmt.Errorf("is it mounted? %w", dose.ErrUpstream), "is it mounted?"},
		{dose.ErrHeld, "held"},
	} {
		if got := plain(c.err); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
