package snowflake

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// MapRow is a line of the mapping table that the account's policies judge by
// (sql/governance/05_map.sql).
type MapRow struct {
	Principal string    `json:"principal"`
	Place     string    `json:"place"`
	Level     int64     `json:"level"` // 0 deidentified, 1 limited, 2 identified
	From      time.Time `json:"from"`
	Until     time.Time `json:"until"`
	Grant     int64     `json:"grant"`
}

func (r MapRow) compare(o MapRow) int {
	return cmp.Or(cmp.Compare(r.Principal, o.Principal), cmp.Compare(r.Place, o.Place), cmp.Compare(r.Grant, o.Grant), cmp.Compare(r.Level, o.Level),
		r.From.Compare(o.From), r.Until.Compare(o.Until))
}

// Drift is how the mapping table differs from what it should be.
type Drift struct {
	Missing []MapRow `json:"missing"` // granted, and not in the table
	Extra   []MapRow `json:"extra"`   // in the table, and not granted, or more than once
	Same    int      `json:"same"`
}

// None says that the table is in step.
func (d Drift) None() bool { return len(d.Missing) == 0 && len(d.Extra) == 0 }

// Drift compares the mapping table with the lines it should have.
func (g *Governor) Drift(ctx context.Context, want []MapRow) (_ Drift, err error) {
	defer dose.Wrap(&err, "compare the mapping table")
	have, err := g.mapped(ctx)
	if err != nil {
		return Drift{}, err
	}
	return compareMaps(want, have), nil
}

func compareMaps(want, have []MapRow) Drift {
	want, have = slices.Clone(want), slices.Clone(have)
	slices.SortFunc(want, MapRow.compare)
	want = slices.CompactFunc(want, func(a, b MapRow) bool { return a.compare(b) == 0 })
	slices.SortFunc(have, MapRow.compare)
	d := Drift{Missing: []MapRow{}, Extra: []MapRow{}}
	for len(want) > 0 || len(have) > 0 {
		order := 0
		switch {
		case len(have) == 0:
			order = -1
		case len(want) == 0:
			order = 1
		default:
			order = want[0].compare(have[0])
		}
		switch {
		case order < 0:
			d.Missing, want = append(d.Missing, want[0]), want[1:]
		case order > 0:
			d.Extra, have = append(d.Extra, have[0]), have[1:]
		default:
			d.Same, want, have = d.Same+1, want[1:], have[1:]
		}
	}
	return d
}

func (g *Governor) table() string { return g.c.Database + ".GOVERN.ACCESS_MAP" }

func (g *Governor) mapped(ctx context.Context) (out []MapRow, err error) {
	query := "SELECT PRINCIPAL, PLACE, LEVEL, DATE_PART(EPOCH_MICROSECOND, FROM_AT) AS F, DATE_PART(EPOCH_MICROSECOND, UNTIL_AT) AS U, GRANT_ID FROM " + g.table()
	err = g.own.query(ctx, "read the mapping table", query, func(scan func(...any) error) error {
		var r MapRow
		var from, until int64
		err := scan(&r.Principal, &r.Place, &r.Level, &from, &until, &r.Grant)
		r.From, r.Until = time.UnixMicro(from).UTC(), time.UnixMicro(until).UTC()
		out = append(out, r)
		return err
	})
	return out, err
}

// Sync makes the mapping table what it should be, in one transaction, and says
// what it changed. Lines that are too much go first and whole: whoever reads
// meanwhile sees the table before or after, never a line that was taken away.
func (g *Governor) Sync(ctx context.Context, want []MapRow) (d Drift, err error) {
	defer dose.Wrap(&err, "bring the mapping table in step")
	err = g.own.transaction(ctx, func() error {
		have, err := g.mapped(ctx)
		if err != nil {
			return err
		}
		d = compareMaps(want, have)
		return g.mend(ctx, d, want)
	})
	return d, err
}

func (g *Governor) mend(ctx context.Context, d Drift, want []MapRow) error {
	add := d.Missing
	if len(d.Extra) > 0 {
		// The lines of a grant are few; those of one that differ are written anew.
		touched := map[int64]bool{}
		for _, r := range d.Extra {
			if touched[r.Grant] {
				continue
			}
			touched[r.Grant] = true
			if _, err := g.own.exec(ctx, "take lines away", "DELETE FROM "+g.table()+" WHERE GRANT_ID = ?", r.Grant); err != nil {
				return err
			}
		}
		add = nil
		for _, r := range compareMaps(want, nil).Missing {
			if touched[r.Grant] {
				add = append(add, r)
			}
		}
		for _, r := range d.Missing {
			if !touched[r.Grant] {
				add = append(add, r)
			}
		}
	}
	const atOnce = 500
	for part := range slices.Chunk(add, atOnce) {
		rows := make([]string, len(part))
		for i, r := range part {
			rows[i] = fmt.Sprintf("%s, %s, %d, %s, %s, %d", quote(r.Principal), quote(r.Place), r.Level, stamp(r.From), stamp(r.Until), r.Grant)
		}
		if _, err := g.own.exec(ctx, "add lines", "INSERT INTO "+g.table()+" SELECT * FROM (VALUES ("+strings.Join(rows, "), (")+")) AS T"); err != nil {
			return err
		}
	}
	return nil
}

// stamp writes a time, whole to the microsecond.
func stamp(t time.Time) string {
	return "TO_TIMESTAMP_NTZ('" + t.UTC().Format("2006-01-02 15:04:05.000000") + "')"
}
