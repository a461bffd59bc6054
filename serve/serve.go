package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// ConvertFunc writes src, a Parquet file of a release, to dst in the format
// csv, csv.gz, ndjson or xlsx and returns the number of rows. The same src must
// give the same bytes.
type ConvertFunc func(ctx context.Context, src, dst, format string) (rows int64, err error)

// LimitFunc writes the limited data set of src to dst and returns the number of
// rows. The same src must give the same bytes.
type LimitFunc func(ctx context.Context, src, dst string) (rows int64, err error)

// DecideFunc carries out a steward's decision on a release: it takes the lease,
// notes it in the audit, and moves latest.
type DecideFunc func(ctx context.Context, id string, d release.Decision) error

// Config is what a server needs. Releases, Access, Made and Convert must be
// set; zero means the default elsewhere.
type Config struct {
	Releases  release.Store
	Access    *access.Store
	Public    release.Public // public tables, for anybody
	Made      string         // folder for the formats that are made when asked
	Convert   ConvertFunc
	Limit     LimitFunc        // default: release.Limit
	Maker     release.Maker    // nil: no DuckDB files, no de-identified records
	Changes   ChangesMaker     // default: no changes are made
	Keys      release.Keys     // whose public part is told
	Log       *slog.Logger     // default: nowhere
	Now       func() time.Time // default: the clock
	Downloads int              // at once for one user; default 64: all 61 places side by side
	Limits    Limits           // of one user's requests and bytes
	Clients   Clients          // the time that clients have
	Builds    int              // at once for all; default 2
	Extract   ExtractFunc      // default: release.Extract
	Decide    DecideFunc       // nil: releases are decided on elsewhere
	Feeds     FeedsFunc        // nil: no feed is configured
	Queue     int              // extracts that wait or run; default 32, and a quarter of it for one user
	SignIn    *SignIn          // nil: people do not sign in, there are tokens only
	Proxies   []netip.Prefix   // whose X-Forwarded-For is believed
}

type server struct {
	Config
	made       *maker
	extracts   *extractor
	limit      *limiter
	pace       *pacer
	views      *views
	signer     *signer
	metrics    *metrics
	dictionary []byte
	program    func() string
	contract   func() ([]byte, error) // the OpenAPI document
}

// New returns the handler for all routes.
func New(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Downloads <= 0 {
		c.Downloads = 64
	}
	if c.Builds <= 0 {
		c.Builds = 2
	}
	if c.Extract == nil {
		c.Extract = release.Extract
	}
	if c.Limit == nil {
		c.Limit = release.Limit
	}
	if c.Queue <= 0 {
		c.Queue = 32
	}
	c.Clients = c.Clients.orDefault()
	s := &server{
		Config: c,
		made:   &maker{dir: c.Made, convert: c.Convert, slots: make(chan struct{}, c.Builds), running: make(map[string]*build)},
		extracts: &extractor{dir: c.Made, releases: c.Releases, extract: c.Extract, slots: make(chan struct{}, c.Builds),
			all: c.Queue, one: max(1, c.Queue/4), jobs: make(map[string]*job)},
		limit:      &limiter{most: c.Downloads, now: make(map[string]int)},
		pace:       newPacer(c.Limits, c.Now),
		views:      newViews(),
		signer:     newSigner(c.SignIn, c.Now),
		metrics:    &metrics{of: make(map[series]*counted)},
		dictionary: []byte(dose.DataDictionary()),
		program:    sync.OnceValue(program),
	}
	routes := s.routes()
	s.contract = sync.OnceValues(func() ([]byte, error) { return openAPI(routes) })
	return &service{Handler: s.guard(mux(routes)), server: s}
}

const (
	idleTime = 2 * time.Minute
	stopTime = 30 * time.Second
	maxBody  = 1 << 20
	maxHead  = 64 << 10
)

// Run serves h on l until ctx ends, then lets running requests finish for up
// to 30 seconds. It closes l.
func Run(ctx context.Context, l net.Listener, h http.Handler) error {
	here, ours := h.(*service)
	times := Clients{}.orDefault()
	if ours {
		times = here.server.Clients
	}
	srv := &http.Server{
		Handler:           http.MaxBytesHandler(h, maxBody),
		ReadHeaderTimeout: times.Head,
		ReadTimeout:       times.Answer,
		WriteTimeout:      times.Answer,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // it would print addresses and panics
	}
	stopped := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if ours {
		go here.warm(ctx)
	}
	go func() {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		err := srv.Shutdown(stop)
		if err != nil {
			err = errors.Join(fmt.Errorf("some downloads were cut: %w", err), srv.Close())
		}
		stopped <- err
	}()
	err := srv.Serve(l)
	cancel()
	if stop := <-stopped; errors.Is(err, http.ErrServerClosed) {
		return stop
	}
	return fmt.Errorf("serve: %w", err)
}
