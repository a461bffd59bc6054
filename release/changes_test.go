package release_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/load/loadtest"
	"github.com/dosebook/dosebook/release"
)

// stepper makes changes files between the releases of one store.
type stepper struct {
	store release.Store
	dir   string
	level dose.Level
}

// limited makes a place's limited dose_event beside the changes.
func (s stepper) limited(t *testing.T, id string, p dose.Place) string {
	t.Helper()
	src, err := s.store.Path(id, "counties", string(p), "dose_event.parquet")
	dst := filepath.Join(s.dir, id, string(p), "dose_event.parquet")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(dst), 0o700)
	}
	if err == nil {
		_, err = release.Limit(t.Context(), src, dst)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dst
}

// files are a place's base for a step and the manifest of the release after.
func (s stepper) files(t *testing.T, a, b string, p dose.Place) (base string, m *release.Manifest) {
	t.Helper()
	base, err := s.store.Path(a, "counties", string(p), "dose_event.parquet")
	if err == nil {
		m, err = s.store.PlaceManifest(b, p)
	}
	if err == nil && s.level == dose.Limited {
		base = s.limited(t, a, p)
		m, err = s.store.LimitedManifest(b, p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return base, m
}

// engine opens the engine for a step.
func (s stepper) engine(t *testing.T, a, b string) *duckdb.Reader {
	t.Helper()
	files, folders, err := s.store.DiffFiles(a, b)
	if err != nil {
		t.Fatal(err)
	}
	e, err := duckdb.NewReader(t.Context(), release.DiffViews, files, append(folders, s.dir), 500)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// changes makes the changes of the places, and returns their paths.
func (s stepper) changes(t *testing.T, a, b string, places ...dose.Place) map[dose.Place]string {
	t.Helper()
	e := s.engine(t, a, b)
	dir, err := os.MkdirTemp(s.dir, "step-*")
	if err != nil {
		t.Fatal(err)
	}
	pair := filepath.Join(dir, "pair.parquet")
	if err := s.store.Pair(t.Context(), e, a, b, pair); err != nil {
		t.Fatal(err)
	}
	out := map[dose.Place]string{}
	for _, p := range places {
		out[p] = filepath.Join(dir, string(p)+".parquet")
		tmp := filepath.Join(dir, "tmp-"+string(p))
		if err := os.Mkdir(tmp, 0o700); err != nil {
			t.Fatal(err)
		}
		step := release.Step{From: a, To: b, Place: p, Pair: pair}
		if s.level == dose.Limited {
			step.Limited = [2]string{s.limited(t, a, p), s.limited(t, b, p)}
		}
		if _, err := s.store.Changes(t.Context(), e, step, tmp, out[p]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// applied applies the changes to a's files and holds what comes of it against
// b's manifest. It returns how many rows the changes had.
func (s stepper) applied(t *testing.T, a, b string, places ...dose.Place) (rows int) {
	t.Helper()
	for p, changes := range s.changes(t, a, b, places...) {
		base, m := s.files(t, a, b, p)
		event, doses, err := release.Apply(t.Context(), base, changes, t.TempDir())
		if err != nil {
			t.Fatalf("%s from %s to %s: %v", p, a, b, err)
		}
		for _, got := range []release.File{event, doses} {
			if want, _ := m.File(m.Folder() + got.Path); got.SHA256 != want.SHA256 || got.Rows != want.Rows || got.Bytes != want.Bytes {
				t.Errorf("%s %s from %s to %s: %d rows, %d bytes; the release has %d, %d", p, got.Path, a, b, got.Rows, got.Bytes, want.Rows, want.Bytes)
			}
		}
		_, f := read(t, changes)
		rows += int(f.NumRows())
	}
	return rows
}

// TestChangesApplied: whatever happens between two releases, the changes of
// each place make the newer file of the older one, byte by byte, forwards and
// backwards, step by step and over several.
func TestChangesApplied(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	rng := rand.New(rand.NewPCG(7, 7))
	var ids []string
	for n := range 6 {
		for range 2 {
			b.log.Split(t, []string{"CAIR2", "RIDE"}[rng.IntN(2)], string("AAUD"[rng.IntN(4)]), int64(n*1000+rng.IntN(2000)), 40, changeRows(rng, 90)...)
		}
		if n == 3 {
			b.log.Retime(2, -500)
		}
		m, _ := b.build(t, release.Options{Rows: 60 + 40*n})
		ids = append(ids, m.ID)
	}
	for _, level := range []dose.Level{dose.Identified, dose.Limited} {
		stepper{store: b.store, dir: t.TempDir(), level: level}.overAll(t, ids)
	}
}

func (s stepper) overAll(t *testing.T, ids []string) {
	t.Helper()
	places := []dose.Place{"06001", "06037", "06075", "pasadena", "OOS", "UNK"}
	rows := 0
	for i := 1; i < len(ids); i++ {
		rows += s.applied(t, ids[i-1], ids[i], places...)
	}
	rows += s.applied(t, ids[0], ids[5], places...)
	rows += s.applied(t, ids[4], ids[1], places...)
	if rows < 500 {
		t.Errorf("%s: only %d rows changed: too few to say anything", s.level, rows)
	}
	if n := s.applied(t, ids[2], ids[2], "06001"); n != 0 {
		t.Errorf("a release differs from itself in %d rows", n)
	}
}

// changeRows are rows of few keys and few people.
func changeRows(rng *rand.Rand, n int) []loadtest.Row {
	rows := make([]loadtest.Row, n)
	for i := range rows {
		id := rng.IntN(160)
		r := loadtest.Row{ID: fmt.Sprint(id), Recip: fmt.Sprint("p", id/3), Day: day0 + int32(30*rng.IntN(4)), CVX: []int32{208, 207, 229}[rng.IntN(3)],
			County: []string{"06001", "06001", "06037", "OOS"}[rng.IntN(4)], Name: fmt.Sprint("name", id/5), Lot: fmt.Sprint("L", rng.IntN(3)), Site: "site"}
		if r.County == "06037" && rng.IntN(2) == 0 {
			r.City = "pasadena"
		}
		if rng.IntN(3) == 0 {
			r.Given = []string{"06001", "06075"}[rng.IntN(2)]
		}
		r.Refused = rng.IntN(15) == 0
		r.Tombstone = rng.IntN(12) == 0
		rows[i] = r
	}
	return rows
}

// TestChangesDiffer: changes do not fit another file than theirs, and nothing
// is made that could be taken for the newer file.
func TestChangesDiffer(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	var ids []string
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 3 {
		b.log.Add(t, "CAIR2", "A", int64(n*1000), changeRows(rng, 60)...)
		m, _ := b.build(t, release.Options{})
		ids = append(ids, m.ID)
	}
	s := stepper{store: b.store, dir: t.TempDir(), level: dose.Identified}
	changes := s.changes(t, ids[1], ids[2], "06001")["06001"]
	base, _ := b.store.Path(ids[0], "counties", "06001", "dose_event.parquet")
	m, _ := b.store.Manifest(ids[2])
	want, _ := m.File("counties/06001/dose_event.parquet")
	if got, _, err := release.Apply(t.Context(), base, changes, t.TempDir()); err == nil && got.SHA256 == want.SHA256 {
		t.Error("changes made the newer file of a file that is not the older one")
	}
	if _, _, err := release.Apply(t.Context(), base, base, t.TempDir()); !errors.Is(err, dose.ErrInvalid) {
		t.Errorf("a file that is no changes file: %v", err)
	}
	again := s.changes(t, ids[1], ids[2], "06001")["06001"]
	_, x, _ := durable.Hash(changes)
	if _, y, err := durable.Hash(again); err != nil || x != y {
		t.Errorf("made twice, the changes have other bytes: %v", err)
	}
}

// TestChangeCauses: each cause, by hand.
func TestChangeCauses(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	row := func(id, recip string, more ...func(*loadtest.Row)) loadtest.Row {
		r := loadtest.Row{ID: id, Recip: recip, Day: day0, CVX: 208, County: "06001"}
		for _, f := range more {
			f(&r)
		}
		return r
	}
	on := func(day int32) func(*loadtest.Row) { return func(r *loadtest.Row) { r.Day += day } }
	in := func(county, given string) func(*loadtest.Row) {
		return func(r *loadtest.Row) { r.County, r.Given = county, given }
	}
	end := func(r *loadtest.Row) { r.Tombstone = true }
	same := func(r *loadtest.Row) { r.Lot, r.Site = "L1", "site" }
	say := func(format, entity, verdict, x, y string) {
		b.log.Enter(t, loadtest.Payload{Registry: "CAIR2", Action: "A", Time: 5000, Format: format,
			Links: []loadtest.Link{{Entity: entity, A: loadtest.ID{Registry: "CAIR2", ID: x}, B: loadtest.ID{Registry: "CAIR2", ID: y}, Verdict: verdict}}})
	}
	b.log.Add(t, "CAIR2", "A", 1000,
		row("lot", "a"), row("gone", "b"), row("first", "c"), row("leaves", "d"), row("again", "e"), row("dup", "f", same), row("given", "j", in("06001", "06075")),
		row("old", "g"), row("comes", "h", in("06013", "")), row("parts", "i"), row("parts2", "i2", on(60)), row("twice", "l", same), row("twice2", "l", same))
	b.log.Add(t, "CAIR2", "A", 1100, row("young", "g2", on(60)))
	b.log.Add(t, "CAIR2", "D", 1200, row("back", "k", end))
	say(load.Decision, "person", "same", "i", "i2")
	first, _ := b.build(t, release.Options{})
	b.log.Add(t, "CAIR2", "U", 2000,
		row("lot", "a", func(r *loadtest.Row) { r.Text = map[string]string{"lot_number": "L9"} }), row("again", "e"),
		row("leaves", "d", in("06013", "")), row("comes", "h"), row("given", "j", in("06013", "06001")))
	b.log.Add(t, "CAIR2", "D", 2100, row("gone", "b", end))
	b.log.Add(t, "CAIR2", "A", 2200, row("second", "c", on(30)), row("dup0", "f", same, func(r *loadtest.Row) { r.Text = map[string]string{"sending_org": "X"} }))
	say(load.Crosswalk, "recipient", "", "g2", "g")
	say(load.Decision, "person", "different", "i", "i2")
	say(load.Decision, "dose", "different", "twice", "twice2")
	next, _ := b.build(t, release.Options{})
	files := stepper{store: b.store, dir: t.TempDir(), level: dose.Identified}.changes(t, first.ID, next.ID, "06001", "06013", "06075")
	same3 := func(place dose.Place, want ...string) {
		if rows := causes(t, files[place]); !slices.Equal(rows, want) {
			t.Errorf("%s\n%s\nwant\n%s", place, strings.Join(rows, "\n"), strings.Join(want, "\n"))
		}
	}
	same3("06001", "again|changed|reported again|reported_at,segment,line", "comes|added|moved county|", "dup0|added|new report|",
		"dup|changed|duplicate found|is_primary,dose_ordinal", "first|changed|other record|series_status",
		"given|changed|moved county|county,admin_county,lhj,visible_because,reported_at,segment,line", "gone|removed|delete|", "leaves|removed|moved county|",
		"lot|changed|correction|lot_number,reported_at,segment", "old|changed|person merged|series_status",
		"parts2|changed|person split|dose_ordinal,interval_days,interval_valid,series_status", "parts|changed|person split|person_id,series_status",
		"second|added|new report|", "twice|changed|duplicate undone|dose_id,is_primary,dose_ordinal,interval_days,interval_valid",
		"young|changed|person merged|person_id,dose_ordinal,interval_days,interval_valid,series_status")
	same3("06013", "comes|removed|moved county|", "given|added|moved county|", "leaves|added|moved county|")
	same3("06075", "given|removed|moved county|")
	back := stepper{store: b.store, dir: t.TempDir(), level: dose.Identified}.changes(t, next.ID, first.ID, "06001")["06001"]
	for _, c := range causes(t, back) {
		if !strings.Contains(c, "|"+release.OlderRelease+"|") {
			t.Errorf("to an older release: %s", c)
		}
	}
	// What another county holds is not told.
	for p, path := range files {
		rows, _ := read(t, path)
		for _, r := range rows {
			if r["change"] != "changed" && (r["columns"] != "" || r["version"] != map[string]string{"added": "new", "removed": "old"}[r["change"]]) {
				t.Errorf("%s tells too much of %s", p, r["vax_event_id"])
			}
		}
	}
}

// TestRuleChanged: the same line of the same payload says something else now.
func TestRuleChanged(t *testing.T) {
	t.Parallel()
	rows := func(name string) []loadtest.Row {
		return []loadtest.Row{{ID: "1", Recip: "a", Day: day0, CVX: 208, County: "06001", Text: map[string]string{"vaccine_name": name}},
			{ID: "2", Recip: "b", Day: day0, CVX: 208, County: "06001"}}
	}
	b, other := newBook(t), newBook(t)
	b.log.Add(t, "CAIR2", "A", 1000, rows("as then")...)
	first, _ := b.build(t, release.Options{})
	other.log.Add(t, "CAIR2", "A", 1000, rows("as now")...)
	other.log.Add(t, "CAIR2", "A", 2000, loadtest.Row{ID: "3", Recip: "b", Day: day0 + 30, CVX: 208, County: "06001"})
	next, _ := other.buildInto(t, b.store, release.Options{})
	s := stepper{store: b.store, dir: t.TempDir(), level: dose.Identified}
	got := causes(t, s.changes(t, first.ID, next.ID, "06001")["06001"])
	want := []string{"1|changed|rule changed|vaccine_name", "2|changed|other record|series_status", "3|added|new report|"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	s.applied(t, first.ID, next.ID, "06001")
}

// causes lists changes as id|change|cause|columns, each once.
func causes(t *testing.T, path string) []string {
	t.Helper()
	rows, _ := read(t, path)
	var out []string
	for _, r := range rows {
		out = append(out, strings.Join([]string{r["vax_event_id"], r["change"], r["cause"], r["columns"]}, "|"))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
