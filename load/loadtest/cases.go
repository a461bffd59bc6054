package loadtest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// testCase fills a log; the suite applies it entry by entry and at once, and
// compares state, effects and invariants after each call.
type testCase struct {
	name string
	fill func(t *testing.T, l *Log)
	// live are the ids that live at the end, said by hand: the model may err too.
	live []string
}

const day0 = 18700 // 2021-03-14

// e is a plain dose of a recipient of its own.
func e(id string, change ...func(*Row)) Row {
	r := Row{ID: id, Recip: "r" + id, Day: day0, CVX: 208, County: "06001", Given: "06001"}
	for _, f := range change {
		f(&r)
	}
	return r
}

func gone(r *Row)                { r.Tombstone = true }
func cvx(n int32) func(*Row)     { return func(r *Row) { r.CVX = n } }
func on(days int32) func(*Row)   { return func(r *Row) { r.Day = day0 + days } }
func of(recip string) func(*Row) { return func(r *Row) { r.Recip = recip } }
func sent(at int64) func(*Row)   { return func(r *Row) { r.Sent = at } }
func keyed(k int64) func(*Row)   { return func(r *Row) { r.Key = k } }
func lot(number string) func(*Row) {
	return func(r *Row) { r.Text = map[string]string{"lot_number": number} }
}

func cases() []testCase {
	return slices.Concat(versionCases(), timeCases(), orderCases())
}

func versionCases() []testCase {
	return []testCase{
		{"adds", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "A", 10, e("1"), e("2"), e("3"))
			l.Add(t, "SDIR", "A", 10, e("1"), e("2")) // another registry's ids are its own
		}, []string{"CAIR2/1", "CAIR2/2", "CAIR2/3", "SDIR/1", "SDIR/2"}},
		{"an empty segment", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "A", 10)
			l.Add(t, "CAIR2", "A", 11, e("1"))
		}, []string{"CAIR2/1"}},
		{"repeats in other files and in one", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "A", 10, e("1"), e("1"), e("2"))
			l.Add(t, "CAIR2", "A", 11, e("2"), e("1"))
		}, []string{"CAIR2/1", "CAIR2/2"}},
		{"a late old file", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "A", 30, e("1", lot("new")), e("2", lot("new")))
			l.Add(t, "CAIR2", "U", 20, e("1", lot("old")), e("2", gone), e("3"))
			l.Add(t, "CAIR2", "A", 10, e("2", lot("older")))
		}, []string{"CAIR2/1", "CAIR2/2", "CAIR2/3"}},
		{"ties: the ledger, then the line", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "A", 10, e("1", lot("a")), e("1", lot("b")), e("2", lot("a")))
			l.Add(t, "CAIR2", "A", 10, e("2", lot("c")), e("1", gone), e("1", lot("d")))
		}, []string{"CAIR2/1", "CAIR2/2"}},
		{"tombstones and revival", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "A", 10, e("1"), e("2"), e("3"))
			l.Add(t, "CAIR2", "D", 20, e("1", gone), e("2", gone), e("2", gone), e("4", gone))
			l.Add(t, "CAIR2", "A", 30, e("1"), e("4"))
			l.Add(t, "CAIR2", "D", 25, e("1", gone)) // late: the revival stands
			l.Add(t, "CAIR2", "D", 40, e("2", gone), e("3", gone))
		}, []string{"CAIR2/1", "CAIR2/4"}},
		{"updates and deletes of unknown keys", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "U", 10, e("1"), e("2"), e("2", lot("b")))
			l.Add(t, "CAIR2", "D", 20, e("3", gone), e("3", gone))
			l.Add(t, "CAIR2", "U", 30, e("3"))
			l.Add(t, "CAIR2", "A", 15, e("3", lot("older than the delete")))
		}, []string{"CAIR2/1", "CAIR2/2", "CAIR2/3"}},
		{"a delete that comes before its add", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "D", 20, e("1", gone))
			l.Add(t, "CAIR2", "A", 10, e("1"))
		}, nil},
	}
}

func timeCases() []testCase {
	return []testCase{
		{"rows that know their own time", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "A", 10, e("1", sent(50), lot("a")), e("1", lot("b")), e("2", sent(5), lot("a")), e("2", sent(4), lot("b")))
			l.Add(t, "CAIR2", "U", 40, e("1", lot("c")), e("2", sent(4), lot("c")))
		}, []string{"CAIR2/1", "CAIR2/2"}},
		{"other ids with the same key", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "A", 10, e("1", keyed(7)), e("2", keyed(7)))
			l.Add(t, "SDIR", "A", 10, e("1", keyed(7)))
			l.Add(t, "CAIR2", "A", 20, e("3", keyed(7)), e("2", keyed(7), gone))
			l.Retime(3, 5) // the delete is older than the add now
		}, []string{"CAIR2/1", "CAIR2/2", "CAIR2/3", "SDIR/1"}},
		{"a retime turns the order", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "A", 30, e("1", lot("a")), e("2", gone), e("3"))
			l.Add(t, "CAIR2", "U", 20, e("1", lot("b")), e("2", lot("b")))
			l.Retime(1, 10)
			l.Add(t, "CAIR2", "A", 15, e("2", gone), e("3", lot("c")))
			l.Retime(2, 5)
		}, []string{"CAIR2/1", "CAIR2/3"}},
		{"a retime of the only version", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "A", 30, e("1"), e("2", gone))
			l.Retime(1, 20)
			l.Retime(1, 10)
		}, []string{"CAIR2/1"}},
	}
}

func orderCases() []testCase {
	const p = "p"
	return []testCase{
		{"the dose order", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "A", 10, e("1", of(p), on(40)), e("2", of(p), on(20)), e("3", of(p)),
				e("4", of(p), on(10), cvx(998)), e("5", of(p), on(50), func(r *Row) { r.NoDose = "PA" }), e("6", of(p), on(60), func(r *Row) { r.Refused = true }))
			l.Add(t, "CAIR2", "D", 20, e("2", of(p), gone))
			l.Add(t, "CAIR2", "A", 30, e("7", of(p), on(-5), cvx(207)))
		}, []string{"CAIR2/1", "CAIR2/3", "CAIR2/4", "CAIR2/5", "CAIR2/6", "CAIR2/7"}},
		{"an event that goes to another person", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "A", 10, e("1", of(p)), e("2", of(p), on(21)), e("3", of("q"), on(30)))
			l.Add(t, "CAIR2", "U", 20, e("2", of("q"), on(21)))
		}, []string{"CAIR2/1", "CAIR2/2", "CAIR2/3"}},
		{"a delete without a recipient", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "A", 10, e("1", of(p)), e("2", of(p), on(21)))
			l.Add(t, "CAIR2", "D", 20, Row{ID: "1", Tombstone: true})
		}, []string{"CAIR2/2"}},
		// The older file changes no version, only since when one is known.
		{"same day: the event known first", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "A", 20, e("1", of(p)))
			l.Add(t, "CAIR2", "A", 30, e("2", of(p), cvx(207)))
			l.Add(t, "CAIR2", "A", 10, e("2", of(p), cvx(207), lot("older")))
		}, []string{"CAIR2/1", "CAIR2/2"}},
		{"same day: then by key, not by arrival", func(t *testing.T, l *Log) {
			l.Add(t, "CAIR2", "A", 10, e("1", of(p), keyed(3)), e("2", of(p), keyed(2), cvx(207)), e("3", of(p), keyed(-1), cvx(212)))
		}, []string{"CAIR2/1", "CAIR2/2", "CAIR2/3"}},
	}
}

func (s suite) run(t *testing.T, c testCase) {
	l := NewLog(filepath.Join(t.TempDir(), "lake"))
	c.fill(t, l)
	step := s.store(t, l)
	var effects []load.Effect
	for to := int64(1); to <= l.Last(); to++ {
		effects = append(effects, apply(t, step, l, to)...)
		same(t, step, l, to)
	}
	sameEffects(t, l, effects)
	once := s.store(t, l)
	apply(t, once, l, l.Last())
	same(t, once, l, l.Last())
	var live []string
	for _, v := range l.Expect(l.Last()) {
		if !v.Tombstone {
			live = append(live, v.Registry+"/"+v.ID)
		}
	}
	if !slices.Equal(live, c.live) {
		t.Fatalf("%v live, want %v", live, c.live)
	}
}

// series checks the borders of CDPH's rule, with dates said by hand.
func (s suite) series(t *testing.T) {
	l := NewLog(filepath.Join(t.TempDir(), "lake"))
	want := map[string]int32{}
	var rows []Row
	person := func(name string, full int32, doses ...Row) {
		for i, d := range doses {
			d.ID, d.Recip = name+string(rune('a'+i)), name
			rows = append(rows, d)
		}
		if want[name] = full; full != 0 {
			want[name] += day0
		}
	}
	pfizer, moderna, janssen, novavax := cvx(208), cvx(207), cvx(212), cvx(211)
	person("one Pfizer", 0, e("", pfizer))
	person("Pfizer 16", 0, e("", pfizer), e("", pfizer, on(16)))
	person("Pfizer 17", 17, e("", pfizer), e("", pfizer, on(17)))
	person("Moderna 23", 0, e("", moderna), e("", moderna, on(23)))
	person("Moderna 24", 24, e("", moderna), e("", moderna, on(24)))
	person("Pfizer, Moderna 16", 0, e("", pfizer), e("", moderna, on(16)))
	person("Pfizer, Moderna 17", 17, e("", pfizer), e("", moderna, on(17)))
	person("Moderna, Pfizer 17", 17, e("", moderna), e("", pfizer, on(17)))
	person("Janssen", 3, e("", janssen, on(3)))
	person("Janssen second", 9, e("", moderna), e("", janssen, on(9)))
	person("Novavax", 0, e("", novavax), e("", novavax, on(30)))
	person("early second, third in time", 18, e("", pfizer), e("", pfizer, on(5)), e("", pfizer, on(18)))
	person("refused second", 0, e("", pfizer), e("", pfizer, on(21), func(r *Row) { r.Refused = true }))
	person("bivalent counts by its maker", 20, e("", pfizer), e("", cvx(300), on(20)))
	l.Add(t, "CAIR2", "A", 10, rows...)
	w := s.store(t, l)
	apply(t, w, l, 1)
	same(t, w, l, 1)
	got, err := w.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range got {
		if name := v.ID[:len(v.ID)-1]; v.Full != want[name] {
			t.Errorf("%s: full on %d, want %d", name, v.Full, want[name])
		}
	}
}

// failing: a segment that can't be read leaves position and content alone.
func (s suite) failing(t *testing.T) {
	l := NewLog(filepath.Join(t.TempDir(), "lake"))
	l.Add(t, "CAIR2", "A", 10, e("1"), e("2"))
	w := s.store(t, l)
	apply(t, w, l, 1)
	l.Add(t, "CAIR2", "A", 20, e("1", lot("new")), e("3"))
	lost := l.Add(t, "CAIR2", "D", 30, e("2", gone))
	folder, err := l.Lake.Folder(lost.Registry, lost.Segment)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, load.EventFile)
	for _, spoil := range []func() error{
		func() error { return os.Rename(path, path+".away") },
		func() error { return os.WriteFile(path, []byte("PAR1 and no more"), 0o600) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		s.refused(t, w, l)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	apply(t, w, l, 3)
	same(t, w, l, 3)
}

// refused applies the entries after the first, which must fail.
func (s suite) refused(t *testing.T, w Store, l *Log) {
	t.Helper()
	if _, err := w.Apply(t.Context(), l.Entries(1, l.Last()), l.Known(l.Last())); err == nil {
		t.Fatal("Apply of a segment that can't be read succeeded")
	}
	if at, err := w.Position(t.Context()); err != nil || at != 1 {
		t.Fatalf("position %d, %v after a failed Apply", at, err)
	}
	same(t, w, l, 1)
}

func (s suite) cancelled(t *testing.T) {
	l := NewLog(filepath.Join(t.TempDir(), "lake"))
	l.Add(t, "CAIR2", "A", 10, e("1"), e("2"))
	w := s.store(t, l)
	apply(t, w, l, 1)
	l.Add(t, "CAIR2", "A", 20, e("1", lot("new")))
	ctx := &expiring{Context: t.Context(), done: make(chan struct{})}
	ctx.left.Store(20)
	if _, err := w.Apply(ctx, l.Entries(1, 2), l.Known(2)); err == nil {
		t.Fatal("Apply went on without its context")
	} else if errors.Is(err, dose.ErrInvalid) {
		t.Errorf("%v is no mistake of the user", err)
	}
	if at, err := w.Position(t.Context()); err != nil || at != 1 {
		t.Fatalf("position %d, %v after a cancelled Apply", at, err)
	}
	same(t, w, l, 1)
	apply(t, w, l, 2)
	same(t, w, l, 2)
}
