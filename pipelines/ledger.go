package pipelines

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Ledger is the log's index in control.db: which payloads were received, and
// the order in which they count. Entries are only ever added, by the holder of
// the lease.
type Ledger struct{ db *sql.DB }

// NewLedger returns the ledger in db, which control.Open has opened.
func NewLedger(db *sql.DB) *Ledger { return &Ledger{db} }

// Arrival is one payload under one name.
type Arrival struct {
	SHA256     string
	Bytes      int64
	Registry   string
	Action     string
	Name       string
	SourceTime int64 // microseconds; 0 when the name says none
	At         time.Time
}

// Known is a segment that the ledger holds.
type Known struct {
	load.Entry
	SHA256, Name     string
	Bytes            int64
	ReceivedAt       int64
	Records, Rejects int64
	Issues           map[string]int64
	Files            []load.File
	Replay           *Replay // of a replay that is being entered
}

// Arrive records that a payload came under a name. known says that its
// segment is in the ledger already. Where the new name shows an earlier source
// time than was known, a retime entry is added.
func (l *Ledger) Arrive(ctx context.Context, a Arrival) (segment string, known bool, err error) {
	defer dose.Wrap(&err, "ledger: arrival")
	segment = load.SegmentID(a.SHA256, a.Action)
	err = l.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "insert into payload values (?, ?, ?) on conflict do nothing",
			a.SHA256, a.Bytes, a.At.UnixMicro()); err != nil {
			return err
		}
		var source any
		if a.SourceTime != 0 {
			source = a.SourceTime
		}
		if err := exec(ctx, tx, "ledger_name_insert", a.SHA256, a.Registry, a.Action, a.Name, source, a.At.UnixMicro()); err != nil {
			return err
		}
		counts, err := sourceTime(ctx, tx, a.Registry, segment)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		known = true
		if err != nil || a.SourceTime == 0 || a.SourceTime >= counts {
			return err
		}
		return retime(ctx, tx, a, segment)
	})
	return segment, known, err
}

// retime enters an earlier source time of a segment. Replays of what it
// refused are as old as it is.
func retime(ctx context.Context, tx *sql.Tx, a Arrival, segment string) error {
	segments := []string{segment}
	err := each(ctx, tx, "reject_replays_of", func(rows *sql.Rows) error {
		var s string
		err := rows.Scan(&s)
		segments = append(segments, s)
		return err
	}, a.Registry, segment)
	if err != nil {
		return err
	}
	for _, s := range segments {
		if _, err := appendEntry(ctx, tx, "retime", a.Registry, s, a.SourceTime, a.At); err != nil {
			return err
		}
	}
	return nil
}

// sourceTime returns the source time that counts for a segment, or
// sql.ErrNoRows.
func sourceTime(ctx context.Context, tx *sql.Tx, registry, segment string) (int64, error) {
	var t sql.NullInt64
	err := tx.QueryRowContext(ctx, "select min(source_time) from ledger where registry = ? and segment = ?", registry, segment).Scan(&t)
	if err == nil && !t.Valid {
		err = sql.ErrNoRows
	}
	return t.Int64, err
}

// Append enters a committed segment. From here on it counts.
func (l *Ledger) Append(ctx context.Context, k *Known, at time.Time) (err error) {
	defer dose.Wrap(&err, "ledger: append %s/%s", k.Registry, k.Segment)
	issues, err := json.Marshal(k.Issues)
	if err != nil {
		return err
	}
	files, err := json.Marshal(k.Files)
	if err != nil {
		return err
	}
	return l.tx(ctx, func(tx *sql.Tx) error {
		source, err := l.earliestName(ctx, tx, k, at)
		if err != nil {
			return err
		}
		k.SourceTime = source
		if k.Seq, err = appendEntry(ctx, tx, "segment", k.Registry, k.Segment, source, at); err != nil {
			return err
		}
		err = exec(ctx, tx, "ledger_segment_insert", k.Seq, k.Registry, k.Segment, k.SHA256, k.Action, k.Format, k.Name,
			k.Records, k.Rows, k.Rejects, string(issues), string(files))
		if err == nil && k.Replay != nil {
			_, err = tx.ExecContext(ctx, "insert into replay values (?, ?, ?, ?)", k.Seq, k.Replay.Origin, k.Replay.Root, len(k.Replay.Refs))
		}
		return err
	})
}

// earliestName is the earliest source time that a name of the payload says,
// else the time it was received (DESIGN §5.7, Time).
func (l *Ledger) earliestName(ctx context.Context, tx *sql.Tx, k *Known, at time.Time) (int64, error) {
	var t sql.NullInt64
	err := tx.QueryRowContext(ctx, "select min(source_time) from payload_name where sha256 = ? and registry = ? and action = ?", k.SHA256, k.Registry, k.Action).Scan(&t)
	if err != nil || t.Valid {
		return t.Int64, err
	}
	err = tx.QueryRowContext(ctx, "select received_at from payload where sha256 = ?", k.SHA256).Scan(&t)
	if !t.Valid {
		return at.UnixMicro(), err
	}
	return t.Int64, err
}

func appendEntry(ctx context.Context, tx *sql.Tx, kind, registry, segment string, source int64, at time.Time) (seq int64, err error) {
	if err := tx.QueryRowContext(ctx, "select coalesce(max(seq), 0) + 1 from ledger").Scan(&seq); err != nil {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, "insert into ledger values (?, ?, ?, ?, ?, ?)", seq, kind, registry, segment, source, at.UnixMicro())
	return seq, err
}

// Position returns the last entry's seq, 0 for an empty ledger.
func (l *Ledger) Position(ctx context.Context) (seq int64, err error) {
	err = l.db.QueryRowContext(ctx, "select coalesce(max(seq), 0) from ledger").Scan(&seq)
	if err != nil {
		return 0, fmt.Errorf("ledger position: %w", err)
	}
	return seq, nil
}

// Since returns the entries after seq up to and including last, in order.
func (l *Ledger) Since(ctx context.Context, seq, last int64) ([]load.Entry, error) {
	return l.entries(ctx, "ledger_since", func(rows *sql.Rows, e *load.Entry) error {
		var kind string
		err := rows.Scan(&e.Seq, &kind, &e.Registry, &e.Segment, &e.Action, &e.Format, &e.SourceTime, &e.Rows)
		e.Retime = kind == "retime"
		return err
	}, seq, last)
}

// Segments returns all segments entered up to and including last, with the
// source time that counts there.
func (l *Ledger) Segments(ctx context.Context, last int64) ([]load.Entry, error) {
	return l.entries(ctx, "ledger_known", func(rows *sql.Rows, e *load.Entry) error {
		return rows.Scan(&e.Seq, &e.Registry, &e.Segment, &e.Action, &e.Format, &e.Rows, &e.SourceTime, &e.Root, &e.Whole)
	}, last)
}

func (l *Ledger) entries(ctx context.Context, query string, scan func(*sql.Rows, *load.Entry) error, args ...any) (_ []load.Entry, err error) {
	defer dose.Wrap(&err, "ledger: %s", query)
	var out []load.Entry
	err = l.each(ctx, query, func(rows *sql.Rows) error {
		var e load.Entry
		if err := scan(rows, &e); err != nil {
			return err
		}
		out = append(out, e)
		return nil
	}, args...)
	return out, err
}

// List returns all that is known of the segments up to and including last;
// last 0 means all.
func (l *Ledger) List(ctx context.Context, last int64) (_ []Known, err error) {
	defer dose.Wrap(&err, "ledger: list")
	if last == 0 {
		last = math.MaxInt64
	}
	var out []Known
	err = l.each(ctx, "ledger_segments", func(rows *sql.Rows) error {
		var k Known
		var issues, files string
		if err := rows.Scan(&k.Seq, &k.Registry, &k.Segment, &k.SHA256, &k.Action, &k.Format, &k.Name, &k.Records,
			&k.Rows, &k.Rejects, &issues, &files, &k.Bytes, &k.ReceivedAt, &k.SourceTime); err != nil {
			return err
		}
		out = append(out, k)
		return errors.Join(json.Unmarshal([]byte(issues), &out[len(out)-1].Issues), json.Unmarshal([]byte(files), &out[len(out)-1].Files))
	}, last)
	return out, err
}

func (l *Ledger) each(ctx context.Context, query string, row func(*sql.Rows) error, args ...any) error {
	return each(ctx, l.db, query, row, args...)
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func each(ctx context.Context, q querier, query string, row func(*sql.Rows) error, args ...any) error {
	text, err := sqltext.Text("queries/" + query + ".sql")
	if err != nil {
		return err
	}
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (l *Ledger) tx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func exec(ctx context.Context, tx *sql.Tx, query string, args ...any) error {
	text, err := sqltext.Text("queries/" + query + ".sql")
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, text, args...)
	return err
}
