package pipelines

import (
	"context"
	"fmt"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// FeedStatus is what an operator has to know of a feed.
type FeedStatus struct {
	Name     string    `json:"name"`
	Registry string    `json:"registry"`
	Source   string    `json:"source"`
	State    string    `json:"state"` // failing, held, late, new, ok: the worst that is true
	Running  string    `json:"running,omitempty"`
	LastOK   time.Time `json:"last_ok,omitzero"`
	LastRun  time.Time `json:"last_run,omitzero"`
	Next     time.Time `json:"next_due,omitzero"`
	Arrived  time.Time `json:"last_arrival,omitzero"`
	Lag      int64     `json:"lag_seconds"` // since the last arrival; -1 before any
	Records  int64     `json:"records"`     // of the last run that brought something
	Schedule string    `json:"schedule,omitempty"`
	Why      []Why     `json:"why,omitempty"`
}

// Why is one thing that is not well, and what to do.
type Why struct {
	State string `json:"state"`
	Says  string `json:"says"`
	Do    string `json:"do"`
}

// Status says how each feed is. It changes nothing.
func (f *Feeds) Status(ctx context.Context) ([]FeedStatus, error) {
	out := make([]FeedStatus, len(f.List))
	for i := range f.List {
		s, err := f.status(ctx, &f.List[i])
		if err != nil {
			return nil, err
		}
		out[i] = s
	}
	return out, nil
}

func (f *Feeds) status(ctx context.Context, feed *Feed) (s FeedStatus, err error) {
	defer dose.Wrap(&err, "feed %s: status", feed.Name)
	s = FeedStatus{Name: feed.Name, Registry: feed.Registry, Source: feed.Kind, State: "ok", Lag: -1, Schedule: feed.Schedule.text}
	since, err := f.Book.since(ctx, feed.Name)
	if err != nil {
		return s, err
	}
	if since.IsZero() {
		s.State = "new"
		s.Next = feed.Schedule.Next(f.Now())
		return s, nil
	}
	runs, err := f.Book.Runs(ctx, feed.Name, 100)
	if err != nil {
		return s, err
	}
	f.lastRuns(feed, &s, runs)
	d, err := f.due(ctx, feed)
	if err != nil {
		return s, err
	}
	s.Next = d.Next
	if err := f.arrival(ctx, &s); err != nil {
		return s, err
	}
	if len(runs) == 0 {
		s.State = "new"
	}
	f.whyFailing(&s, runs)
	return s, f.whyHeldLate(ctx, feed, &s)
}

func (f *Feeds) arrival(ctx context.Context, s *FeedStatus) error {
	var at int64
	err := f.Book.db.QueryRowContext(ctx, "select coalesce(max(at), 0) from feed_payload where feed = ? and state in ('loaded', 'held')", s.Name).Scan(&at)
	if err == nil && at > 0 {
		s.Arrived = fromMicro(at)
		s.Lag = max(0, int64(f.Now().Sub(s.Arrived).Seconds()))
	}
	return err
}

func (f *Feeds) lastRuns(feed *Feed, s *FeedStatus, runs []Outcome) {
	for i, r := range runs {
		if i == 0 {
			s.LastRun = r.Started
		}
		if s.LastOK.IsZero() && r.served() {
			s.LastOK = r.Ended
		}
		if s.Records == 0 && r.Fresh > 0 {
			s.Records = r.Records
		}
	}
	if len(runs) > 0 && runs[0].State == stateRunning {
		if s.Running = runs[0].Step; !Leased(f.folder(feed)) {
			s.Running = ""
			runs[0].State, runs[0].Again, runs[0].Error = stateInterrupted, true, "the process ended before the run did"
		}
	}
}

// whyFailing looks at the last run that ended.
func (f *Feeds) whyFailing(s *FeedStatus, runs []Outcome) {
	for _, r := range runs {
		if r.State == stateRunning {
			continue
		}
		switch {
		case r.State == stateRejects:
			s.Why = append(s.Why, Why{"rejects", r.Error, fmt.Sprintf("look at them with 'dosebook rejects list --registry %s', tell the sender", s.Registry)})
		case r.served():
		case r.Again && !s.Next.IsZero():
			s.State = failing
			s.Why = append(s.Why, Why{failing, fmt.Sprintf("try %d, at %s: %s", r.Attempt, r.Step, r.Error), "nothing yet: it is tried again by itself"})
		default:
			s.State = failing
			s.Why = append(s.Why, Why{failing, fmt.Sprintf("at %s: %s", r.Step, r.Error), fmt.Sprintf("correct it, then 'dosebook run %s'", s.Name)})
		}
		return
	}
}

func (f *Feeds) whyHeldLate(ctx context.Context, feed *Feed, s *FeedStatus) error {
	waiting, err := f.Book.Held(ctx, feed.Name)
	if err != nil {
		return err
	}
	for _, h := range waiting {
		if s.State != failing {
			s.State = held
		}
		s.Why = append(s.Why, Why{held, h.Name + ": " + h.Reason,
			fmt.Sprintf("ask the sender; then 'dosebook feeds release %s %d' loads it, 'dosebook feeds drop %s %d' leaves it out", feed.Name, h.ID, feed.Name, h.ID)})
	}
	missed, _, err := f.missing(ctx, feed)
	if err != nil || len(missed) == 0 {
		return err
	}
	known, err := f.raised(ctx, feed.Name)
	for _, day := range missed {
		if n, ok := known[late][day+" "]; ok && !n.Cleared.IsZero() {
			continue // excused
		}
		if s.State == "ok" || s.State == "new" {
			s.State = late
		}
		s.Why = append(s.Why, Why{late, "the data of " + day + " is not here",
			fmt.Sprintf("ask %s; 'dosebook feeds excuse %s %s' if none is coming", feed.Registry, feed.Name, day)})
	}
	return err
}
