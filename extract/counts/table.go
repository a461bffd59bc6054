package counts

import (
	"cmp"
	"errors"
	"io"
	"slices"
)

// Table is a whole published table.
type Table struct {
	Name    string
	Rows    []Row
	Missing []string // published columns that it does not have
	Unknown []string // names of columns that were not read
	has     [NumColumns]bool
	flags   bool
	at      map[key]int
}

type key struct {
	place string
	day   int32
}

// Read reads a whole table: some 300 bytes a row, and a year of all places has
// 22,630 rows.
func Read(r io.Reader, name string) (*Table, error) {
	in, err := Open(r, name)
	if err != nil {
		return nil, err
	}
	t := &Table{Name: name, Missing: in.Missing(), Unknown: in.Unknown(), at: map[key]int{}}
	t.flags = in.flag >= 0
	for c := range NumColumns {
		t.has[c] = in.Has(c)
	}
	for {
		row, err := in.Next()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		k := key{row.Place, row.Day}
		if _, twice := t.at[k]; !twice { // Invariants tells of the second
			t.at[k] = len(t.Rows)
		}
		t.Rows = append(t.Rows, row)
	}
}

// Has reports whether the table has the column.
func (t *Table) Has(c Column) bool { return t.has[c] }

// Row returns the first row of a place and day.
func (t *Table) Row(place string, day int32) (*Row, bool) {
	i, ok := t.at[key{place, day}]
	if !ok {
		return nil, false
	}
	return &t.Rows[i], true
}

// Places returns the places that have rows, in order.
func (t *Table) Places() []string {
	seen := map[string]bool{}
	for i := range t.Rows {
		seen[t.Rows[i].Place] = true
	}
	out := make([]string, 0, len(seen))
	for p := range seen {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// Span returns the first and the last day; 0, -1 without rows.
func (t *Table) Span() (first, last int32) {
	last = -1
	for i := range t.Rows {
		d := t.Rows[i].Day
		if i == 0 || d < first {
			first = d
		}
		if i == 0 || d > last {
			last = d
		}
	}
	return first, last
}

// Restatement is a figure that a later vintage changed. A side without a row
// or without the figure is nil.
type Restatement struct {
	Place    string
	Day      int32
	Column   Column
	Old, New *int64
}

// Restated compares two vintages of a table, up to the last day of the older
// one: what comes after is news, not a restatement. A row that is missing on
// one side counts as zero there, as in the published table, but only for
// places that both tables have; in order of place, day, column.
func Restated(older, newer *Table) []Restatement {
	_, last := older.Span()
	both := map[string]bool{}
	for _, p := range older.Places() {
		both[p] = slices.Contains(newer.Places(), p)
	}
	keys := map[key]bool{}
	for _, t := range []*Table{older, newer} {
		for k := range t.at {
			if both[k.place] && k.day <= last {
				keys[k] = true
			}
		}
	}
	var out []Restatement
	for k := range keys {
		a, _ := older.Row(k.place, k.day)
		b, _ := newer.Row(k.place, k.day)
		for c := range NumColumns {
			if older.has[c] && newer.has[c] {
				if r := (Restatement{k.place, k.day, c, figure(a, c), figure(b, c)}); differ(r.Old, r.New, c) {
					out = append(out, r)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b Restatement) int {
		return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Day, b.Day), cmp.Compare(a.Column, b.Column))
	})
	return out
}

func figure(r *Row, c Column) *int64 {
	if r == nil {
		return nil
	}
	if n, ok := r.Get(c); ok {
		return &n
	}
	return nil
}

// differ compares two figures. A row that is not there is a zero for a day's
// figure; a running sum without a row is whatever it was the day before.
func differ(a, b *int64, c Column) bool {
	if a == nil && b == nil {
		return false
	}
	if a != nil && b != nil {
		return *a != *b
	}
	if running(c) {
		return false
	}
	return a != nil && *a != 0 || b != nil && *b != 0
}
