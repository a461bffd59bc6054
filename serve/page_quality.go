package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// mostSenders bounds the senders that the page lists.
const mostSenders = 40

// qualityPage shows what registries and senders sent. It is the state's.
func (s *server) qualityPage(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	m, grant, err := s.stateRelease(r, p, "quality")
	if err != nil {
		return err
	}
	body, err := once(s.views, "quality "+m.ID, func() (*dashboards.Quality, error) { return s.countQuality(r.Context(), m) })
	if err != nil {
		return err
	}
	return s.showPage(w, r, p, access.Entry{Action: "page", Release: m.ID, Grant: grant, File: "quality"}, "quality",
		dashboards.Page{Title: "Quality", At: "Quality", Release: m.ID, Body: *body,
			Lead: "What each registry and sender reported, how soon and how completely, and what was refused."})
}

// stateRelease decides about a page of the whole state.
func (s *server) stateRelease(r *http.Request, p access.Principal, file string) (*release.Manifest, int64, error) {
	scope, err := s.decide(r, p, access.Read, stateCounts, access.Entry{Action: "page", Release: r.PathValue("release"), File: file})
	if err != nil {
		return nil, 0, err
	}
	m, err := s.asked(r, p)
	return m, scope.Grant, err
}

func (s *server) countQuality(ctx context.Context, m *release.Manifest) (*dashboards.Quality, error) {
	q := &dashboards.Quality{}
	note := func(anchor, says string) dashboards.Note {
		return dashboards.Note{Release: m.ID, Anchor: anchor, CSV: "/releases/" + m.ID + "/quality/" + anchor + ".csv", Says: says}
	}
	q.SenderOf = note("senders", "quality_day: events by the day they were first reported, in their current version. Within so many days of the dose, of those whose delay is known; historical doses are left out. Expected: the mean of 28 days over the 180 days before the last 28.")
	q.RejectOf = note("rejects", "Records that were refused, each kept with line, field, code and remedy.")
	q.FindingOf = note("findings", "quality_finding: what only a set of records shows (docs/QUALITY.md).")
	for _, step := range []func() error{
		func() error { return s.fillSenders(ctx, q, m.ID) },
		func() error { return s.fillRejects(ctx, q, m.ID) },
		func() error { return s.fillFindings(ctx, q, m.ID) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return q, nil
}

var senderColumns = []string{"registry", "sender", "day", "events", "rejects", "timed", "within_3", "within_7", "within_30", "with_race", "with_zip", "with_phone", "with_lot", "county_unknown"}

// fillSenders adds quality_day up by registry, and by sender.
func (s *server) fillSenders(ctx context.Context, q *dashboards.Quality, id string) (err error) {
	t, err := s.tableOf(id, "quality_day")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	p, err := t.part(ctx, "", nil, senderColumns...)
	if err != nil {
		return err
	}
	registries, senders := map[string]*dashboards.Sender{}, map[string]*dashboards.Sender{}
	for i := range p.rows {
		registry, name := p.text("registry", i), p.text("sender", i)
		addSender(registries, registry, dashboards.Sender{Registry: registry}, p, i)
		addSender(senders, registry+"\t"+name, dashboards.Sender{Registry: registry, Name: cmp.Or(name, "not named")}, p, i)
	}
	for i := range p.rows {
		r := registries[p.text("registry", i)]
		switch n := daysBetween(p.day("day", i), r.Last); {
		case n < window:
			r.Recent += p.int("events", i)
		case n < window+baseline:
			r.Before += p.int("events", i)
		}
	}
	for _, r := range registries {
		r.Expected = r.Before * window / baseline
	}
	q.Registries, q.Senders = largestSenders(registries), largestSenders(senders)
	q.More = max(len(q.Senders)-mostSenders, 0)
	q.Senders = q.Senders[:len(q.Senders)-q.More]
	return nil
}

// What was received is held against what was received before, as the
// findings do (release.DefaultThresholds).
const window, baseline = 28, 180

func addSender(to map[string]*dashboards.Sender, key string, is dashboards.Sender, p part, i int) {
	x := to[key]
	if x == nil {
		x = &is
		to[key] = x
	}
	for _, f := range []struct {
		sum *int64
		col string
	}{{&x.Events, "events"}, {&x.Rejects, "rejects"}, {&x.Timed, "timed"}, {&x.Within3, "within_3"}, {&x.Within7, "within_7"}, {&x.Within30, "within_30"},
		{&x.Race, "with_race"}, {&x.ZIP, "with_zip"}, {&x.Phone, "with_phone"}, {&x.Lot, "with_lot"}, {&x.Unknown, "county_unknown"}} {
		*f.sum += p.int(f.col, i)
	}
	if day := p.day("day", i); day != "" {
		x.Last = max(x.Last, day)
		if x.First == "" || day < x.First {
			x.First = day
		}
	}
}

func largestSenders(by map[string]*dashboards.Sender) (out []dashboards.Sender) {
	for _, x := range by {
		out = append(out, *x)
	}
	slices.SortFunc(out, func(a, b dashboards.Sender) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), strings.Compare(a.Registry, b.Registry), strings.Compare(a.Name, b.Name))
	})
	return out
}

// fillRejects counts refusals by what is wrong; it reads no record.
func (s *server) fillRejects(ctx context.Context, q *dashboards.Quality, id string) (err error) {
	t, err := s.tableOf(id, "reject")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	counts, err := t.cross(ctx, "code", "field", "message", "remedy", "registry")
	if err != nil {
		return err
	}
	by := map[string]*dashboards.Reject{}
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		v := strings.Split(key, "\t")
		what := strings.Join(v[:4], "\t")
		x := by[what]
		if x == nil {
			x = &dashboards.Reject{Code: v[0], Field: v[1], Says: v[2], Remedy: v[3]}
			by[what] = x
		}
		x.Count += counts[key]
		x.Registries = append(x.Registries, v[4]+" "+dashboards.Number(counts[key]))
	}
	for _, x := range by {
		q.Rejects = append(q.Rejects, *x)
	}
	slices.SortFunc(q.Rejects, func(a, b dashboards.Reject) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Code+a.Field, b.Code+b.Field))
	})
	return nil
}

func (s *server) fillFindings(ctx context.Context, q *dashboards.Quality, id string) (err error) {
	t, err := s.tableOf(id, "quality_finding")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	p, err := t.part(ctx, "", nil, "code", "severity", "says", "remedy")
	if err != nil {
		return err
	}
	for i := range p.rows {
		q.Findings = append(q.Findings, dashboards.Finding{Code: p.text("code", i), Severity: p.text("severity", i), Says: p.text("says", i), Remedy: p.text("remedy", i)})
	}
	return nil
}

// qualityCSV sends the tables of the page of quality.
func (s *server) qualityCSV(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	m, grant, err := s.stateRelease(r, p, r.PathValue("file"))
	if err != nil {
		return err
	}
	q, err := once(s.views, "quality "+m.ID, func() (*dashboards.Quality, error) { return s.countQuality(r.Context(), m) })
	if err != nil {
		return err
	}
	var rows [][]string
	switch r.PathValue("file") {
	case "senders.csv":
		rows = sendersTable(append(slices.Clone(q.Registries), q.Senders...))
	case "rejects.csv":
		rows = [][]string{{"code", "field", "says", "remedy", "count"}}
		for _, x := range q.Rejects {
			rows = append(rows, []string{x.Code, x.Field, x.Says, x.Remedy, digits(x.Count)})
		}
	case "findings.csv":
		rows = [][]string{{"code", "severity", "says", "remedy"}}
		for _, x := range q.Findings {
			rows = append(rows, []string{x.Code, x.Severity, x.Says, x.Remedy})
		}
	default:
		return fmt.Errorf("the figures of quality are senders.csv, rejects.csv and findings.csv: %w", dose.ErrNotFound)
	}
	return s.sendCSV(w, r, p, access.Entry{Action: "page", Release: m.ID, Grant: grant, File: r.PathValue("file")}, rows)
}

func sendersTable(all []dashboards.Sender) [][]string {
	out := [][]string{{"registry", "sender", "events", "rejects", "timed", "within_3", "within_7", "within_30", "with_race", "with_zip", "with_phone", "with_lot", "county_unknown", "first", "last"}}
	for _, x := range all {
		row := []string{x.Registry, x.Name}
		for _, n := range []int64{x.Events, x.Rejects, x.Timed, x.Within3, x.Within7, x.Within30, x.Race, x.ZIP, x.Phone, x.Lot, x.Unknown} {
			row = append(row, digits(n))
		}
		out = append(out, append(row, x.First, x.Last))
	}
	return out
}
