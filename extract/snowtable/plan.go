package snowtable

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// column is one column of their table, with Snowflake's word for its type.
type column struct {
	name, kind string
	scale      int64
}

func (c column) quoted() string { return `"` + strings.ReplaceAll(c.name, `"`, `""`) + `"` }

func (c column) timed() bool { return strings.HasPrefix(c.kind, "timestamp_") }

// text is the server's own text of the column. CVRS has whole days only, so
// that a time in a date's place is cut to its day (CVRS v2, data conventions 5).
func (c column) text(raw string) string {
	day := raw == "recip_dob" || raw == "admin_date" || raw == "vax_expiration"
	if c.timed() && day {
		return "CAST(CAST(" + c.quoted() + " AS DATE) AS VARCHAR)"
	}
	return "CAST(" + c.quoted() + " AS VARCHAR)"
}

// derived are columns of the state's views that CDPH computes from the rest
// (CDPH data dictionary): they are computed here again, and their absence is
// not worth a word.
var derived = []string{"recip_county_label", "recip_address_county_new", "mixed_county", "hpiquartile", "vax_label",
	"recip_race_eth", "recip_age", "recip_age_group", "bridge_recip_id", "ordinal_position"}

// plan is one statement, and what its columns are.
type plan struct {
	header        []string // raw names: CVRS's 45, then others that their table has
	at            []int    // column of the result for each of header, -1 where their table has none
	watermark     int      // column of the result; -1 for a snapshot
	watermarkType string
	left          []string // their columns that go nowhere
	statement     string
	args          []string
}

// plan decides which of cols go where, and what to ask for.
func (c Config) plan(cols []column, old mark) (plan, error) {
	p := plan{watermark: -1}
	to, err := c.mapping(cols, &p)
	if err != nil {
		return p, err
	}
	wm, err := c.watermark(cols)
	if err != nil {
		return p, err
	}
	if _, has := to["source_time"]; !has && wm.timed() && !c.named(wm.name) {
		to["source_time"] = wm // when the registry last changed the row is the best it says
		p.left = slices.DeleteFunc(p.left, func(n string) bool { return n == wm.name })
	}
	var list []string
	for i, name := range rawNames() {
		from, has := to[name]
		if i >= dose.CVRSColumns && !has {
			continue
		}
		p.header = append(p.header, name)
		if !has {
			p.at = append(p.at, -1)
			continue
		}
		p.at = append(p.at, len(list))
		list = append(list, from.text(name)+" AS C"+strconv.Itoa(len(list)))
	}
	var order []string
	if wm.name != "" {
		p.watermark, p.watermarkType = len(list), wm.kind
		list = append(list, wm.text("")+" AS C"+strconv.Itoa(len(list)))
		order = append(order, wm.quoted()+" ASC NULLS FIRST")
	}
	for i := range list { // so that the same rows are the same bytes
		order = append(order, strconv.Itoa(i+1)+" ASC NULLS FIRST")
	}
	p.statement = "SELECT " + strings.Join(list, ", ") + " FROM " + c.source() + " AS T"
	if err := p.from(wm, c.Watermark.Overlap, old); err != nil {
		return p, err
	}
	p.statement += " ORDER BY " + strings.Join(order, ", ")
	return p, nil
}

// from adds the condition that leaves out what was seen. A row without a
// watermark would never come again, so that it comes every time.
func (p *plan) from(wm column, overlap time.Duration, old mark) error {
	if wm.name == "" {
		return nil
	}
	kind, step := "", ""
	switch {
	case wm.timed():
		kind, step = strings.ToUpper(wm.kind), "second, -"+strconv.FormatInt(int64(math.Ceil(overlap.Seconds())), 10)
	case wm.kind == "date":
		kind, step = "DATE", "day, -"+strconv.FormatInt(int64(math.Ceil(overlap.Hours()/24)), 10)
	case wm.kind == "fixed":
		kind = fmt.Sprintf("NUMBER(38, %d)", wm.scale)
	case wm.kind == "text":
		kind = "VARCHAR"
	default:
		return fmt.Errorf("watermark: %s is of type %s; it must be a time, a date, a number or text: %w", wm.name, wm.kind, dose.ErrInvalid)
	}
	if overlap > 0 && step == "" {
		return fmt.Errorf("watermark: overlap needs a time or a date, and %s is of type %s: %w", wm.name, wm.kind, dose.ErrInvalid)
	}
	if old.Watermark == "" || old.Type != wm.kind {
		return nil
	}
	bound := "CAST(? AS " + kind + ")"
	if overlap > 0 {
		bound = "DATEADD(" + step + ", " + bound + ")"
	}
	p.statement += " WHERE (" + wm.quoted() + " >= " + bound + " OR " + wm.quoted() + " IS NULL)"
	p.args = append(p.args, old.Watermark)
	return nil
}

// mapping says which of their columns fills which of ours.
func (c Config) mapping(cols []column, p *plan) (map[string]column, error) {
	to, used := map[string]column{}, map[string]bool{}
	add := func(ours string, theirs column) error {
		if first, twice := to[ours]; twice {
			return fmt.Errorf("columns %s and %s both go to %s: map one of them to -: %w", first.name, theirs.name, ours, dose.ErrInvalid)
		}
		to[ours] = theirs
		return nil
	}
	for _, theirs := range slices.Sorted(maps.Keys(c.Columns)) {
		col, ok := find(cols, theirs)
		if !ok {
			return nil, fmt.Errorf("columns: the table has no %s: %w", theirs, dose.ErrInvalid)
		}
		used[col.name] = true
		if ours := c.Columns[theirs]; ours != "-" {
			if err := add(ours, col); err != nil {
				return nil, err
			}
		}
	}
	raw := rawNames()
	for _, col := range cols {
		name := strings.ToLower(col.name)
		switch {
		case used[col.name]:
		case slices.Contains(raw, name):
			if err := add(name, col); err != nil {
				return nil, err
			}
		case !slices.Contains(derived, name):
			p.left = append(p.left, col.name)
		}
	}
	for _, need := range []string{"vax_event_id", "admin_date"} {
		if _, ok := to[need]; !ok {
			return nil, fmt.Errorf("no column gives %s: the view must be one of doses, such as VW_ALL_IIS_LHJ, not of recipients; or name the column under columns: %w", need, dose.ErrInvalid)
		}
	}
	return to, nil
}

// named reports whether the configuration says where their column goes.
func (c Config) named(theirs string) bool {
	for name := range c.Columns {
		if strings.EqualFold(name, theirs) {
			return true
		}
	}
	return false
}

func (c Config) watermark(cols []column) (column, error) {
	if c.Watermark.Column == "" {
		return column{}, nil
	}
	col, ok := find(cols, c.Watermark.Column)
	if !ok {
		return column{}, fmt.Errorf("watermark: the table has no column %s: %w", c.Watermark.Column, dose.ErrInvalid)
	}
	return col, nil
}

func find(cols []column, name string) (column, bool) {
	i := slices.IndexFunc(cols, func(c column) bool { return strings.EqualFold(c.name, name) })
	if i < 0 {
		return column{}, false
	}
	return cols[i], true
}
