package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Version is one reported version of an event.
type Version struct {
	Place      int64    `json:"-"`
	Registry   string   `json:"registry"`
	EventID    string   `json:"vax_event_id"`
	Segment    string   `json:"segment"`
	Line       int64    `json:"line"`
	Action     string   `json:"action,omitempty"`
	SourceTime int64    `json:"-"`
	ReportedAt string   `json:"reported_at"`
	LedgerSeq  int64    `json:"ledger_seq"`
	Tombstone  bool     `json:"tombstone"`
	Current    bool     `json:"current"`
	Issues     []string `json:"issues"`
	recip      string
}

// Member is an event that is the same dose.
type Member struct {
	Registry  string `json:"registry"`
	EventID   string `json:"vax_event_id"`
	AdminDate string `json:"admin_date"`
	Primary   bool   `json:"is_primary"`
	Ordinal   int64  `json:"dose_ordinal,omitempty"`
}

// Pair is what was decided about the event and another one of the person.
type Pair struct {
	Registry string  `json:"registry"`
	EventID  string  `json:"vax_event_id"`
	Gap      int64   `json:"days_apart"`
	Score    float64 `json:"score"`
	Vote     int64   `json:"vote"`
	Rule     string  `json:"rule"`
	Verdict  string  `json:"verdict"`
}

// Recipient is one recipient id of the person.
type Recipient struct {
	Registry string `json:"registry"`
	ID       string `json:"recip_id"`
	Held     bool   `json:"held"` // the group is too large: each id is a person of its own
}

// Explanation is all that the store knows of an event.
type Explanation struct {
	Registry string      `json:"registry"`
	EventID  string      `json:"vax_event_id"`
	Aliases  []string    `json:"aliases"`
	Versions []Version   `json:"versions"`
	Why      string      `json:"why"`
	Dose     []Member    `json:"dose"`
	Pairs    []Pair      `json:"pairs"`
	Person   []Recipient `json:"person"`
}

// maxRecipients bounds how many ids of a held group are looked up in the lake.
const maxRecipients = 25

// Explain tells everything about one event. key makes the key of an id.
// segments are those with records, by ledger sequence.
func (d *DB) Explain(ctx context.Context, registry, id string, key func(registry, id string) int64, segments map[int64]load.Entry) (_ *Explanation, err error) {
	defer dose.Wrap(&err, "explain %s/%s", registry, id)
	x := &Explanation{Registry: registry, EventID: id, Aliases: []string{}, Dose: []Member{}, Pairs: []Pair{}, Person: []Recipient{}}
	keys, err := d.keys(ctx, x, key(registry, id))
	if err != nil {
		return nil, err
	}
	if err := d.versions(ctx, x, keys, segments); err != nil {
		return nil, err
	}
	if len(x.Versions) == 0 {
		return nil, fmt.Errorf("no registry of that name has reported this event: %w", dose.ErrNotFound)
	}
	for _, v := range x.Versions {
		if !v.Current {
			continue
		}
		x.Why = why(v, x.Versions)
		if err := d.group(ctx, x, v.Place); err != nil {
			return nil, err
		}
		return x, d.person(ctx, x, key(v.Registry, v.recip), segments)
	}
	return x, nil
}

func why(v Version, all []Version) string {
	switch {
	case v.Tombstone:
		return "the latest version by source time, ledger sequence and line deletes the event"
	case len(all) == 1:
		return "the only version"
	}
	return "the latest of its versions by source time, ledger sequence and line"
}

// keys follows moved ids: the key asked for, and all that crosswalks connect
// with it, in as many steps as it takes.
func (d *DB) keys(ctx context.Context, x *Explanation, asked int64) ([]int64, error) {
	keys := []int64{asked}
	err := d.each(ctx, "queries/explain_moved.sql", func(rows *sql.Rows) error {
		var oldRegistry, oldID, newRegistry, newID string
		var oldKey, newKey int64
		err := rows.Scan(&oldRegistry, &oldID, &oldKey, &newRegistry, &newID, &newKey)
		x.Aliases = append(x.Aliases, oldRegistry+"/"+oldID+" is now "+newRegistry+"/"+newID)
		for _, k := range []int64{oldKey, newKey} {
			if !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
		return err
	}, asked)
	return keys, err
}

func (d *DB) versions(ctx context.Context, x *Explanation, keys []int64, segments map[int64]load.Entry) error {
	query, err := sqltext.Text("queries/explain_versions.sql")
	if err != nil {
		return err
	}
	text := make([]string, len(keys))
	for i, k := range keys {
		text[i] = fmt.Sprint(k)
	}
	// Keys are numbers of our own making.
	query = strings.ReplaceAll(query, "unnest(?1::bigint[])", "unnest(["+strings.Join(text, ", ")+"]::bigint[])")
	rows, err := d.conn.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	var found []Version
	for rows.Next() {
		v := Version{Issues: []string{}}
		var dead sql.NullBool
		if err := rows.Scan(&v.Place, &v.SourceTime, &dead, &v.Current); err != nil {
			return errors.Join(err, rows.Close())
		}
		v.Tombstone = dead.Bool
		found = append(found, v)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for i := range found {
		if err := d.look(ctx, &found[i], segments); err != nil {
			return err
		}
		// A 63-bit key may have a false friend.
		if len(keys) > 1 || found[i].Registry == x.Registry && found[i].EventID == x.EventID {
			x.Versions = append(x.Versions, found[i])
		}
	}
	return nil
}

// look reads from the lake what stands at a version's place.
func (d *DB) look(ctx context.Context, v *Version, segments map[int64]load.Entry) error {
	v.LedgerSeq = v.Place >> 32
	row := v.Place & (1<<32 - 1)
	s := segments[v.LedgerSeq]
	v.Segment = s.Segment
	v.ReportedAt = time.UnixMicro(v.SourceTime).UTC().Format(time.RFC3339)
	folder, err := d.lake.Folder(s.Registry, s.Segment)
	if err != nil {
		return err
	}
	query, err := sqltext.Text("queries/explain_row.sql")
	if err != nil {
		return err
	}
	var recip, action sql.NullString
	var tombstone bool
	err = d.conn.QueryRowContext(ctx, strings.ReplaceAll(query, "{files}", list([]string{filepath.Join(folder, load.EventFile)})), row).
		Scan(&v.Line, &v.Registry, &v.EventID, &recip, &tombstone, &action)
	if err != nil {
		return err
	}
	v.recip, v.Action = recip.String, action.String
	if v.Action == "" {
		v.Action = s.Action
	}
	if !v.Current {
		v.Tombstone = tombstone
	}
	return d.issues(ctx, v, row, filepath.Join(folder, load.IssueFile))
}

func (d *DB) issues(ctx context.Context, v *Version, row int64, path string) error {
	if _, err := os.Stat(path); err == nil {
		query, err := sqltext.Text("queries/explain_issues.sql")
		if err != nil {
			return err
		}
		if err := d.eachText(ctx, strings.ReplaceAll(query, "{files}", list([]string{path})), func(c []string) {
			v.Issues = append(v.Issues, strings.TrimSuffix(c[0]+" "+c[2], " "))
		}, row); err != nil {
			return err
		}
	}
	return d.eachText(ctx, "select code from event_issue where place = ? order by code", func(c []string) { v.Issues = append(v.Issues, c[0]) }, v.Place)
}

// eachText calls f with the columns of each row as texts.
func (d *DB) eachText(ctx context.Context, query string, f func([]string), args ...any) error {
	rows, err := d.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	cells := make([]string, len(names))
	to := make([]any, len(names))
	for i := range cells {
		to[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return err
		}
		f(cells)
	}
	return rows.Err()
}

func (d *DB) group(ctx context.Context, x *Explanation, place int64) error {
	err := d.each(ctx, "queries/explain_group.sql", func(rows *sql.Rows) error {
		var m Member
		var ordinal sql.NullInt64
		var day time.Time
		var at, k int64
		err := rows.Scan(&m.Registry, &m.EventID, &at, &m.Primary, &ordinal, &day, &k)
		m.Ordinal, m.AdminDate = ordinal.Int64, day.Format(time.DateOnly)
		x.Dose = append(x.Dose, m)
		return err
	}, place)
	if err != nil {
		return err
	}
	return d.each(ctx, "queries/explain_pairs.sql", func(rows *sql.Rows) error {
		var p Pair
		var other int64
		err := rows.Scan(&other, &p.Registry, &p.EventID, &p.Gap, &p.Score, &p.Vote, &p.Rule, &p.Verdict)
		x.Pairs = append(x.Pairs, p)
		return err
	}, place)
}

func (d *DB) person(ctx context.Context, x *Explanation, recip int64, segments map[int64]load.Entry) error {
	type member struct {
		place int64
		held  bool
	}
	var members []member
	err := d.each(ctx, "queries/explain_person.sql", func(rows *sql.Rows) error {
		var id, born, component, person, place int64
		var registry string
		err := rows.Scan(&id, &born, &component, &person, &place, &registry)
		members = append(members, member{place, component != person})
		return err
	}, recip)
	if err != nil {
		return err
	}
	for _, m := range members[:min(len(members), maxRecipients)] {
		v := Version{Place: m.place}
		if err := d.look(ctx, &v, segments); err != nil {
			return err
		}
		x.Person = append(x.Person, Recipient{v.Registry, v.recip, m.held})
	}
	return nil
}

func (d *DB) each(ctx context.Context, name string, f func(*sql.Rows) error, args ...any) error {
	query, err := sqltext.Text(name)
	if err != nil {
		return err
	}
	rows, err := d.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return rows.Err()
}

// Waiting is something that waits for a steward.
type Waiting struct {
	Entity        string  `json:"entity"` // dose or person
	Registry      string  `json:"registry"`
	ID            string  `json:"id"`
	OtherRegistry string  `json:"other_registry,omitempty"`
	OtherID       string  `json:"other_id,omitempty"`
	Rule          string  `json:"rule"`
	Gap           int64   `json:"days_apart,omitempty"`
	Score         float64 `json:"score,omitempty"`
	Size          int64   `json:"size"`
}

// Review lists what waits for a steward, the likeliest first.
func (d *DB) Review(ctx context.Context, limit int) ([]Waiting, error) {
	out := []Waiting{}
	err := d.each(ctx, "queries/review_list.sql", func(rows *sql.Rows) error {
		var w Waiting
		var registry, id sql.NullString
		var gap sql.NullInt64
		var score sql.NullFloat64
		err := rows.Scan(&w.Entity, &w.Registry, &w.ID, &registry, &id, &w.Rule, &gap, &score, &w.Size)
		w.OtherRegistry, w.OtherID, w.Gap, w.Score = registry.String, id.String, gap.Int64, score.Float64
		out = append(out, w)
		return err
	}, limit)
	return out, err
}
