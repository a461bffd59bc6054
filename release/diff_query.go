package release

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// sliceRows is how many rows of a place are compared cell by cell at a time.
const sliceRows = 250_000

func join(s []string) string { return strings.Join(s, ", ") }

func replacer(pairs []string) *strings.Replacer { return strings.NewReplacer(pairs...) }

// notCompared are the key, the lineage and why a row stands in a file.
var notCompared = []string{"registry", "vax_event_id", "reported_at", "segment", "line", "visible_because"}

// columns finds what both releases have.
func (c *comparison) columns(ctx context.Context, only *OnlyInside) error {
	var names [2][]string
	for side := range names {
		rows, err := c.engine.Query(ctx, "select * from read_parquet("+c.files(side, c.places[0])+") limit 0")
		if err != nil {
			return err
		}
		names[side], err = rows.Columns()
		_ = rows.Close() // nothing was read
		if err != nil {
			return err
		}
	}
	set := dose.Index(dose.Only(dose.Event(), dose.Set))
	for _, n := range names[0] {
		switch {
		case !slices.Contains(names[1], n):
			only.A = append(only.A, n)
		case slices.Contains(notCompared, n):
		default:
			if _, ok := set[n]; ok {
				c.set = append(c.set, n)
			} else {
				c.row = append(c.row, n)
			}
		}
	}
	for _, n := range names[1] {
		if !slices.Contains(names[0], n) {
			only.B = append(only.B, n)
		}
	}
	c.whole = c.whole || len(only.A)+len(only.B) > 0
	if !slices.Contains(c.set, "is_primary") {
		return fmt.Errorf("the releases do not say which rows are doses (is_primary): %w", dose.ErrInvalid)
	}
	return nil
}

// changed is the SQL list of the names of the columns that differ.
func changed(columns []string) string {
	parts := make([]string, len(columns))
	for i, n := range columns {
		parts[i] = fmt.Sprintf("case when a.%s is distinct from b.%s then '%s' end", n, n, n)
	}
	if len(parts) == 0 {
		return "''"
	}
	return strings.Join(parts, ", ")
}

// changes finds the changed rows, place by place, and writes them by key.
func (c *comparison) changes(ctx context.Context) error {
	var keys, pairs []string
	open := false // rows that are only on one side, and so may have moved
	for _, p := range c.places {
		path := filepath.Join(c.tmp, "keys-"+p+".parquet")
		if err := c.export(ctx, "diff_keys", path, "{place}", quote(p), "{a}", c.files(0, p), "{b}", c.files(1, p)); err != nil {
			return err
		}
		var both, single int64
		err := query(ctx, c.engine, "diff_key_counts", func(scan func(...any) error) error { return scan(&both, &single) }, "{keys}", list(path))
		if err != nil {
			return err
		}
		open = open || single > 0
		keys = append(keys, path)
		n := int((both + sliceRows - 1) / sliceRows)
		for i := range n {
			pair := filepath.Join(c.tmp, fmt.Sprintf("columns-%s-%d.parquet", p, i))
			if err := c.export(ctx, "diff_columns", pair, "{keys}", list(path), "{a}", c.files(0, p), "{b}", c.files(1, p),
				"{n}", fmt.Sprint(n), "{i}", fmt.Sprint(i)); err != nil {
				return err
			}
			pairs = append(pairs, pair)
		}
	}
	none := filepath.Join(c.tmp, "columns-none.parquet")
	if err := c.export(ctx, "diff_none", none); err != nil {
		return err
	}
	pairs = append(pairs, none)
	if open {
		moved := filepath.Join(c.tmp, "moved.parquet")
		elsewhere := c.elsewhere()
		if err := c.export(ctx, "diff_moved", moved, "{keys}", list(keys...), "{a_all}", c.files(0, elsewhere...), "{b_all}", c.files(1, elsewhere...)); err != nil {
			return err
		}
		pairs = append(pairs, moved)
	}
	pair, why := filepath.Join(c.tmp, "pair.parquet"), filepath.Join(c.tmp, "why.parquet")
	if err := c.store.Pair(ctx, c.engine, c.diff.A, c.diff.B, pair); err != nil {
		return err
	}
	candidates := "select * replace (a_dose_id as a_dose, b_dose_id as b_dose), a_dose as a_primary, b_dose as b_primary from read_parquet(" + list(keys...) + ") where kind in ('set', 'both')"
	if err := c.export(ctx, "changes_derived", why, "{pair}", list(pair), "{candidates}", candidates); err != nil {
		return err
	}
	c.diff.rows = filepath.Join(c.tmp, "rows.parquet")
	return c.export(ctx, "diff_rows", c.diff.rows, "{keys}", list(keys...), "{pairs}", list(pairs...), "{older}", fmt.Sprint(c.older), "{why}", list(why))
}

// elsewhere are the places in which a row that left a place, or came to it,
// may stand in the other release: those whose files differ, and all when only
// one place is looked at.
func (c *comparison) elsewhere() []string {
	if c.place == "" {
		return c.places
	}
	return residences()
}

func (c *comparison) export(ctx context.Context, name, path string, replace ...string) error {
	text, err := fill(name, append(replace, "{set}", join(c.set), "{set_changes}", changed(c.set), "{row_changes}", changed(c.row),
		"{whole}", fmt.Sprint(c.whole))...)
	if err != nil {
		return err
	}
	if err := c.engine.Export(ctx, text, path); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// dayFigures are the figures of county_day that are compared: those of the
// day. Running sums change with every day before them.
var dayFigures = []string{"total_doses", "pfizer_doses", "moderna_doses", "jj_doses", "partially_vaccinated", "fully_vaccinated", "at_least_one_dose"}

// days compares the published tables.
func (c *comparison) days(ctx context.Context) error {
	figures, differ := make([]string, len(dayFigures)), make([]string, len(dayFigures))
	for i, n := range dayFigures {
		figures[i] = fmt.Sprintf("coalesce(a.%s, 0), coalesce(b.%s, 0)", n, n)
		differ[i] = fmt.Sprintf("coalesce(a.%s, 0) <> coalesce(b.%s, 0)", n, n)
	}
	return query(ctx, c.engine, "diff_county_day", func(scan func(...any) error) error {
		d := DayDiff{Figures: map[string][2]int64{}}
		n := make([]int64, 2*len(dayFigures))
		to := []any{&d.County, &d.Day}
		for i := range n {
			to = append(to, &n[i])
		}
		if err := scan(to...); err != nil {
			return err
		}
		for i, name := range dayFigures {
			if a, b := n[2*i], n[2*i+1]; a != b {
				d.Figures[name] = [2]int64{a, b}
			}
		}
		c.diff.Days = append(c.diff.Days, d)
		return nil
	}, "{a}", list(filepath.Join(c.roots[0], "county_day.parquet")), "{b}", list(filepath.Join(c.roots[1], "county_day.parquet")),
		"{figures}", join(figures), "{differ}", strings.Join(differ, " or "), "{county}", quote(string(c.place)))
}
