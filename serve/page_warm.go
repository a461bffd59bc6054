package serve

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// service is the handler of all routes, and what it does beside them.
type service struct {
	http.Handler
	server *server
}

// warmEvery is how soon a new release's figures begin to be counted.
const warmEvery = 15 * time.Second

// warm counts the figures of the newest approved release's pages before
// anybody asks, and again when another becomes the latest: the first reader
// of a large county waits no longer than the second. It ends with ctx; what it
// can't count is counted, or refused, when somebody asks.
func (s *service) warm(ctx context.Context) {
	done := ""
	for {
		if id, err := s.server.Releases.Latest(); err == nil && id != done {
			began := time.Now()
			n := s.server.countAll(ctx, strings.TrimSpace(id))
			if done = id; ctx.Err() == nil {
				s.server.Log.Info("pages counted", "release", strings.TrimSpace(id), "places", n, "ms", time.Since(began).Milliseconds())
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(warmEvery):
		}
	}
}

// countAll counts the pages of a release, one after the other so that it takes
// one core at most, the largest places first. It returns how many it counted.
func (s *server) countAll(ctx context.Context, id string) (n int) {
	m, err := s.Releases.Manifest(id)
	if err != nil {
		return 0
	}
	places := dose.Places()
	rows := func(p dose.Place) int64 {
		f, _ := m.File("counties/" + string(p) + "/dose.parquet")
		return f.Rows
	}
	slices.SortStableFunc(places, func(a, b dose.Place) int { return int(rows(b) - rows(a)) })
	if err := s.countState(ctx, m); err != nil && ctx.Err() == nil {
		s.Log.Warn("a page could not be counted ahead", "page", "overview", "err", err.Error())
	}
	all, known := figures{}, len(places) > 0 && s.keptCounty(m, places[0]) != nil
	for _, place := range places {
		_, err := s.countyBody(ctx, m, place, false)
		if err == nil {
			all[place], err = s.counted(ctx, m, place)
		}
		if err == nil {
			n++
		} else if ctx.Err() == nil {
			s.Log.Warn("a page could not be counted ahead", "page", string(place), "err", err.Error())
		}
	}
	if n < len(places) || known {
		return n
	}
	if err := s.keepAll(ctx, m, all); err != nil && ctx.Err() == nil {
		s.Log.Warn("what was counted could not be kept", "release", m.ID, "err", err.Error())
	}
	return n
}

// countState counts what the overview keeps.
func (s *server) countState(ctx context.Context, m *release.Manifest) error {
	if _, err := s.lastDays(ctx, m.ID); err != nil {
		return err
	}
	_, err := once(s.views, "state "+m.ID, func() ([]dayOf, error) { return s.days(ctx, m.ID, "CA") })
	return err
}
