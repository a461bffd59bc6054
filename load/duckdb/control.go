package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Control is a sender's control file, checked and written plainly
// (pipelines.ReadControl), and what it is held against.
type Control struct {
	Path     string
	Days     bool // by county and day, without ids
	Registry string
	Until    int64 // microseconds: what was reported later is not judged
}

// ControlCounts are the totals of a comparison. Of a file by county and day
// only Rows, Events and Newer are known.
type ControlCounts struct {
	Rows      int64 `json:"rows"`      // in the control file
	Events    int64 `json:"events"`    // live in the store, of this registry
	Same      int64 `json:"same"`      // in both, alike
	Missing   int64 `json:"missing"`   // in the control file alone
	Extra     int64 `json:"extra"`     // live in the store alone
	Different int64 `json:"different"` // content, county or day differ
	Moved     int64 `json:"moved"`     // live under another id (crosswalk); content not compared
	Newer     int64 `json:"newer"`     // reported after the time asked for; not compared
}

// ControlDay is a county and day with findings.
type ControlDay struct {
	County    string `json:"county"`
	Day       string `json:"admin_date"`
	Rows      int64  `json:"rows"`
	Events    int64  `json:"events"`
	Missing   int64  `json:"missing"`
	Extra     int64  `json:"extra"`
	Different int64  `json:"different"`
	Differs   string `json:"differs,omitempty"` // without ids: rows, or content alone
}

// CompareControl compares a control file with the store. Findings holds what
// it found until the next comparison.
func (d *DB) CompareControl(ctx context.Context, c Control) (n ControlCounts, days []ControlDay, err error) {
	defer dose.Wrap(&err, "compare with the control file")
	texts := [3]string{"control_rows", "control_total", "control_row_days"}
	if c.Days {
		texts = [3]string{"control_days", "control_day_total", "control_day_days"}
	}
	replace := []string{"{file}", quote(c.Path), "{registry}", quote(c.Registry), "{until}", strconv.FormatInt(c.Until, 10)}
	if err := d.run(ctx, "queries/"+texts[0]+".sql", replace...); err != nil {
		return n, nil, err
	}
	total, err := sqltext.Text("queries/" + texts[1] + ".sql")
	if err != nil {
		return n, nil, err
	}
	var asked int64
	err = d.conn.QueryRowContext(ctx, strings.NewReplacer(replace...).Replace(total)).
		Scan(&n.Rows, &n.Events, &n.Missing, &n.Extra, &n.Different, &n.Moved, &n.Newer, &asked)
	if err != nil {
		return n, nil, err
	}
	if !c.Days {
		n.Same = n.Rows - asked
	}
	days, err = d.controlDays(ctx, "queries/"+texts[2]+".sql", replace)
	return n, days, err
}

func (d *DB) controlDays(ctx context.Context, name string, replace []string) ([]ControlDay, error) {
	text, err := sqltext.Text(name)
	if err != nil {
		return nil, err
	}
	rows, err := d.conn.QueryContext(ctx, strings.NewReplacer(replace...).Replace(text))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	days := []ControlDay{}
	for rows.Next() {
		var x ControlDay
		var county int
		var day sql.NullTime
		if err := rows.Scan(&county, &day, &x.Rows, &x.Events, &x.Missing, &x.Extra, &x.Different, &x.Differs); err != nil {
			return nil, err
		}
		x.County, x.Day = countyName(county), day.Time.Format(time.DateOnly)
		days = append(days, x)
	}
	return days, rows.Err()
}

// countyName is the county of a number in event.county.
func countyName(n int) string {
	switch n {
	case 0:
		return dose.UnknownCounty
	case 1:
		return dose.OutOfState
	}
	return fmt.Sprintf("%05d", n)
}

// Findings calls f with the ids of one kind (missing, extra, different) of the
// last comparison of events, in order; limit 0 means all.
func (d *DB) Findings(ctx context.Context, finding string, limit int, f func(id string) error) (err error) {
	defer dose.Wrap(&err, "findings of the comparison")
	query := "select vax_event_id from control_finding where finding = ? order by 1"
	if limit > 0 {
		query += " limit " + strconv.Itoa(limit)
	}
	rows, err := d.conn.QueryContext(ctx, query, finding)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		if err := f(id); err != nil {
			return err
		}
	}
	return rows.Err()
}
