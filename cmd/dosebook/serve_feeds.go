package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/dosebook/dosebook/pipelines"
	"github.com/dosebook/dosebook/serve"
)

// feedStates is what 'dosebook feeds' asks, for the overview; nil without
// configured feeds. The feeds are wired when they are first asked for, so that
// 'serve --schedule=false' starts where a feed's secrets are not.
func (e *env) feedStates(b *book, log *slog.Logger) serve.FeedsFunc {
	if len(e.config.Feeds) == 0 {
		return nil
	}
	wired := sync.OnceValues(func() (*pipelines.Feeds, error) { return e.feeds(b, log) })
	return func(ctx context.Context) ([]serve.FeedState, error) {
		feeds, err := wired()
		if err != nil {
			return nil, err
		}
		all, err := feeds.Status(ctx)
		if err != nil {
			return nil, err
		}
		zone, err := pipelines.Pacific()
		if err != nil {
			zone = time.UTC
		}
		out := make([]serve.FeedState, len(all))
		for i, f := range all {
			out[i] = feedState(f, zone)
		}
		return out, nil
	}
}

func feedState(f pipelines.FeedStatus, zone *time.Location) serve.FeedState {
	at := func(t time.Time) time.Time {
		if t.IsZero() {
			return t // a zero time elsewhere prints as the year 1
		}
		return t.In(zone)
	}
	is := serve.FeedState{Name: f.Name, Registry: f.Registry, Source: f.Source, State: f.State, Running: f.Running, Records: f.Records,
		LastOK: at(f.LastOK), LastRun: at(f.LastRun), Next: at(f.Next), Arrived: at(f.Arrived)}
	for _, y := range f.Why {
		is.Why = append(is.Why, serve.FeedWhy(y))
	}
	return is
}
