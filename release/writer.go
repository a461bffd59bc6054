package release

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	parquet "github.com/parquet-go/parquet-go"
	"golang.org/x/sync/errgroup"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// writer makes all county files in one pass over the segments. Rows keep the
// order of the ledger. What it writes depends on the rows alone: a goroutine
// owns a column while rows are gathered and a file while it is written.
type writer struct {
	places  []*place
	at      map[string]int // place code -> place
	event   []from         // how each column of dose_event is made
	recip   []from
	columns []dose.Column // of a segment
	need    []bool        // segment columns that a release needs
	workers int
	budget  int // rows held for all places together
	group   int // most rows of a row group
}

// from says where a release column comes from: a segment column, or a fact.
type from struct {
	segment int // -1: set by the writer
	name    string
	visible bool // recipients: also for people seen only by a dose given there
}

func newWriter(root string, o Options) (*writer, error) {
	w := &writer{at: map[string]int{}, columns: dose.SegmentColumns(), workers: max(1, o.Workers), budget: o.Rows, group: 131072}
	if w.budget == 0 {
		w.budget = 200_000
	}
	at := dose.Index(w.columns)
	at["person_id"], at["dose_id"] = at["recip_key"], at["event_key"] // but for those that are renamed
	w.need = make([]bool, len(w.columns))
	for _, cols := range []struct {
		to  *[]from
		has []dose.Column
	}{{&w.event, dose.ReleaseColumns()}, {&w.recip, dose.Recipient()}} {
		for _, c := range cols.has {
			f := from{segment: -1, name: c.Name, visible: !dose.ResidenceOnly(c.Name)}
			if i, ok := at[c.Name]; ok {
				f.segment = i
				w.need[i] = true
			}
			*cols.to = append(*cols.to, f)
		}
	}
	for _, p := range dose.Places() {
		pl, err := newPlace(root, p)
		if err != nil {
			w.abort()
			return nil, err
		}
		w.at[string(p)] = len(w.places)
		w.places = append(w.places, pl)
	}
	return w, nil
}

func (w *writer) abort() {
	for _, p := range w.places {
		p.abort()
	}
}

// part returns the part with that number; three of them make a place.
func (w *writer) part(n int) *part { return w.places[n/3].parts[n%3] }

// rowsFor is the rows of a row group that go to one part, in order.
type rowsFor struct {
	part int
	rows []int32
	why  []int8 // events: 0 residence, 1 administration, 2 both
	who  []seen // recipients
}

var because = [...]string{"residence", "administration", "both"}

// segment writes one segment's rows. s.SourceTime is the time that counts.
func (w *writer) segment(ctx context.Context, path string, s load.Entry, f facts, x *exports) (err error) {
	file, p, err := openParquet(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	base := int64(0)
	cols := make([]source, len(w.columns))
	for _, g := range p.RowGroups() {
		n := g.NumRows()
		if err := w.rowGroup(ctx, g, cols, group{entry: s, base: base, facts: f[base : base+n]}, x); err != nil {
			return err
		}
		base += n
	}
	if base != int64(len(f)) {
		return errShort
	}
	return nil
}

// group is one row group of a segment.
type group struct {
	entry load.Entry
	base  int64 // its first row in the segment
	facts facts
	sent  *source // source_time, where rows have one of their own
}

// reportedAt is when the row's version was reported: the row's own time goes
// before its payload's, but what a snapshot holds is as new as the snapshot
// (docs/MATCHING.md, Versions).
func (g group) reportedAt(row int32) int64 {
	at := g.sent.at[row]
	if at < 0 || g.entry.Action == "S" && g.sent.i64[at] < g.entry.SourceTime {
		return g.entry.SourceTime
	}
	return g.sent.i64[at]
}

func (w *writer) rowGroup(ctx context.Context, g parquet.RowGroup, cols []source, gr group, x *exports) error {
	chunks := g.ColumnChunks()
	at := dose.Index(w.columns)
	early := []int{at["county"], at["admin_county"], at["lhj"], at["source_time"]}
	for _, i := range early {
		if err := cols[i].load(layoutOf(w.columns[i]), chunks[i], len(gr.facts)); err != nil {
			return err
		}
	}
	gr.sent = &cols[at["source_time"]]
	parts, err := w.divide(&cols[early[0]], &cols[early[1]], &cols[early[2]], gr, x.people)
	if err != nil {
		return err
	}
	names, err := x.names(gr)
	if err != nil {
		return err
	}
	err = w.parallel(ctx, len(w.columns), func(i int) error {
		if !w.need[i] {
			return nil
		}
		if !slices.Contains(early, i) {
			if err := cols[i].load(layoutOf(w.columns[i]), chunks[i], len(gr.facts)); err != nil {
				return err
			}
		}
		names.rename(w.columns[i].Name, &cols[i])
		for _, p := range parts {
			w.gather(p, i, &cols[i])
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range parts {
		w.set(p, gr)
		w.part(p.part).rows += len(p.rows)
	}
	return w.spill(ctx)
}

// divide says which of the row group's rows go where.
func (w *writer) divide(county, admin, lhj *source, gr group, people *ordered) ([]*rowsFor, error) {
	byPart := make([]*rowsFor, 3*len(w.places))
	to := func(place string, part int) *rowsFor {
		n := 3*w.at[place] + part
		if byPart[n] == nil {
			byPart[n] = &rowsFor{part: n}
		}
		return byPart[n]
	}
	put := func(place string, row int32, why int8) {
		kind := otherRows
		if gr.facts[row].code&factPrimary != 0 {
			kind = doseRows
		}
		r := to(place, kind)
		r.rows, r.why = append(r.rows, row), append(r.why, why)
	}
	for row := range int32(len(gr.facts)) {
		if gr.facts[row].code == 0 {
			continue
		}
		home, _ := county.value(row)
		given, ok := admin.value(row)
		switch {
		case given == home:
			put(home, row, 2)
		default:
			put(home, row, 0)
			if ok {
				put(given, row, 1)
			}
		}
		if city, _ := lhj.value(row); city != home {
			put(city, row, 0)
		}
	}
	first := load.Place(gr.entry.Seq, gr.base)
	err := people.before(first+int64(len(gr.facts)), func(c []source, row int) {
		s := seenAt(c, row)
		for _, place := range placesOf(s) {
			r := to(place, recipientRows)
			r.rows, r.who = append(r.rows, int32(s.place-first)), append(r.who, s)
		}
	})
	return slices.DeleteFunc(byPart, func(r *rowsFor) bool { return r == nil }), err
}

var cities = [...]string{"", "berkeley", "long-beach", "pasadena"}

// placesOf names the files a recipient stands in.
func placesOf(s seen) []string {
	code := dose.UnknownCounty
	switch {
	case s.county == 1:
		code = dose.OutOfState
	case s.county > 1:
		code = "0" + strconv.Itoa(int(s.county))
	}
	if s.city == 0 {
		return []string{code}
	}
	return []string{code, cities[s.city]}
}

// gather appends segment column i to the columns of a part that are made of it.
func (w *writer) gather(p *rowsFor, i int, src *source) {
	made := w.event
	if p.part%3 == recipientRows {
		made = w.recip
	}
	cols := w.part(p.part).cols
	for k, f := range made {
		switch {
		case f.segment != i:
		case f.visible || p.who == nil:
			cols[k].gather(src, p.rows)
		default:
			for j, s := range p.who {
				if s.part {
					cols[k].skip(1)
				} else {
					cols[k].gather(src, p.rows[j:j+1])
				}
			}
		}
	}
}

// parallel runs f(0..n-1) on the workers.
func (w *writer) parallel(ctx context.Context, n int, f func(i int) error) error {
	var g errgroup.Group
	g.SetLimit(w.workers)
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error { return f(i) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// spill writes the parts that fill a row group, then the fullest until the
// budget holds. It sees row counts only, so it decides the same in every run.
func (w *writer) spill(ctx context.Context) error {
	var held int
	var all, out []int
	for i := range 3 * len(w.places) {
		rows := w.part(i).rows
		held += rows
		if rows >= w.group {
			out = append(out, i)
			held -= rows
		} else if rows > 0 {
			all = append(all, i)
		}
	}
	if held > w.budget {
		slices.SortStableFunc(all, func(a, b int) int { return w.part(b).rows - w.part(a).rows })
		for _, i := range all {
			if held <= w.budget*3/4 {
				break
			}
			out = append(out, i)
			held -= w.part(i).rows
		}
	}
	// Two parts share a file: their order must not depend on time.
	byPlace := map[int][]int{}
	var order []int
	for _, i := range out {
		if byPlace[i/3] == nil {
			order = append(order, i/3)
		}
		byPlace[i/3] = append(byPlace[i/3], i)
	}
	return w.parallel(ctx, len(order), func(k int) error {
		for _, i := range byPlace[order[k]] {
			if err := w.part(i).flush(); err != nil {
				return err
			}
		}
		return nil
	})
}

// finish ends all files, in the order of the places.
func (w *writer) finish(ctx context.Context) ([][]File, error) {
	out := make([][]File, len(w.places))
	err := w.parallel(ctx, len(w.places), func(i int) (err error) {
		out[i], err = w.places[i].finish()
		return err
	})
	return out, err
}

// makers names the makers of a recipient's doses in a fixed order.
func makers(bits int32) string {
	var names []string
	for i, n := range []string{"Pfizer", "Moderna", "J&J", "Other"} {
		if bits&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, ", ")
}
