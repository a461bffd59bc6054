package release_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/loadtest"
	"github.com/dosebook/dosebook/release"
)

// doses adds n doses of as many people to the log, from number first.
func (b *book) doses(t *testing.T, action string, first, n int, county string) {
	t.Helper()
	rows := make([]loadtest.Row, n)
	for i := range rows {
		id := fmt.Sprint(first + i)
		rows[i] = loadtest.Row{ID: id, Recip: "r" + id, Day: day0, CVX: 208, County: county, Tombstone: action == "D"}
	}
	b.log.Add(t, "CAIR2", action, int64(1000+b.log.Last()), rows...)
}

func strict() *release.Limits {
	l := release.DefaultLimits()
	l.Least = 1
	return &l
}

func (b *book) gate(t *testing.T, id string) *release.Gate {
	t.Helper()
	g, err := b.store.Gate(id)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// failing names the checks that did not pass.
func failing(g *release.Gate) string {
	var out []string
	for _, c := range g.Holding() {
		out = append(out, c.Name)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// TestGateHolds: each limit holds a release, latest stays, and the record
// says why.
func TestGateHolds(t *testing.T) {
	at := time.Date(2021, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		more func(*testing.T, *book) release.Judge
		want string
	}{
		{"nothing", func(t *testing.T, b *book) release.Judge { b.doses(t, "A", 200, 1, "06001"); return release.Judge{} }, ""},
		{"deleted", func(t *testing.T, b *book) release.Judge { b.doses(t, "D", 1, 5, "06001"); return release.Judge{} },
			"doses, people, tombstones"},
		{"one place", func(t *testing.T, b *book) release.Judge {
			b.doses(t, "D", 1, 5, "06001")
			b.doses(t, "A", 200, 5, "06019")
			return release.Judge{}
		}, "tombstones"},
		{"doubled", func(t *testing.T, b *book) release.Judge { b.doses(t, "A", 1000, 101, "06001"); return release.Judge{} }, "doses, people"},
		{"unknown", func(t *testing.T, b *book) release.Judge { b.doses(t, "A", 1000, 20, "UNK"); return release.Judge{} }, "unknown county"},
		{"late", func(t *testing.T, b *book) release.Judge {
			b.doses(t, "A", 200, 1, "06001")
			return release.Judge{Late: []string{"cair2"}}
		}, "late feeds"},
		{"clock", func(t *testing.T, b *book) release.Judge {
			b.doses(t, "A", 200, 1, "06001")
			return release.Judge{Now: at.Add(-time.Hour)}
		}, "clock"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBook(t)
			b.doses(t, "A", 1, 100, "06001")
			good, _ := b.build(t, release.Options{Judge: release.Judge{Limits: strict(), Now: at}})
			j := c.more(t, b)
			j.Limits = strict()
			if j.Now.IsZero() {
				j.Now = at.Add(time.Hour)
			}
			m, _ := b.build(t, release.Options{Judge: j})
			g := b.gate(t, m.ID)
			if got := failing(g); got != c.want || g.Against != good.ID {
				t.Errorf("held by %q against %s, want %q", got, g.Against, c.want)
			}
			latest, err := b.store.Latest()
			if want := map[bool]string{true: m.ID, false: good.ID}[c.want == ""]; err != nil || latest != want {
				t.Errorf("latest is %s, %v, want %s", latest, err, want)
			}
			if (m.Status == release.Ready) != (c.want == "") || m.Status != g.Status {
				t.Errorf("status %s, record %s", m.Status, g.Status)
			}
		})
	}
}

// TestPlaceFall: a county that loses its doses is seen, though the whole is
// little less.
func TestPlaceFall(t *testing.T) {
	b := newBook(t)
	b.doses(t, "A", 1, 300, "06001")
	b.doses(t, "A", 1000, 5, "06019")
	b.build(t, release.Options{Judge: release.Judge{Limits: strict()}})
	b.doses(t, "D", 1000, 2, "06019")
	m, _ := b.build(t, release.Options{Judge: release.Judge{Limits: strict()}})
	if got := failing(b.gate(t, m.ID)); got != "doses by place" {
		t.Errorf("held by %q", got)
	}
}

// TestFewAreNotJudged: with the default limits a handful of doses holds nothing.
func TestFewAreNotJudged(t *testing.T) {
	b := newBook(t)
	b.doses(t, "A", 1, 10, "06001")
	b.build(t, release.Options{})
	b.doses(t, "D", 1, 9, "06001")
	if m, _ := b.build(t, release.Options{}); m.Status != release.Ready {
		t.Errorf("%s: %s", m.Status, failing(b.gate(t, m.ID)))
	}
}

// skewed is a warehouse that tells the gate another truth than it told the
// files: exports of a query are made from another one.
type skewed struct {
	release.Warehouse
	from, to string
	met      bool // a query held the text
}

func (s *skewed) Export(ctx context.Context, query, path string) error {
	s.met = s.met || strings.Contains(query, s.from)
	return s.Warehouse.Export(ctx, strings.ReplaceAll(query, s.from, s.to), path)
}

// TestGateFails: each way in which the files could differ from the warehouse,
// or a table from itself, fails the release; it can't be approved, and is made
// anew once the cause is gone.
func TestGateFails(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"rows of a place":     {"from derived group by all", "from derived where place % 4294967296 > 0 group by all", "dose files with other rows than the warehouse has for the place, dose_event files with other rows than the warehouse has for the place"},
		"another key":         {"from event e anti join", "from (select registry, 'x' || vax_event_id as vax_event_id, tombstone from event) e anti join", "events that are not in exactly one file of residence"},
		"running sums":        {"sum(total) over w as bigint) as cumulative_total_doses", "sum(total) over w + 1 as bigint) as cumulative_total_doses", "county_day: cumulative values that are not the running sum"},
		"totals":              {"select 'All CA and Non-CA Counties', 'ALL', null, x.* exclude (county) from change x", "select 'All CA and Non-CA Counties', 'ALL', null, x.* exclude (county) from change x where x.county <> 6019", "county_day: days whose places do not add up to the total, county_day: doses that the warehouse does not count, or too few"},
		"groups":              {"when 'Age Group' then 3", "when 'Age Group' then 0", "county_demographic_day: groups that do not add up to county_day"},
		"partially and fully": {"sum(one) over w - sum(fully) over w as bigint) as total_partially_vaccinated,\n       cast(fully", "1 + sum(one) over w - sum(fully) over w as bigint) as total_partially_vaccinated,\n       cast(fully", "county_day: at least one dose is not partially + fully vaccinated"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t)
			b.doses(t, "A", 1, 5, "06001")
			good, _ := b.build(t, release.Options{})
			b.doses(t, "A", 100, 5, "06019")
			b.follow(t)
			w := &skewed{Warehouse: b.w, from: c.from, to: c.to}
			m, err := release.Build(t.Context(), b.store, b.log.Lake, w, b.segments(), release.Options{})
			if err != nil || !w.met {
				t.Fatalf("%v; a query was changed: %t", err, w.met)
			}
			if got := failing(b.gate(t, m.ID)); m.Status != release.Failed || got != c.want {
				t.Errorf("%s by %q, want %q", m.Status, got, c.want)
			}
			d := release.Decision{Status: release.Ready, By: "ana", Reason: "I want it", At: time.Now()}
			if _, err := b.store.Decide(m.ID, d, nil); !errors.Is(err, dose.ErrHeld) {
				t.Errorf("approved what failed: %v", err)
			}
			b.stands(t, good.ID, m.ID)
			again, _ := b.build(t, release.Options{})
			if again.Status != release.Ready || again.ID != m.ID {
				t.Errorf("built again it is %s", again.Status)
			}
			b.stands(t, again.ID, good.ID)
		})
	}
}

// TestDecide: approve and hold move latest, and leave who, why and when.
func TestDecide(t *testing.T) {
	b := newBook(t)
	b.doses(t, "A", 1, 100, "06001")
	one, _ := b.build(t, release.Options{})
	b.doses(t, "D", 1, 50, "06001")
	two, _ := b.build(t, release.Options{Judge: release.Judge{Limits: strict()}})
	decide := func(id, status string, latest string) {
		t.Helper()
		g, err := b.store.Decide(id, release.Decision{Status: status, By: "ana", Reason: "because", At: time.Now()}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := b.store.Latest(); got != latest || g.Status != status {
			t.Errorf("after %s of %s latest is %q, want %q", status, id, got, latest)
		}
	}
	decide(two.ID, release.Ready, two.ID)
	decide(two.ID, release.Held, one.ID)
	if m, _ := b.build(t, release.Options{}); m.Status != release.Held { // the steward's word stays
		t.Errorf("a build made it %s", m.Status)
	}
	decide(two.ID, release.Ready, two.ID)
	decide(one.ID, release.Held, two.ID)
	decide(one.ID, release.Ready, two.ID) // older: never latest again by itself
	decide(one.ID, release.Held, two.ID)
	decide(two.ID, release.Held, "")
	if n := len(b.gate(t, two.ID).Decisions); n != 4 {
		t.Errorf("%d decisions are kept", n)
	}
	if _, err := b.store.Decide(two.ID, release.Decision{Status: release.Ready, By: "ana", Reason: " ", At: time.Now()}, nil); !errors.Is(err, dose.ErrInvalid) {
		t.Errorf("without a reason: %v", err)
	}
}

// TestDamagedIsNotPromoted: half a folder, approved or built again, is named
// and not made latest.
func TestDamagedIsNotPromoted(t *testing.T) {
	b := newBook(t)
	b.doses(t, "A", 1, 100, "06001")
	good, _ := b.build(t, release.Options{})
	b.doses(t, "D", 1, 50, "06001")
	held, root := b.build(t, release.Options{Judge: release.Judge{Limits: strict()}})
	if err := os.Remove(filepath.Join(root, "counties", "06075", "recipient.parquet")); err != nil {
		t.Fatal(err)
	}
	_, err := b.store.Decide(held.ID, release.Decision{Status: release.Ready, By: "ana", Reason: "r", At: time.Now()}, nil)
	if err == nil || !strings.Contains(err.Error(), "counties/06075/recipient.parquet") {
		t.Errorf("approved half a release: %v", err)
	}
	if _, err = release.Build(t.Context(), b.store, b.log.Lake, b.w, b.segments(), release.Options{}); err == nil {
		t.Error("built again, half a release passes")
	}
	if latest, _ := b.store.Latest(); latest != good.ID {
		t.Errorf("latest is %s", latest)
	}
}
