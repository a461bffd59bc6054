package release

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/dosebook/dosebook/release/suppress"
)

// Attacked is what an outsider can do with one publication.
type Attacked struct {
	Small int // small counts that had to be hidden
	Told  int // of them shown, or bounded more narrowly than the rule
}

// Attack works out what a publication tells, from its published
// tables alone, and holds that against the release that it was made from.
func (s Public) Attack(ctx context.Context, store Store, day string) (out Attacked, err error) {
	m, err := s.Manifest(day)
	if err != nil {
		return out, err
	}
	root, err := store.Path(m.Release)
	if err != nil {
		return out, err
	}
	asOf, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return out, err
	}
	truth, err := publicTables(ctx, root, asOf)
	if err != nil {
		return out, err
	}
	tables := make([]*suppress.Table, len(truth))
	for n := range truth {
		if m.Tables[n].Held { // attacked when it went out
			truth[n] = nil
			continue
		}
		if tables[n], err = s.table(day, n); err != nil {
			return out, err
		}
		if rows := tables[n].Rows; appended(n) { // those of this publication
			from := len(rows) - len(truth[n].Rows)
			tables[n].Rows, tables[n].Lines = rows[from:], tables[n].Lines[from:]
		}
	}
	bounds, cells, err := suppress.AttackPublished(ctx, publicRules(), tables, publicLinks()...)
	if err != nil {
		return out, err
	}
	told := make(map[int32]bool, len(bounds))
	for _, b := range bounds {
		told[b.Cell] = b.Leak
	}
	return out, eachSmall(truth, cells, func(n, row, column int, cell int32) {
		out.Small++
		if told[cell] || tables[n].Rows[row][column] != "" {
			out.Told++
		}
	})
}

// eachSmall calls f for each small count that the rules ask to hide.
func eachSmall(truth []*suppress.Table, cells [][][]int32, f func(n, row, column int, cell int32)) error {
	var scores map[string]suppress.Score
	if truth[byCounty] != nil {
		sheet, err := suppress.Build(truth[byCounty], publicRules()[byCounty], false)
		if err != nil {
			return err
		}
		scores = sheet.Scores
	}
	for n, t := range truth {
		if t == nil {
			continue
		}
		r := publicRules()[n]
		first := slices.Index(t.Columns, r.Counts[0])
		for i, row := range t.Rows {
			if n == byCounty && !scores[row[0]].Hides() {
				continue
			}
			for k := range r.Counts {
				v, _ := strconv.ParseInt(row[first+k], 10, 64) // a released count
				if v >= r.Range.Low && v <= r.Range.High {
					f(n, i, first+k, cells[n][i][k])
				}
			}
		}
	}
	return nil
}
