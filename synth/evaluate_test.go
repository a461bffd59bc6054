package synth

import (
	"errors"
	"iter"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

func stream(got []Got) iter.Seq2[Got, error] {
	return func(yield func(Got, error) bool) {
		for _, g := range got {
			if !yield(g, nil) {
				return
			}
		}
	}
}

// cases are events "id person dose recip marks" and what a reader made of
// them, "person dose"; A is the registry of ids that begin with a.
func cases(lines ...string) (truth string, got []Got) {
	truth = eventsHeader
	for _, l := range lines {
		f := append(strings.Split(l, " "), "")[:7]
		registry := strings.ToUpper(f[0][:1])
		truth += strings.Join([]string{registry, f[0], f[1], f[2], f[3], f[6]}, "\t") + "\n"
		got = append(got, Got{registry, f[0], int64(f[4][0] - '0'), int64(f[5][0] - '0')})
	}
	return truth, got
}

func TestEvaluate(t *testing.T) {
	type sums struct{ truth, got, both int64 }
	for name, c := range map[string]struct {
		lines          []string
		doses, persons sums
		merges, splits map[string]int64 // of persons
		doseMerges     map[string]int64
		doseSplits     map[string]int64
	}{
		"all right": {lines: []string{"a1 1 1 p 1 1", "a2 1 2 p 1 2", "b1 1 1 q 1 1"}, doses: sums{1, 1, 1}, persons: sums{1, 1, 1}},
		"a typo splits": {lines: []string{"a1 1 1 p 1 1", "b1 1 1 q 2 2 typo"},
			doses: sums{1, 0, 0}, persons: sums{1, 0, 0}, splits: map[string]int64{"typo": 1}, doseSplits: map[string]int64{"typo": 1}},
		"each cause counts": {lines: []string{"a1 1 1 p 1 1 flaw", "b1 1 1 q 2 2 moved,historical"},
			doses: sums{1, 0, 0}, persons: sums{1, 0, 0}, splits: map[string]int64{"flaw": 1, "moved": 1, "historical": 1},
			doseSplits: map[string]int64{"flaw": 1, "moved": 1, "historical": 1}},
		"twins taken for one": {lines: []string{"a1 1 1 p 1 1 twin", "a2 2 2 q 1 1 twin"},
			doses: sums{0, 1, 0}, persons: sums{0, 1, 0}, merges: map[string]int64{"twin": 1}, doseMerges: map[string]int64{"twin": 1}},
		"one twin is no cause": {lines: []string{"a1 1 1 p 1 1 twin", "a2 2 2 q 1 2 junk_phone"},
			persons: sums{0, 1, 0}, merges: map[string]int64{"none": 1}},
		"placeholder chains three": {lines: []string{"a1 1 1 p 1 1 junk_phone", "a2 2 2 q 1 2 junk_phone", "a3 3 3 r 1 3 junk_phone,namesake"},
			persons: sums{0, 3, 0}, merges: map[string]int64{"junk_phone": 3}},
		"marks of all events of an id": {lines: []string{"a1 1 1 p 1 1", "a2 1 2 p 1 2 typo", "b1 1 3 q 2 3"},
			persons: sums{1, 0, 0}, splits: map[string]int64{"typo": 1}},
		"one of three lost": {lines: []string{"a1 1 1 p 1 1", "b1 1 1 q 1 1", "a2 1 2 r 2 2 two_ids"},
			doses: sums{1, 1, 1}, persons: sums{3, 1, 1}, splits: map[string]int64{"two_ids": 2}},
		"another day is another dose": {lines: []string{"a1 1 1 p 1 1", "a2 1 2 p 1 1 date_off", "b1 1 1 q 1 0 date_off", "b2 1 2 q 1 3"},
			doses: sums{2, 1, 0}, persons: sums{1, 1, 1}, doseMerges: map[string]int64{"date_off": 1}, doseSplits: map[string]int64{"date_off": 2}},
		"nobody's groups with nothing": {lines: []string{"a1 1 1 p 0 0", "b1 1 1 q 0 0"},
			doses: sums{1, 0, 0}, persons: sums{1, 0, 0}, splits: map[string]int64{"none": 1}, doseSplits: map[string]int64{"none": 1}},
		"undecided is no cause": {lines: []string{"a1 1 1 p 1 1 undecided", "b1 1 1 q 2 1 undecided"},
			doses: sums{1, 1, 1}, persons: sums{1, 0, 0}, splits: map[string]int64{"none": 1}},
	} {
		truth, got := cases(c.lines...)
		s, err := Evaluate(strings.NewReader(truth), stream(got))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for what, p := range map[string]struct {
			got            Pairs
			want           sums
			merges, splits map[string]int64
		}{"doses": {s.Doses, c.doses, c.doseMerges, c.doseSplits}, "persons": {s.Persons, c.persons, c.merges, c.splits}} {
			if (sums{p.got.True, p.got.Got, p.got.Both}) != p.want || !maps.Equal(p.got.FalseMerges, p.merges) || !maps.Equal(p.got.FalseSplits, p.splits) {
				t.Errorf("%s, %s: %v", name, what, p.got)
			}
		}
	}
}

func TestPrecisionAndRecall(t *testing.T) {
	truth, got := cases("a1 1 1 p 1 1", "b1 1 1 q 1 1", "a2 2 2 r 1 2", "b2 2 2 s 2 3", "c1 3 4 t 3 4")
	got = append(got[:4], Got{"X", "x", 1, 1})
	s, err := Evaluate(strings.NewReader(truth), stream(got))
	if err != nil || s.Events != 4 || s.Missing != 1 || s.Unknown != 1 {
		t.Fatalf("%v, %v", s, err)
	}
	near(t, "precision of persons", s.Persons.Precision(), 1.0/3, 1e-9)
	near(t, "recall of persons", s.Persons.Recall(), 0.5, 1e-9)
	near(t, "precision of doses", s.Doses.Precision(), 1, 0)
	near(t, "recall of doses", s.Doses.Recall(), 0.5, 1e-9)
}

// Counting cells gives what looking at each pair gives.
func TestPairsAreCountedRight(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		rows := make([]row, 1+r.IntN(60))
		for i := range rows {
			rows[i] = row{dose: r.Uint64N(8), gotDose: int64(r.IntN(8)), marks: marks(r.Uint32N(1<<allMarks)) & (markTypo | markTwin | markMoved)}
		}
		got := compare(rows, func(r *row) item { return item{r.dose, r.gotDose, r.marks} })
		want := Pairs{FalseMerges: map[string]int64{}, FalseSplits: map[string]int64{}}
		for i, a := range rows {
			for _, b := range rows[i+1:] {
				same, found := a.dose == b.dose, a.gotDose == b.gotDose && a.gotDose != 0
				by := want.FalseMerges
				switch {
				case same && found:
					want.Both++
				case same:
					by = want.FalseSplits
				}
				if same {
					want.True++
				}
				if found {
					want.Got++
				}
				if same == found {
					continue
				}
				names := because(a.marks, b.marks).String()
				if names == "" {
					names = "none"
				}
				for name := range strings.SplitSeq(names, ",") {
					by[name]++
				}
			}
		}
		if got.True != want.True || got.Got != want.Got || got.Both != want.Both || !maps.Equal(got.FalseMerges, want.FalseMerges) || !maps.Equal(got.FalseSplits, want.FalseSplits) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestEvaluateRefuses(t *testing.T) {
	truth, got := cases("a1 1 1 p 1 1")
	for name, c := range map[string]struct {
		truth string
		got   []Got
	}{
		"no header":          {"A\ta1\t1\t1\tp\t\n", got},
		"line cut short":     {truth + "A\ta2\t1\n", got},
		"unknown mark":       {truth + "A\ta2\t1\t1\tp\tblue\n", got},
		"no number":          {truth + "A\ta2\tx\t1\tp\t\n", got},
		"line twice":         {truth + "A\ta1\t1\t1\tp\t\n", got},
		"got an event twice": {truth, append(got, got...)},
	} {
		if _, err := Evaluate(strings.NewReader(c.truth), stream(c.got)); !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("broken")
	if _, err := Evaluate(strings.NewReader(truth), func(yield func(Got, error) bool) { yield(Got{}, broken) }); !errors.Is(err, broken) {
		t.Errorf("an error of the stream came back as %v", err)
	}
}
