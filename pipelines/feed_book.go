package pipelines

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	sqltext "github.com/dosebook/dosebook/sql"
)

// FeedBook is what control.db knows of feeds: marks, runs, what is held,
// notices.
type FeedBook struct{ db *sql.DB }

// NewFeedBook returns the book in db, which control.Open has opened.
func NewFeedBook(db *sql.DB) *FeedBook { return &FeedBook{db} }

// States of a run. Those up to stateHeld serve their due time.
const (
	stateRunning     = "running"
	stateOK          = "ok"
	stateNothing     = "nothing" // nothing new
	stateRejects     = "rejects" // loaded, with more rejects than the limit
	stateHeld        = "held"    // something waits for a steward; the rest is loaded
	stateFailed      = "failed"
	stateInterrupted = "interrupted"
)

// Outcome is one run of a feed.
type Outcome struct {
	ID       int64     `json:"id"`
	Feed     string    `json:"feed"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended,omitzero"`
	State    string    `json:"state"`
	Step     string    `json:"step"`
	Again    bool      `json:"again"` // worth another try
	Error    string    `json:"error,omitempty"`
	Note     string    `json:"note,omitempty"`
	Payloads int       `json:"payloads"`
	Fresh    int       `json:"new_payloads"`
	Records  int64     `json:"records"`
	Rejects  int64     `json:"rejects"`
	Due      time.Time `json:"due,omitzero"`
	Attempt  int       `json:"attempt"`
}

// served says that the run's due time needs no other run.
func (o *Outcome) served() bool {
	return o.State == stateOK || o.State == stateNothing || o.State == stateRejects || o.State == stateHeld
}

func (b *FeedBook) seen(ctx context.Context, feed string, now time.Time) (err error) {
	defer dose.Wrap(&err, "feed %s", feed)
	var n int
	if err := b.db.QueryRowContext(ctx, "select count(*) from feed where name = ?", feed).Scan(&n); err != nil || n > 0 {
		return err
	}
	_, err = b.db.ExecContext(ctx, "insert into feed (name, since) values (?, ?) on conflict do nothing", feed, now.UnixMicro())
	return err
}

// since is when the feed was first seen; zero if it never was.
func (b *FeedBook) since(ctx context.Context, feed string) (time.Time, error) {
	var t int64
	err := b.db.QueryRowContext(ctx, "select since from feed where name = ?", feed).Scan(&t)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return fromMicro(t), err
}

// skew is how far in the future a due time may lie before it is taken for one
// made by a wrong clock. Less than that, and a clock that was set back must not
// make a feed run twice.
const skew = 3 * time.Hour

// base returns the time from which due times count.
func (b *FeedBook) base(ctx context.Context, feed string, now time.Time) (_ time.Time, err error) {
	defer dose.Wrap(&err, "feed %s", feed)
	for try := 0; ; try++ {
		var t int64
		if err := b.row(ctx, "feed_due", []any{feed}, &t); err != nil {
			return time.Time{}, err
		}
		at := fromMicro(t)
		if try > 0 || !at.After(now.Add(skew)) {
			return at, nil
		}
		latest := now.Add(skew).UnixMicro()
		if _, err := b.db.ExecContext(ctx, "update feed set since = ? where name = ? and since > ?", now.UnixMicro(), feed, latest); err != nil {
			return at, err
		}
		if err := b.do(ctx, "feed_run_future", feed, latest); err != nil {
			return at, err
		}
	}
}

// mark returns where the source stands, and what it was not yet told is done.
func (b *FeedBook) mark(ctx context.Context, feed string) (mark string, pending []extract.Fetched, err error) {
	var text string
	if err := b.db.QueryRowContext(ctx, "select mark, pending from feed where name = ?", feed).Scan(&mark, &text); err != nil {
		return "", nil, err
	}
	return mark, pending, json.Unmarshal([]byte(text), &pending)
}

func (b *FeedBook) setPending(ctx context.Context, db execer, feed string, pending []extract.Fetched) error {
	text, err := json.Marshal(pending)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "update feed set pending = ? where name = ?", string(text), feed)
	return err
}

// begin enters a run. Runs of the feed that are still open were killed: the
// caller holds the feed's lease.
func (b *FeedBook) begin(ctx context.Context, o *Outcome) (err error) {
	defer dose.Wrap(&err, "feed %s: begin run", o.Feed)
	res, err := b.exec(ctx, b.db, "feed_run_begin", o.Feed, o.Started.UnixMicro(), micro(o.Due), o.Attempt)
	if err != nil {
		return err
	}
	o.ID, err = res.LastInsertId()
	return err
}

func (b *FeedBook) step(ctx context.Context, o *Outcome) error {
	_, err := b.db.ExecContext(ctx, "update feed_run set step = ? where id = ?", o.Step, o.ID)
	return err
}

func (b *FeedBook) end(ctx context.Context, o *Outcome) (err error) {
	defer dose.Wrap(&err, "feed %s: end run", o.Feed)
	return b.do(ctx, "feed_run_end", o.ID, o.Ended.UnixMicro(), o.State, o.Again, o.Error)
}

// Runs returns a feed's latest runs, newest first.
func (b *FeedBook) Runs(ctx context.Context, feed string, limit int) (out []Outcome, err error) {
	defer dose.Wrap(&err, "feed %s: runs", feed)
	err = b.each(ctx, "feed_runs", []any{feed, limit}, func(scan func(...any) error) error {
		var o Outcome
		var started, ended, due int64
		err := scan(&o.ID, &o.Feed, &started, &ended, &o.State, &o.Step, &o.Again, &o.Error, &o.Note, &o.Payloads, &o.Fresh, &o.Records, &o.Rejects, &due, &o.Attempt)
		o.Started, o.Ended, o.Due = fromMicro(started), fromMicro(ended), fromMicro(due)
		out = append(out, o)
		return err
	})
	return out, err
}

// Brought is one payload of one run.
type Brought struct {
	Run     int64     `json:"run"`
	SHA256  string    `json:"sha256"`
	Name    string    `json:"name"`
	Action  string    `json:"action"`
	Day     string    `json:"day,omitempty"` // in a CVRS name
	Records int64     `json:"records"`
	Rejects int64     `json:"rejects"`
	State   string    `json:"state"` // loaded, known, held, refused
	At      time.Time `json:"at"`
}

// Payloads returns what a feed brought, newest first.
func (b *FeedBook) Payloads(ctx context.Context, feed string, limit int) (out []Brought, err error) {
	defer dose.Wrap(&err, "feed %s: payloads", feed)
	err = b.each(ctx, "feed_payloads", []any{feed, limit}, func(scan func(...any) error) error {
		var p Brought
		var at int64
		err := scan(&p.Run, &p.SHA256, &p.Name, &p.Action, &p.Day, &p.Records, &p.Rejects, &p.State, &at)
		p.At = fromMicro(at)
		out = append(out, p)
		return err
	})
	return out, err
}

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (b *FeedBook) exec(ctx context.Context, db execer, query string, args ...any) (sql.Result, error) {
	text, err := sqltext.Text("queries/" + query + ".sql")
	if err != nil {
		return nil, err
	}
	return db.ExecContext(ctx, text, args...)
}

func (b *FeedBook) do(ctx context.Context, query string, args ...any) error {
	_, err := b.exec(ctx, b.db, query, args...)
	return err
}

func (b *FeedBook) row(ctx context.Context, query string, args []any, to ...any) error {
	text, err := sqltext.Text("queries/" + query + ".sql")
	if err != nil {
		return err
	}
	return b.db.QueryRowContext(ctx, text, args...).Scan(to...)
}

func (b *FeedBook) each(ctx context.Context, query string, args []any, row func(scan func(...any) error) error) error {
	l := Ledger{b.db}
	return l.each(ctx, query, func(rows *sql.Rows) error { return row(rows.Scan) }, args...)
}

// micro is a time as control.db has it; zero is null.
func micro(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func fromMicro(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
