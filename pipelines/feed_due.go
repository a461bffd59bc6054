package pipelines

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dosebook/dosebook/dose"
)

// Due says when a feed runs. It follows from the schedule and the runs in
// control.db, never from a timer: a process that starts late knows the same.
type Due struct {
	at    time.Time // the due time to be served; zero: none
	tries int       // runs that it has had
	ready bool
	Next  time.Time // when the feed runs next; zero: only when asked to
}

// due works out when a feed runs. Several due times that were missed are one.
func (f *Feeds) due(ctx context.Context, feed *Feed) (d Due, err error) {
	now := f.Now()
	base, err := f.Book.base(ctx, feed.Name, now)
	if err != nil || feed.Schedule.spec == nil {
		return d, err
	}
	if d.at = feed.Schedule.Last(base, now); d.at.IsZero() {
		d.Next = feed.Schedule.Next(later(base, now))
		return d, nil
	}
	runs, err := f.Book.Runs(ctx, feed.Name, 30)
	if err != nil {
		return d, err
	}
	for _, r := range runs {
		if r.Due.Equal(d.at) && !r.served() {
			d.tries++
		}
	}
	switch last := latest(runs, d.at); {
	case last == nil || last.State == stateRunning, last.State == stateInterrupted && d.tries < 3:
		// Who runs it holds the feed's lease; a killed run's row stands until
		// the next run closes it.
		d.Next = d.at
	case !last.Again:
		d.Next = feed.Schedule.Next(now)
		return d, nil
	default:
		// The luck of a run is its number's: each look says the same.
		d.Next = last.Ended.Add(f.Timings.filled().Again.after(d.tries, float64(last.ID*2654435761%1000)/1000))
		if next := feed.Schedule.Next(now); next.Before(d.Next) {
			d.Next = next
			return d, nil
		}
	}
	d.ready = !now.Before(d.Next)
	return d, nil
}

// latest is the newest run of a due time.
func latest(runs []Outcome, at time.Time) *Outcome {
	for i := range runs {
		if runs[i].Due.Equal(at) {
			return &runs[i]
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Due returns when a feed runs next, and whether that is now.
func (f *Feeds) Due(ctx context.Context, name string) (next time.Time, now bool, err error) {
	feed, err := f.Find(name)
	if err != nil {
		return time.Time{}, false, err
	}
	d, err := f.due(ctx, feed)
	return d.Next, d.ready, err
}

// RunDue runs, one after the other, the feeds that are due. A feed that
// another process runs is left to it.
func (f *Feeds) RunDue(ctx context.Context) (out []Outcome, err error) {
	for i := range f.List {
		if ctx.Err() != nil {
			return out, errors.Join(err, ctx.Err())
		}
		d, bad := f.due(ctx, &f.List[i])
		if bad == nil && d.ready {
			var o Outcome
			if o, bad = f.run(ctx, &f.List[i], true); errors.Is(bad, dose.ErrLocked) && o.ID == 0 {
				bad = nil
			}
			if o.ID != 0 {
				out = append(out, o)
			}
		}
		err = errors.Join(err, bad)
	}
	return out, err
}

// Watch runs feeds as they come due, side by side, and raises and delivers
// notices, until the context ends. What goes wrong is logged and stands in the
// book; nothing but the context ends it.
func (f *Feeds) Watch(ctx context.Context) error {
	const together = 8
	var g errgroup.Group
	g.SetLimit(together)
	idle := make(map[string]chan struct{}, len(f.List)) // a feed's token is in its channel while it does not run
	for _, feed := range f.List {
		idle[feed.Name] = make(chan struct{}, 1)
		idle[feed.Name] <- struct{}{}
	}
	var looked time.Time
	for ctx.Err() == nil {
		if now := f.Now(); now.Sub(looked).Abs() >= time.Minute { // first, so that a day that comes late is seen to be
			looked = now
			if err := f.Look(ctx); err != nil && ctx.Err() == nil {
				f.Log.Error("feeds: look for late data", "error", err.Error())
			}
		}
		for i := range f.List {
			f.watchOne(ctx, &g, &f.List[i], idle[f.List[i].Name])
		}
		f.Deliver(ctx)
		if err := f.Sleep(ctx, f.Timings.filled().Tick); err != nil {
			break
		}
	}
	_ = g.Wait() // each run's error is in the book and the log
	return ctx.Err()
}

// watchOne starts a feed that is due and not running here.
func (f *Feeds) watchOne(ctx context.Context, g *errgroup.Group, feed *Feed, idle chan struct{}) {
	select {
	case <-idle:
	default:
		return
	}
	back := func() { idle <- struct{}{} }
	d, err := f.due(ctx, feed)
	if err != nil && ctx.Err() == nil {
		f.Log.Error("feeds: when is it due", "feed", feed.Name, "error", err.Error())
	}
	if err != nil || !d.ready {
		back()
		return
	}
	started := g.TryGo(func() error {
		defer back()
		o, err := f.run(ctx, feed, true)
		if err != nil && o.ID == 0 && ctx.Err() == nil && !errors.Is(err, dose.ErrLocked) {
			f.Log.Error("feed run", "feed", feed.Name, "error", err.Error())
		}
		return nil
	})
	if !started {
		back()
	}
}
