package serve

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dashboards"
)

// FeedsFunc says how each configured feed is, as 'dosebook feeds' does.
type FeedsFunc func(ctx context.Context) ([]FeedState, error)

// FeedState is one feed. Times stand in the zone that they are shown in; a
// zero one is not known.
type FeedState struct {
	Name, Registry, Source, State, Running string
	LastOK, LastRun, Next, Arrived         time.Time
	Records                                int64 // of the last run that brought something
	Why                                    []FeedWhy
}

// FeedWhy is one thing that is not well, and what to do.
type FeedWhy struct{ State, Says, Do string }

// feedOrder is the order of a summary, the worst first.
var feedOrder = [...]string{"failing", "held", "late", "new", "ok"}

// operating answers whoever runs this: is everything here, is anything held,
// what to do. It is shown to who decides on releases, and to nobody else: a
// feed's words name files and senders.
func (s *server) operating(ctx context.Context, p access.Principal) *dashboards.Operating {
	if _, err := access.Decide(p, access.Manage, access.Resource{Kind: access.Releases}, s.Now()); err != nil || s.Feeds == nil {
		return nil
	}
	states, err := s.Feeds(ctx)
	if err != nil { // the figures are there all the same
		s.Log.Error("the feeds could not be read", "err", err.Error())
		return &dashboards.Operating{Summary: "How the feeds are could not be read; the server's log says why.", Bad: true}
	}
	o, n := &dashboards.Operating{}, map[string]int{}
	for _, f := range states {
		n[f.State]++
		row := dashboards.FeedRow{Name: f.Name, Registry: f.Registry, Source: f.Source, State: f.State, Running: f.Running,
			Arrived: minute(f.Arrived), LastOK: minute(f.LastOK), LastRun: minute(f.LastRun), Next: minute(f.Next), Age: s.since(f.Arrived), Records: f.Records}
		for _, y := range f.Why {
			o.ToDo = append(o.ToDo, dashboards.ToDo{Feed: f.Name, State: strings.Replace(y.State, "rejects", "loaded with rejects", 1), Says: y.Says, Do: y.Do})
		}
		o.Rows = append(o.Rows, row)
	}
	o.Summary, o.Bad = feedSummary(n), n["ok"] < len(states)
	return o
}

func feedSummary(n map[string]int) string {
	var parts []string
	all := 0
	for _, state := range feedOrder {
		if all += n[state]; n[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[state], state))
		}
	}
	if n["ok"] == all {
		return fmt.Sprintf("All is well: %d ok.", all)
	}
	return "Feeds: " + strings.Join(parts, ", ") + "."
}

func minute(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.Format("2006-01-02 15:04 MST")
}

// since says how long ago a time is.
func (s *server) since(t time.Time) string {
	d := max(0, s.Now().Sub(t))
	switch {
	case t.IsZero():
		return "–"
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}
