package release

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	parquet "github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/load"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Judge is what the gate needs to know besides the release.
type Judge struct {
	Limits *Limits   // nil: the defaults
	Late   []string  // feeds whose data is late
	Now    time.Time // zero: the clock
	Audit  *Mark     // kept with what the gate says; may be nil
}

func (j Judge) limits() Limits {
	if j.Limits == nil {
		return DefaultLimits()
	}
	return *j.Limits
}

func (j Judge) now() time.Time {
	if j.Now.IsZero() {
		j.Now = time.Now()
	}
	return j.Now.UTC().Truncate(time.Second)
}

// figures is one place's row of sql/models/92_gate_figures.sql.
type figures struct {
	Place        string `parquet:"place,optional"`
	Doses        int64  `parquet:"doses,optional"`
	People       int64  `parquet:"people,optional"`
	DosesBefore  int64  `parquet:"doses_before,optional"`
	PeopleBefore int64  `parquet:"people_before,optional"`
	Events       int64  `parquet:"events,optional"`
}

// broken is one invariant of sql/models/91_gate_invariants.sql.
type broken struct {
	What string `parquet:"what,optional"`
	N    int64  `parquet:"n,optional"`
}

// ask asks all questions about a release whose files are in place. The
// warehouse stands at the release's position.
func (s Store) ask(ctx context.Context, w Warehouse, m *Manifest, segments []Segment, j Judge) (*Gate, error) {
	before, err := s.before(m)
	if err != nil {
		return nil, err
	}
	tmp, err := durable.MkdirPart(filepath.Join(s.Dir, "gate"))
	if err != nil {
		return nil, err
	}
	defer tmp.Abort()
	root, err := s.Path(m.ID)
	if err != nil {
		return nil, err
	}
	rules, err := asked[broken](ctx, w, tmp.Dir, "91_gate_invariants.sql", placeFiles(root)...)
	if err != nil {
		return nil, err
	}
	g := &Gate{ID: m.ID, LedgerSeq: m.LedgerSeq, Audit: j.Audit}
	for _, r := range rules {
		says := "none found"
		if r.N > 0 {
			says = strconv.FormatInt(r.N, 10) + " found"
		}
		g.Checks = append(g.Checks, Check{Name: r.What, Invariant: true, Passed: r.N == 0, Value: float64(r.N), Says: says})
	}
	old, since := filepath.Join(root, "county_day.parquet"), int64(0)
	c := compared{limits: j.limits(), late: j.Late}
	if before != nil {
		g.Against, since, c.against = before.ID, before.LedgerSeq, before.ID
		if old, err = s.Path(before.ID, "county_day.parquet"); err != nil {
			return nil, err
		}
	}
	rows, err := asked[figures](ctx, w, tmp.Dir, "92_gate_figures.sql", "{county_day}", quote(filepath.Join(root, "county_day.parquet")),
		"{before}", quote(old), "{since}", strconv.FormatInt(load.Place(since+1, 0), 10))
	if err != nil {
		return nil, err
	}
	c.read(rows, segments, since)
	g.Checks = append(g.Checks, c.checks()...)
	clock, err := s.clock(before, j.now())
	g.Checks = append(g.Checks, clock)
	g.Status = judged(g.Checks)
	return g, err
}

// asked exports a query's rows and reads them back.
func asked[T any](ctx context.Context, w Warehouse, dir, name string, replace ...string) ([]T, error) {
	text, err := sqltext.Text("models/" + name)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, name+".parquet")
	if err := w.Export(ctx, strings.NewReplacer(replace...).Replace(text), path); err != nil {
		return nil, err
	}
	return parquet.ReadFile[T](path)
}

// placeFiles are the replacements of 91_gate_invariants.sql.
func placeFiles(root string) []string {
	list := func(all bool, table string) string {
		var out []string
		for _, p := range dose.Places() {
			if _, county := dose.CountyByFIPS(string(p)); all || county || p == dose.OutOfState || p == dose.UnknownCounty {
				out = append(out, quote(filepath.Join(root, "counties", string(p), table+".parquet")))
			}
		}
		return "[" + strings.Join(out, ", ") + "]"
	}
	return []string{"{dose_event}", list(true, "dose_event"), "{dose}", list(true, "dose"), "{recipient}", list(true, "recipient"),
		"{home}", list(false, "dose_event"), "{county_day}", quote(filepath.Join(root, "county_day.parquet")),
		"{county_demographic_day}", quote(filepath.Join(root, "county_demographic_day.parquet"))}
}

// clock: a release can't be older than the one before it.
func (s Store) clock(before *Manifest, now time.Time) (Check, error) {
	c := Check{Name: "clock", Passed: true, Says: "not before the last release"}
	if before == nil {
		return c, nil
	}
	g, err := s.Gate(before.ID)
	if err != nil {
		return c, dropNotFound(err)
	}
	if back := g.BuiltAt.Sub(now); back > 0 {
		c.Passed, c.Value = false, back.Seconds()
		c.Says = fmt.Sprintf("the clock is %s before the time of release %s: it was set back", back, before.ID)
	}
	return c, nil
}
