package synth

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"iter"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// Got is what a reader of the files made of one event: which person and which
// dose, by any positive numbers; 0 is nobody's and groups with nothing.
type Got struct {
	Registry, EventID string
	Person, Dose      int64
}

// Score says how far the groups of a reader are the true ones.
type Score struct {
	Events  int `json:"events"`  // known to both
	Missing int `json:"missing"` // true ones that the reader lacks; in no pair
	Unknown int `json:"unknown"` // the reader's that are not current; in no pair
	// Doses are pairs of events that are one dose; Persons pairs of recipient
	// ids that are one person; PersonEvents pairs of events that are one
	// person's, where those with one recipient id weigh most.
	Doses        Pairs `json:"doses"`
	Persons      Pairs `json:"persons"`
	PersonEvents Pairs `json:"person_events"`
}

// Pairs compares two ways to group the same things, by the pairs that stand
// together. Causes count a false pair under each that applies, so they can add
// up to more: what is odd about either of the two, and what both have of twin,
// junk_phone and namesake; "none" when nothing is.
type Pairs struct {
	True        int64            `json:"true"`
	Got         int64            `json:"got"`
	Both        int64            `json:"both"`
	FalseMerges map[string]int64 `json:"false_merges"` // together in Got only
	FalseSplits map[string]int64 `json:"false_splits"` // together in True only
}

// Precision is the part of the reader's pairs that are true; 1 of none.
func (p Pairs) Precision() float64 { return part(p.Both, p.Got) }

// Recall is the part of the true pairs that the reader has; 1 of none.
func (p Pairs) Recall() float64 { return part(p.Both, p.True) }

func part(n, of int64) float64 {
	if of == 0 {
		return 1
	}
	return float64(n) / float64(of)
}

// String is one line.
func (p Pairs) String() string {
	return fmt.Sprintf("precision %.4f, recall %.4f (%d true pairs, %d found, %d of them true); false merges %v, false splits %v",
		p.Precision(), p.Recall(), p.True, p.Got, p.Both, p.FalseMerges, p.FalseSplits)
}

// String is three lines to print.
func (s *Score) String() string {
	return fmt.Sprintf("doses: %v\npersons: %v\n%d events, %d missing, %d unknown", s.Doses, s.Persons, s.Events, s.Missing, s.Unknown)
}

// Evaluate holds what a reader made of the events against EventsFile. Pairs
// are counted from cells of a contingency table, never one by one. An event
// given twice, or a file that is not whole, is dose.ErrInvalid; an error that
// got yields ends it.
func Evaluate(truth io.Reader, got iter.Seq2[Got, error]) (_ *Score, err error) {
	defer dose.Wrap(&err, "evaluate")
	rows, at, err := readEvents(truth)
	if err != nil {
		return nil, err
	}
	s := &Score{}
	for g, err := range got {
		if err != nil {
			return nil, err
		}
		i, ok := at[textKey(g.Registry, g.EventID)]
		if !ok {
			s.Unknown++
			continue
		}
		if rows[i].seen {
			return nil, fmt.Errorf("an event of %s comes twice: %w", g.Registry, dose.ErrInvalid)
		}
		rows[i].seen, rows[i].gotPerson, rows[i].gotDose = true, g.Person, g.Dose
	}
	rows = slices.DeleteFunc(rows, func(r row) bool {
		if !r.seen {
			s.Missing++
		}
		return !r.seen
	})
	s.Events = len(rows)
	s.Doses = compare(rows, func(r *row) item { return item{r.dose, r.gotDose, r.marks} })
	s.PersonEvents = compare(rows, func(r *row) item { return item{r.person, r.gotPerson, r.marks} })
	s.Persons = compare(recipients(rows), func(r *row) item { return item{r.person, r.gotPerson, r.marks} })
	return s, nil
}

// row is an event of the truth and what the reader made of it.
type row struct {
	recip, person, dose uint64
	gotPerson, gotDose  int64
	marks               marks
	seen                bool
}

// readEvents takes the file in; at finds a row by key.
func readEvents(truth io.Reader) (rows []row, at map[uint64]int32, err error) {
	in := bufio.NewScanner(truth)
	if !in.Scan() || in.Text()+"\n" != eventsHeader {
		return nil, nil, fmt.Errorf("the first line is not that of %s: %w", EventsFile, dose.ErrInvalid)
	}
	at = make(map[uint64]int32)
	for in.Scan() {
		f := strings.Split(in.Text(), "\t")
		if len(f) != 6 {
			return nil, nil, fmt.Errorf("line %d has %d columns, not 6: %w", len(rows)+2, len(f), dose.ErrInvalid)
		}
		person, err1 := strconv.ParseUint(f[2], 10, 64)
		number, err2 := strconv.ParseUint(f[3], 10, 64)
		m, ok := parseMarks(f[5])
		key := textKey(f[0], f[1])
		if _, twice := at[key]; err1 != nil || err2 != nil || !ok || twice {
			return nil, nil, fmt.Errorf("line %d is no event, or comes twice: %w", len(rows)+2, dose.ErrInvalid)
		}
		at[key] = int32(len(rows))
		rows = append(rows, row{recip: textKey(f[0], f[4]), person: person, dose: number, marks: m})
	}
	return rows, at, in.Err()
}

// parseMarks reads what marks.String wrote.
func parseMarks(s string) (m marks, ok bool) {
	for name := range strings.SplitSeq(s, ",") {
		i := slices.Index(causes[:], name)
		if i < 0 {
			return 0, s == ""
		}
		m |= 1 << i
	}
	return m, true
}

// textKey is FNV-1a of the two, mixed: two of ten million texts have the same
// once in 400,000 runs, and then readEvents says so.
func textKey(registry, id string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, s := range [...]string{registry, "\t", id} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 0x100000001b3
		}
	}
	return mix(h)
}

// recipients makes one row of all events of a recipient id, with the marks of
// all; one more for each other person that the reader made of them.
func recipients(rows []row) []row {
	out := slices.Clone(rows)
	slices.SortFunc(out, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.recip, b.recip), cmp.Compare(a.gotPerson, b.gotPerson))
	})
	n := 0
	for i, r := range out {
		if i > 0 && r.recip == out[n-1].recip && r.gotPerson == out[n-1].gotPerson {
			out[n-1].marks |= r.marks
			continue
		}
		out[n] = r
		n++
	}
	return out[:n]
}

// item stands in a true group and in one of the reader's.
type item struct {
	truth uint64
	got   int64
	marks marks
}

func compare(rows []row, of func(*row) item) Pairs {
	items := make([]item, len(rows))
	alone := int64(-1)
	for i := range rows {
		items[i] = of(&rows[i])
		if items[i].got == 0 {
			items[i].got = alone
			alone--
		}
	}
	p := Pairs{}
	slices.SortFunc(items, func(a, b item) int { return cmp.Or(cmp.Compare(a.truth, b.truth), cmp.Compare(a.got, b.got)) })
	p.True, p.Both, p.FalseSplits = apart(items, func(a, b *item) bool { return a.truth == b.truth }, func(a, b *item) bool { return a.got == b.got })
	slices.SortFunc(items, func(a, b item) int { return cmp.Or(cmp.Compare(a.got, b.got), cmp.Compare(a.truth, b.truth)) })
	p.Got, _, p.FalseMerges = apart(items, func(a, b *item) bool { return a.got == b.got }, func(a, b *item) bool { return a.truth == b.truth })
	return p
}

// apart counts the pairs that are of one group, those that are of one cell of
// it, and by cause the ones that are not. Items stand by group, then cell.
func apart(items []item, sameGroup, sameCell func(a, b *item) bool) (pairs, together int64, by map[string]int64) {
	sets := make(map[marks]int64) // false pairs by all their causes
	for len(items) > 0 {
		n := stretch(items, sameGroup)
		group := items[:n]
		items = items[n:]
		pairs += choose2(n)
		cell := stretch(group, sameCell)
		if cell == n {
			together += choose2(n)
			continue
		}
		tally2(sets, group, 1)
		for rest := group; len(rest) > 0; rest = rest[cell:] {
			cell = stretch(rest, sameCell)
			together += choose2(cell)
			tally2(sets, rest[:cell], -1)
		}
	}
	by = make(map[string]int64)
	for set, n := range sets {
		for m := set; m != 0; m &= m - 1 {
			by[causes[bits.TrailingZeros16(uint16(m))]] += n
		}
		if set == 0 {
			by["none"] += n
		}
	}
	for cause, n := range by {
		if n == 0 {
			delete(by, cause)
		}
	}
	return pairs, together, by
}

// stretch is how many items from the first on are like it.
func stretch(items []item, same func(a, b *item) bool) int {
	n := 1
	for n < len(items) && same(&items[0], &items[n]) {
		n++
	}
	return n
}

func choose2(n int) int64 { return int64(n) * int64(n-1) / 2 }

// tally2 adds or takes away all pairs of the items by cause, counted from how
// many have the same marks.
func tally2(sets map[marks]int64, items []item, sign int64) {
	if len(items) == 1 {
		return
	}
	type class struct {
		marks marks
		n     int64
	}
	var classes []class
	for i := range items {
		at := slices.IndexFunc(classes, func(c class) bool { return c.marks == items[i].marks })
		if at < 0 {
			classes = append(classes, class{items[i].marks, 1})
		} else {
			classes[at].n++
		}
	}
	for i, a := range classes {
		sets[because(a.marks, a.marks)] += sign * a.n * (a.n - 1) / 2
		for _, b := range classes[i+1:] {
			sets[because(a.marks, b.marks)] += sign * a.n * b.n
		}
	}
}

// because is why two reports may have been taken for one, or for two.
func because(a, b marks) marks {
	const shared, odd = markTwin | markJunkPhone | markNamesake, markTwin - 1
	return a&b&shared | (a|b)&odd
}
