package pipelines

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Notice is what somebody has to know of a feed. It names feeds, days and
// files, never anyone.
type Notice struct {
	ID      int64     `json:"id"`
	Feed    string    `json:"feed"`
	Kind    string    `json:"kind"` // late, held, failing
	Day     string    `json:"day"`
	About   string    `json:"about,omitempty"`
	Says    string    `json:"text"`
	Raised  time.Time `json:"raised_at"`
	Cleared time.Time `json:"cleared_at,omitzero"`
	Sent    string    `json:"sent,omitempty"` // channels
}

const (
	late    = "late"
	held    = "held"
	failing = "failing"
)

// patience is how many runs of a due time may fail before somebody is told.
const patience = 3

// Notices returns a feed's notices, newest first.
func (b *FeedBook) Notices(ctx context.Context, feed string, limit int) ([]Notice, error) {
	return b.notices(ctx, "feed_notices", feed, limit)
}

func (b *FeedBook) notices(ctx context.Context, query string, args ...any) (out []Notice, err error) {
	defer dose.Wrap(&err, "notices")
	err = b.each(ctx, query, args, func(scan func(...any) error) error {
		var n Notice
		var raised, cleared int64
		err := scan(&n.ID, &n.Feed, &n.Kind, &n.Day, &n.About, &n.Says, &raised, &cleared, &n.Sent)
		n.Raised, n.Cleared = fromMicro(raised), fromMicro(cleared)
		out = append(out, n)
		return err
	})
	return out, err
}

// Look raises a notice for each day that is late, each payload that is held
// and each feed that fails, once, and clears those that are over.
func (f *Feeds) Look(ctx context.Context) error {
	var errs []error
	for i := range f.List {
		feed := &f.List[i]
		known, err := f.raised(ctx, feed.Name)
		if err == nil {
			err = errors.Join(f.lookLate(ctx, feed, known[late]), f.lookHeld(ctx, feed, known[held]), f.lookFailing(ctx, feed, known[failing]))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// raised returns the notices of a feed by kind, then by day and subject.
func (f *Feeds) raised(ctx context.Context, feed string) (map[string]map[string]Notice, error) {
	all, err := f.Book.Notices(ctx, feed, 10_000)
	out := map[string]map[string]Notice{late: {}, held: {}, failing: {}}
	for _, n := range all {
		out[n.Kind][n.Day+" "+n.About] = n
	}
	return out, err
}

func (f *Feeds) lookLate(ctx context.Context, feed *Feed, known map[string]Notice) error {
	missed, here, err := f.missing(ctx, feed)
	if err != nil {
		return err
	}
	for _, day := range missed {
		if known[day+" "].ID == 0 {
			says := fmt.Sprintf("the data of %s is not here; ask %s for it, or say 'dosebook feeds excuse %s %s' if none is coming", day, feed.Registry, feed.Name, day)
			err = errors.Join(err, f.raise(ctx, feed.Name, late, day, "", says))
		}
	}
	for _, day := range here {
		if n := known[day+" "]; n.ID != 0 && n.Cleared.IsZero() {
			err = errors.Join(err, f.clear(ctx, feed.Name, late, day, ""))
		}
	}
	return err
}

func (f *Feeds) lookHeld(ctx context.Context, feed *Feed, known map[string]Notice) error {
	waiting, err := f.Book.Held(ctx, feed.Name)
	if err != nil {
		return err
	}
	for _, h := range waiting {
		day, about := f.day(h.At), fmt.Sprintf("payload %d", h.ID)
		if known[day+" "+about].ID == 0 {
			err = errors.Join(err, f.raise(ctx, feed.Name, held, day, about, h.Reason+"; see 'dosebook feeds show "+feed.Name+"'"))
		}
		delete(known, day+" "+about)
	}
	for _, n := range known {
		if n.Cleared.IsZero() {
			err = errors.Join(err, f.clear(ctx, feed.Name, held, n.Day, n.About))
		}
	}
	return err
}

func (f *Feeds) lookFailing(ctx context.Context, feed *Feed, known map[string]Notice) error {
	runs, err := f.Book.Runs(ctx, feed.Name, 1)
	if err != nil || len(runs) == 0 || runs[0].State == stateRunning {
		return err
	}
	last := runs[0]
	if !last.served() {
		if (!last.Again || last.Attempt >= patience) && known[f.day(last.Started)+" "].ID == 0 {
			err = f.raise(ctx, feed.Name, failing, f.day(last.Started), "", fmt.Sprintf("run %d ended at %s: %s", last.ID, last.Step, last.Error))
		}
		return err
	}
	for _, n := range known {
		if n.Cleared.IsZero() {
			return f.clear(ctx, feed.Name, failing, "", "")
		}
	}
	return nil
}

// day is the Pacific date of t.
func (f *Feeds) day(t time.Time) string {
	zone, err := Pacific()
	if err != nil {
		zone = time.UTC
	}
	return t.In(zone).Format(time.DateOnly)
}

func (f *Feeds) raise(ctx context.Context, feed, kind, day, about, says string) error {
	f.Log.Warn("feed notice", "feed", feed, "kind", kind, "day", day, "about", about, "text", says)
	return f.Book.do(ctx, "feed_notice_raise", feed, kind, day, about, says, f.Now().UnixMicro())
}

func (f *Feeds) clear(ctx context.Context, feed, kind, day, about string) error {
	f.Log.Info("feed notice is over", "feed", feed, "kind", kind, "day", day, "about", about)
	return f.Book.do(ctx, "feed_notice_clear", feed, kind, day, about, f.Now().UnixMicro())
}

// Excuse says that no data of a day is coming: nobody is told that it is late.
func (f *Feeds) Excuse(ctx context.Context, name, day, who string) error {
	if _, err := f.Find(name); err != nil {
		return err
	}
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return fmt.Errorf("day %q: give a date such as 2022-07-04: %w", day, dose.ErrInvalid)
	}
	now := f.Now().UnixMicro()
	return errors.Join(f.Book.seen(ctx, name, f.Now()),
		f.Book.do(ctx, "feed_notice_raise", name, late, day, "", "excused by "+who, now),
		f.Book.do(ctx, "feed_notice_clear", name, late, day, "", now))
}

// Channel takes notices to people.
type Channel interface {
	// Name is short and stays the same: what was sent is known by it.
	Name() string
	// Send delivers a notice or fails. It may be called again for a notice
	// that was delivered, after a crash; the notice's id tells.
	Send(ctx context.Context, n Notice) error
}

// pause keeps a channel that failed from being tried at every look.
type pause struct {
	tries int
	until time.Time
}

// Deliver sends each notice to each channel that has not had it. What fails is
// logged and sent later.
func (f *Feeds) Deliver(ctx context.Context) {
	if f.quiet == nil {
		f.quiet = map[string]pause{}
	}
	for _, c := range f.Channels {
		p := f.quiet[c.Name()]
		if f.Now().Before(p.until) {
			continue
		}
		err := f.deliver(ctx, c)
		if err == nil {
			delete(f.quiet, c.Name())
			continue
		}
		if ctx.Err() != nil {
			return
		}
		p.tries++
		p.until = f.Now().Add(Backoff{0, 30 * time.Second, 15 * time.Minute}.after(p.tries, f.Rand()))
		f.quiet[c.Name()] = p
		f.Log.Error("feed notice not delivered", "channel", c.Name(), "tries", p.tries, "error", err.Error())
	}
}

func (f *Feeds) deliver(ctx context.Context, c Channel) error {
	unsent, err := f.Book.notices(ctx, "feed_notices_unsent", c.Name(), f.Now().AddDate(0, 0, -7).UnixMicro())
	if err != nil {
		return err
	}
	for _, n := range unsent {
		if _, err := f.Find(n.Feed); err != nil {
			continue // no longer configured
		}
		within, stop := context.WithTimeout(ctx, f.Timings.filled().Send)
		err := c.Send(within, n)
		stop()
		if err != nil {
			return err
		}
		if _, err := f.Book.db.ExecContext(ctx, "insert into feed_notice_sent values (?, ?, ?) on conflict do nothing", n.ID, c.Name(), f.Now().UnixMicro()); err != nil {
			return err
		}
	}
	return nil
}
