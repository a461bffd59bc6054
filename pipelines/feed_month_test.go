package pipelines

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/control"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/cvrs"
	"github.com/dosebook/dosebook/load"
)

// registry is a scripted source: it publishes files at instants, and is down
// at times. Its mark is how many files were fetched.
type registry struct {
	*month
	code      string
	published []publication
	down      []span
	done      map[string]int
}

type publication struct {
	at   time.Time
	name string
}

type span struct{ from, to time.Time }

func (s span) holds(t time.Time) bool { return !t.Before(s.from) && t.Before(s.to) }

func (r *registry) Fetch(_ context.Context, dir, mark string) (extract.Fetched, error) {
	for _, s := range r.down {
		if s.holds(r.now) {
			return extract.Fetched{}, fmt.Errorf("no answer: %w", dose.ErrUpstream)
		}
	}
	n, _ := strconv.Atoi("0" + mark)
	for _, p := range r.published[:n] {
		if r.done[p.name] == 0 {
			r.t.Errorf("asked for more before it was told that %s is loaded", p.name)
		}
	}
	got := extract.Fetched{}
	for i, p := range r.published[n:] {
		if p.at.After(r.now) {
			break
		}
		path := filepath.Join(dir, p.name)
		if err := os.WriteFile(path, []byte(cvrsFile(p.name)), 0o600); err != nil {
			return got, err
		}
		r.hook("source")
		got.Payloads = append(got.Payloads, extract.Payload{Path: path, Name: p.name})
		got.Mark = strconv.Itoa(n + i + 1)
	}
	if got.Mark == "" {
		got.Mark = mark
	}
	return got, nil
}

func (r *registry) Done(_ context.Context, f extract.Fetched) error {
	for _, p := range f.Payloads {
		r.done[p.Name]++
		if err := os.Remove(p.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// cvrsFile is a file of two events; its name makes its bytes its own.
func cvrsFile(name string) string {
	var head, a, b []string
	for _, c := range dose.Raw()[:dose.CVRSColumns] {
		cell := map[string]string{"ext_type": "I", "recip_id": "r", "admin_date": "2022-03-01", "cvx": "208", "recip_address_state": "CA"}[c.Name]
		head, a, b = append(head, c.Name), append(a, cell), append(b, cell)
	}
	a[0], b[0] = name+"-1", name+"-2"
	return strings.Join(head, "\t") + "\n" + strings.Join(a, "\t") + "\n" + strings.Join(b, "\t") + "\n"
}

// month is a simulated stretch of time on one machine.
type month struct {
	t        *testing.T
	dir      string
	now, end time.Time
	luck     *rand.Rand
	killing  bool
	kills    map[string]int
	off      []span // the machine is off
	db       *sql.DB
	feeds    *Feeds
	sources  map[string]*registry
	declared []Feed
	looks    []time.Time
	heard    map[int64]int
	busy     int // how often the writer's lease is found taken
}

type kill struct{ point string }

// hook ends the process, now and then.
func (m *month) hook(point string) {
	if m.killing && m.luck.IntN(16) == 0 {
		m.kills[point]++
		panic(kill{point})
	}
}

// Name and Send make the month a channel of its own.
func (m *month) Name() string { return "test" }
func (m *month) Send(_ context.Context, n Notice) error {
	if m.luck.IntN(3) == 0 {
		return fmt.Errorf("no answer: %w", dose.ErrUpstream)
	}
	m.heard[n.ID]++
	return nil
}

// start is a new process.
func (m *month) start() {
	m.t.Helper()
	if m.db != nil {
		_ = m.db.Close()
	}
	db, err := control.Open(m.t.Context(), m.dir)
	if err != nil {
		m.t.Fatal(err)
	}
	m.db = db
	runner := &Runner{Raw: Raw{Dir: filepath.Join(m.dir, "raw")}, Lake: load.Lake{Dir: filepath.Join(m.dir, "lake")}, Ledger: NewLedger(db),
		Now: func() time.Time { return m.now }, Workers: 1, Decoder: func(string) (extract.Decoder, error) { return &cvrs.Decoder{}, nil }}
	m.feeds = &Feeds{List: m.declared, Book: NewFeedBook(db), Raw: runner.Raw, Dir: filepath.Join(m.dir, "feeds"), hook: m.hook,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: runner.Now, Rand: m.luck.Float64, Channels: []Channel{m},
		Sleep: func(_ context.Context, d time.Duration) error { m.now = m.now.Add(d); return nil }}
	m.feeds.Load = func(ctx context.Context, _ string, reqs ...Request) (*Report, error) {
		if m.luck.IntN(10) == 0 {
			m.busy++
			return nil, fmt.Errorf("somebody writes: %w", dose.ErrLocked)
		}
		rep, err := runner.Load(ctx, reqs...)
		m.hook("ledger")
		return rep, err
	}
	if err := m.feeds.Open(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
}

// tick is one look at the clock; it says whether the process lived.
func (m *month) tick() (alive bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(kill); !ok {
				panic(p)
			}
		}
	}()
	if err := m.feeds.Look(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	m.looks = append(m.looks, m.now)
	if _, err := m.feeds.RunDue(m.t.Context()); err != nil && !errors.Is(err, dose.ErrUpstream) {
		m.t.Fatal(err)
	}
	m.feeds.Deliver(m.t.Context())
	return true
}

// run lets time pass.
func (m *month) run(step time.Duration) {
	for alive := false; m.now.Before(m.end); m.now = m.now.Add(step) {
		if slices.ContainsFunc(m.off, func(s span) bool { return s.holds(m.now) }) {
			alive = false
			continue
		}
		if !alive {
			m.start()
		}
		alive = m.tick()
	}
	// Then nothing goes wrong any more for a day.
	m.killing = false
	m.start()
	for end := m.now.AddDate(0, 0, 1); m.now.Before(end); m.now = m.now.Add(step) {
		m.tick()
	}
}

func TestMonth(t *testing.T) {
	zone, err := Pacific()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		from time.Time
	}{
		{"March, clocks go forward", time.Date(2022, 3, 1, 0, 5, 0, 0, zone)},
		{"November, clocks go back", time.Date(2022, 10, 20, 0, 5, 0, 0, zone)},
	} {
		for seed := range uint64(2) {
			if testing.Short() && (seed == 0 || c.from.Month() != time.March) {
				continue // one month with kills shows what runs side by side
			}
			t.Run(fmt.Sprintf("%s %d", c.name, seed), func(t *testing.T) { t.Parallel(); simulate(t, c.from, zone, seed) })
		}
	}
}

func simulate(t *testing.T, from time.Time, zone *time.Location, seed uint64) {
	m := &month{t: t, dir: t.TempDir(), now: from, end: from.AddDate(0, 0, 31), luck: rand.New(rand.NewPCG(seed, 7)),
		killing: seed > 0, kills: map[string]int{}, sources: map[string]*registry{}, heard: map[int64]int{}}
	for i, schedule := range []string{"30 2 * * *", "30 1 * * *", "15 */4 * * *"} {
		name := []string{"north", "south", "often"}[i]
		src := &registry{month: m, code: fmt.Sprintf("CA%c", 'A'+i), done: map[string]int{}}
		for d := range 32 {
			day := time.Date(from.Year(), from.Month(), from.Day()+d, 1, 10, 0, 0, zone)
			p := publication{day, day.Format("20060102") + "_01_" + src.code + ".txt"}
			if d < 30 && m.luck.IntN(6) == 0 {
				p.at = day.Add(time.Duration(m.luck.IntN(40)) * time.Hour) // late, or out of order
			}
			src.published = append(src.published, p)
		}
		slices.SortStableFunc(src.published, func(a, b publication) int { return a.at.Compare(b.at) })
		for range 4 {
			at := from.Add(time.Duration(m.luck.IntN(28*24)) * time.Hour)
			src.down = append(src.down, span{at, at.Add(time.Duration(1+m.luck.IntN(30)) * time.Hour)})
		}
		s, err := ParseSchedule(schedule)
		if err != nil {
			t.Fatal(err)
		}
		days, err := ParseDays("daily")
		if err != nil {
			t.Fatal(err)
		}
		m.sources[name] = src
		m.declared = append(m.declared, Feed{Name: name, Registry: "CAIR2", Format: "cvrs", Action: "A", Schedule: s, Limit: 0.05,
			Expect: &Expect{By: 9 * time.Hour, Grace: 30 * time.Minute, Days: days, Records: 2}, Source: src})
	}
	if seed > 0 {
		at := from.Add(time.Duration(24*5+m.luck.IntN(240)) * time.Hour)
		m.off = []span{{at, at.Add(53 * time.Hour)}}
	}
	step := 20 * time.Minute
	if testing.Short() {
		step = 30 * time.Minute
	}
	m.run(step)
	nothingLost(t, m)
	nothingTwice(t, m)
	everyLateDay(t, m, zone)
	t.Logf("killed at %v, %d times locked out", m.kills, m.busy)
	if len(m.kills) < 5 && seed > 0 {
		t.Error("the process was hardly ever killed")
	}
}

// nothingLost: what was published is in the ledger once, and its source told.
func nothingLost(t *testing.T, m *month) {
	t.Helper()
	all, err := NewLedger(m.db).List(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]int{}
	for _, k := range all {
		in[k.Name]++
	}
	total := 0
	for _, src := range m.sources {
		for _, p := range src.published {
			total++
			if in[p.name] != 1 || src.done[p.name] == 0 {
				t.Errorf("%s is in the ledger %d times, its source was told %d times", p.name, in[p.name], src.done[p.name])
			}
		}
	}
	if len(all) != total {
		t.Errorf("%d segments of %d files", len(all), total)
	}
}

// nothingTwice: each due time was served once; or not at all, and then the
// machine was off or every run failed or was killed until the next one.
func nothingTwice(t *testing.T, m *month) {
	t.Helper()
	for _, feed := range m.declared {
		runs, err := m.feeds.Book.Runs(t.Context(), feed.Name, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		served, failed := map[int64]int{}, map[int64]bool{}
		for _, r := range runs {
			switch {
			case r.served():
				served[r.Due.Unix()]++
			case r.State == stateRunning:
				t.Errorf("%s: run %d is still open", feed.Name, r.ID)
			case r.State == stateFailed || r.Attempt >= 3: // killed three times, it waits a while
				failed[r.Due.Unix()] = true
			}
		}
		due := 0
		since, err := m.feeds.Book.since(t.Context(), feed.Name)
		if err != nil {
			t.Fatal(err)
		}
		for at := feed.Schedule.Next(since); !at.After(m.now.Add(-time.Hour)); at = feed.Schedule.Next(at) {
			due++
			next := feed.Schedule.Next(at)
			off := slices.ContainsFunc(m.off, func(s span) bool { return s.holds(at) && !s.to.Before(next.Add(-10*time.Minute)) })
			if n := served[at.Unix()]; n > 1 || n == 0 && !off && !failed[at.Unix()] {
				t.Errorf("%s: the run of %s was made %d times", feed.Name, at, n)
			}
			delete(served, at.Unix())
		}
		if len(served) > 0 || due < 30 {
			t.Errorf("%s: %d due times, runs for others: %v", feed.Name, due, served)
		}
	}
}

// everyLateDay: a day's notice was raised if and only if its data was not here
// when somebody could look, told once, and is over.
func everyLateDay(t *testing.T, m *month, zone *time.Location) {
	t.Helper()
	lateDays := 0
	for _, feed := range m.declared {
		notices, err := m.feeds.Book.Notices(t.Context(), feed.Name, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		noticed := map[string]int{}
		for _, n := range notices {
			if m.heard[n.ID] != 1 || n.Cleared.IsZero() {
				t.Errorf("%s: notice %s %s was told %d times, over at %s", feed.Name, n.Kind, n.Day, m.heard[n.ID], n.Cleared)
			}
			if n.Kind == late {
				noticed[n.Day]++
			}
		}
		payloads, err := m.feeds.Book.Payloads(t.Context(), feed.Name, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		came := map[string]time.Time{}
		for _, p := range payloads {
			if p.State == "loaded" {
				came[p.Day] = p.At
			}
		}
		for day, at := range came {
			d, err := time.Parse(time.DateOnly, day)
			if err != nil {
				t.Fatal(err)
			}
			deadline := time.Date(d.Year(), d.Month(), d.Day(), 9, 30, 0, 0, zone)
			looked := slices.ContainsFunc(m.looks, func(l time.Time) bool { return !l.Before(deadline) && l.Before(at.Add(time.Microsecond)) })
			want := 0
			if at.After(deadline) && looked {
				want, lateDays = 1, lateDays+1
			}
			if noticed[day] != want {
				t.Errorf("%s: %s came at %s and was noticed %d times", feed.Name, day, at.In(zone), noticed[day])
			}
			delete(noticed, day)
		}
		if len(noticed) > 0 || len(came) < 31 {
			t.Errorf("%s: %d days came; notices for others: %v", feed.Name, len(came), noticed)
		}
	}
	if lateDays == 0 {
		t.Error("no day was late: the script is too kind")
	}
}
