package pipelines

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// Held is a payload that is kept and waits for a steward.
type Held struct {
	ID         int64     `json:"id"`
	Feed       string    `json:"feed"`
	Registry   string    `json:"registry"`
	Format     string    `json:"format"`
	SHA256     string    `json:"sha256"`
	Name       string    `json:"name"`
	Action     string    `json:"action"`
	SourceTime time.Time `json:"source_time,omitzero"`
	Reason     string    `json:"reason"`
	At         time.Time `json:"held_at"`
}

// Held returns what of a feed waits for a steward, oldest first.
func (b *FeedBook) Held(ctx context.Context, feed string) (out []Held, err error) {
	defer dose.Wrap(&err, "feed %s: held payloads", feed)
	err = b.each(ctx, "feed_held_open", []any{feed}, func(scan func(...any) error) error {
		var h Held
		var source, at int64
		err := scan(&h.ID, &h.Feed, &h.Registry, &h.Format, &h.SHA256, &h.Name, &h.Action, &source, &h.Reason, &at)
		h.SourceTime, h.At = fromMicro(source), fromMicro(at)
		out = append(out, h)
		return err
	})
	return out, err
}

// settled says whether a run of the feed has entered the payload before.
func (b *FeedBook) settled(ctx context.Context, feed, sha, action string) (bool, error) {
	var n int
	err := b.db.QueryRowContext(ctx, "select count(*) from feed_payload where feed = ? and sha256 = ? and action = ?", feed, sha, action).Scan(&n)
	return n > 0, err
}

// keepPending bounds what a source that never answers is still to be told.
const keepPending = 50

// settle enters, in one transaction, what became of each payload, what is
// held, the new mark, and what the source is to be told. The error says what
// people have to know.
func (f *Feeds) settle(ctx context.Context, feed *Feed, o *Outcome, got extract.Fetched, rep *Report) (outcome, err error) {
	defer dose.Wrap(&err, "feed %s: settle", feed.Name)
	var said []error
	_, pending, err := f.Book.mark(ctx, feed.Name)
	if err != nil {
		return nil, err
	}
	if len(got.Payloads) > 0 {
		pending = append(pending, got)
		pending = pending[max(0, len(pending)-keepPending):]
	}
	l := Ledger{f.Book.db}
	err = l.tx(ctx, func(tx *sql.Tx) error {
		for i := range rep.Payloads {
			told, err := f.enter(ctx, tx, feed, o, &rep.Payloads[i], feed.request(got.Payloads[i]))
			if err != nil {
				return err
			}
			said = append(said, told)
		}
		if _, err := f.Book.exec(ctx, tx, "feed_run_brought", o.ID, o.Payloads, o.Fresh, o.Records, o.Rejects, o.Note); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "update feed set mark = ? where name = ?", got.Mark, feed.Name); err != nil {
			return err
		}
		return f.Book.setPending(ctx, tx, feed.Name, pending)
	})
	if outcome = errors.Join(said...); outcome != nil {
		outcome = settled{outcome}
	}
	return outcome, err
}

// enter enters one payload of a run. told is what people have to know of it.
func (f *Feeds) enter(ctx context.Context, tx *sql.Tx, feed *Feed, o *Outcome, p *Payload, req Request) (told, err error) {
	b := Brought{Run: o.ID, SHA256: p.SHA256, Name: cmp.Or(req.Name, filepath.Base(p.Path)), Action: req.Action, Records: p.Records, Rejects: p.Rejects, State: "loaded", At: f.Now()}
	if t, _, ok := extract.ParseName(b.Name); ok {
		b.Day = t.Format(time.DateOnly)
	}
	var before int
	if err := tx.QueryRowContext(ctx, "select count(*) from feed_payload where feed = ? and sha256 = ? and action = ?", feed.Name, b.SHA256, b.Action).Scan(&before); err != nil {
		return nil, err
	}
	switch {
	case p.err != nil && before > 0, p.Duplicate && before > 0:
		b.State = "known"
	case errors.Is(p.err, dose.ErrHeld):
		b.State = "held"
	case p.err != nil:
		b.State = "refused"
	case p.Duplicate: // loaded by a run that was killed before it could say so, or by hand
		err := tx.QueryRowContext(ctx, "select records, rejects from segment where registry = ? and segment = ?", p.Registry, p.Segment).Scan(&b.Records, &b.Rejects)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
	}
	switch b.State {
	case "held", "refused":
		source := int64(0)
		if !req.SourceTime.IsZero() {
			source = req.SourceTime.UnixMicro()
		}
		if _, err := f.Book.exec(ctx, tx, "feed_held_add", feed.Name, feed.Registry, req.Format, b.SHA256, b.Name, b.Action, source, strings.TrimPrefix(plain(p.err), b.Name+": "), b.At.UnixMicro()); err != nil {
			return nil, err
		}
		told = fmt.Errorf("%w; it is kept, 'dosebook feeds show %s' says what to do: %w", p.err, feed.Name, dose.ErrHeld)
	case "loaded":
		if err := f.endHeld(ctx, tx, feed, b); err != nil {
			return nil, err
		}
		if float64(b.Rejects) > feed.Limit*float64(b.Records) {
			told = fmt.Errorf("%s: %d of %d records were refused, more than the limit of %g %%; the others are loaded: %w", b.Name, b.Rejects, b.Records, 100*feed.Limit, dose.ErrRejects)
		}
	}
	if b.State != "known" {
		o.Fresh++
		o.Records += b.Records
		o.Rejects += b.Rejects
	}
	var day any
	if b.Day != "" {
		day = b.Day
	}
	_, err = f.Book.exec(ctx, tx, "feed_payload_add", b.Run, feed.Name, b.SHA256, b.Name, b.Action, day, b.Records, b.Rejects, b.State, b.At.UnixMicro())
	return told, err
}

// endHeld ends what no longer waits since this payload is loaded: itself, and
// under a CVRS name what it corrects.
func (f *Feeds) endHeld(ctx context.Context, tx *sql.Tx, feed *Feed, b Brought) error {
	now := b.At.UnixMicro()
	if _, err := tx.ExecContext(ctx, "update feed_held set ended_at = ?, ended_by = 'dosebook', outcome = 'released' where feed = ? and sha256 = ? and action = ? and ended_at is null",
		now, feed.Name, b.SHA256, b.Action); err != nil || b.Day == "" {
		return err
	}
	_, err := f.Book.exec(ctx, tx, "feed_held_replaced", feed.Name, now, b.Name, b.Action, b.SHA256)
	return err
}

// Release loads what of a feed is held, or of it the payloads with these ids,
// whatever it lacks or would refuse. What still can't be read stays.
func (f *Feeds) Release(ctx context.Context, name, who string, ids ...int64) (*Report, error) {
	feed, held, err := f.chosen(ctx, name, ids)
	if err != nil {
		return nil, err
	}
	reqs := make([]Request, len(held))
	for i, h := range held {
		reqs[i] = Request{Registry: h.Registry, Format: h.Format, Action: h.Action, MaxAbsent: 1, Precision: feed.Precision, Limit: 1,
			Paths: []string{f.Raw.Path(h.SHA256)}, Name: h.Name, SourceTime: h.SourceTime}
	}
	rep, err := f.Load(ctx, name, reqs...)
	if rep == nil || len(rep.Payloads) != len(held) {
		return rep, err
	}
	for i, h := range held {
		if rep.Payloads[i].err == nil {
			err = errors.Join(err, f.Book.do(ctx, "feed_held_end", h.ID, f.Now().UnixMicro(), who, "released"))
		}
	}
	return rep, err
}

// Drop says that held payloads are not to be loaded. They stay in raw/.
func (f *Feeds) Drop(ctx context.Context, name, who string, ids ...int64) (int, error) {
	_, held, err := f.chosen(ctx, name, ids)
	for _, h := range held {
		err = errors.Join(err, f.Book.do(ctx, "feed_held_end", h.ID, f.Now().UnixMicro(), who, "dropped"))
	}
	return len(held), err
}

func (f *Feeds) chosen(ctx context.Context, name string, ids []int64) (*Feed, []Held, error) {
	feed, err := f.Find(name)
	if err != nil {
		return nil, nil, err
	}
	held, err := f.Book.Held(ctx, name)
	if err != nil || len(ids) == 0 {
		return feed, held, err
	}
	byID := map[int64]Held{}
	for _, h := range held {
		byID[h.ID] = h
	}
	held = held[:0:0]
	for _, id := range ids {
		h, ok := byID[id]
		if !ok {
			return nil, nil, fmt.Errorf("feed %s holds no payload %d; see 'dosebook feeds show %s': %w", name, id, name, dose.ErrNotFound)
		}
		held = append(held, h)
	}
	return feed, held, nil
}
