package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/release"
	"github.com/dosebook/dosebook/serve"
)

func serveCommand(e *env) *cobra.Command {
	var listen string
	var schedule bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Let counties download their files",
		Long: `Serve releases over HTTP. Every request is decided by the caller's grants, and
entered in the audit before the first byte leaves. Files can be resumed
(Range) and proven (ETag and Repr-Digest are the manifest's SHA-256).

serve and ingest work side by side: readers read releases, never the warehouse.
Configured feeds run by their schedules as long as serve does.`,
		Example: `  dosebook serve --listen 127.0.0.1:8080
  curl -H "Authorization: Bearer $TOKEN" -OJ \
    http://127.0.0.1:8080/api/v1/releases/latest/counties/06001/dose_event.csv.gz`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if listen == "" {
				listen = e.config.Listen
			}
			b, err := e.open(cmd.Context())
			if err != nil {
				return err
			}
			defer b.close()
			if !schedule || len(e.config.Feeds) == 0 {
				return e.serve(cmd.Context(), b, listen, nil)
			}
			return e.serveAndWatch(cmd.Context(), b, listen)
		},
	}
	c.Flags().StringVar(&listen, "listen", "", "address to listen on (default from the configuration, else 127.0.0.1:8080)")
	c.Flags().BoolVar(&schedule, "schedule", true, "run the configured feeds when they are due")
	return c
}

// serveAndWatch serves and runs feeds; when one of them ends, so does the other.
func (e *env) serveAndWatch(ctx context.Context, b *book, listen string) error {
	feeds, err := e.feeds(b, slog.New(slog.NewJSONHandler(e.err, nil)))
	if err != nil {
		return err
	}
	if err := feeds.Open(ctx); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer stop()
		return e.serve(ctx, b, listen, nil)
	})
	g.Go(func() error {
		if err := feeds.Watch(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		return nil
	})
	return g.Wait()
}

// serve listens until the context ends. ready, if not nil, is told the address.
func (e *env) serve(ctx context.Context, b *book, listen string, ready func(addr string)) error {
	lock, err := serve.Sweep(filepath.Join(b.dir, "made"))
	if err != nil {
		return err
	}
	defer lock.Close()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w: %w", listen, err, dose.ErrInvalid)
	}
	log := slog.New(slog.NewJSONHandler(e.err, nil))
	telling, stop := context.WithCancel(ctx)
	defer stop()
	go e.tellStewards(telling, b.access, log)
	people, err := e.signIn(ctx, b)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	h := serve.New(serve.Config{
		Releases: b.store, Public: b.public(), Access: b.access, Made: filepath.Join(b.dir, "made"), Convert: release.Convert, Maker: duckdb.Files{}, Changes: changesMaker{b.store}, Keys: b.keys(),
		Log: log, Now: e.now, SignIn: people, Proxies: e.config.proxies(), Decide: e.decider(b), Feeds: e.feedStates(b, log),
	})
	scheme := "http"
	if e.config.TLS.Cert != "" {
		scheme = "https"
		if l, err = serve.TLS(l, e.config.TLS.Cert, e.config.TLS.Key); err != nil {
			return err
		}
	}
	if ready == nil {
		e.note("listening on %s://%s", scheme, l.Addr())
	} else {
		ready(l.Addr().String())
	}
	return serve.Run(ctx, l, h)
}
