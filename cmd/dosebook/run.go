package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/pipelines"
)

func runCommand(e *env) *cobra.Command {
	var all, dry bool
	c := &cobra.Command{
		Use:   "run [FEED…]",
		Short: "Run configured feeds now",
		Long: `Run configured feeds: fetch what is new, load it, tell the source. Without a
name, those that are due by their schedule; with names, or --all, those now.
For machines on which 'dosebook serve' does not run the schedule, call
'dosebook run' every few minutes.

A run that was killed goes on where it was; what is loaded changes nothing
when it comes again. A feed that another process runs is refused by name
(exit 5), and left to it otherwise.`,
		Example: `  dosebook run --config dosebook.yaml
  dosebook run cair2 --config dosebook.yaml
  dosebook run --all --dry-run --config dosebook.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all && len(args) > 0 {
				return fmt.Errorf("give names or --all, not both: %w", dose.ErrInvalid)
			}
			return e.withFeeds(cmd.Context(), true, func(f *pipelines.Feeds) error {
				if all {
					for _, feed := range f.List {
						args = append(args, feed.Name)
					}
				}
				for _, name := range args {
					if _, err := f.Find(name); err != nil {
						return err
					}
				}
				if dry {
					return e.dryRun(cmd.Context(), f, args)
				}
				return e.runFeeds(cmd.Context(), f, args)
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "all feeds, due or not")
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would run, fetch nothing")
	return c
}

// withFeeds opens the data directory and the configured feeds. With run false
// nothing is written.
func (e *env) withFeeds(ctx context.Context, run bool, f func(*pipelines.Feeds) error) error {
	if len(e.config.Feeds) == 0 {
		return fmt.Errorf("no feed is configured; give --config FILE with feeds (docs/FEEDS.md): %w", dose.ErrNotFound)
	}
	b, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	feeds, err := e.feeds(b, e.feedLog())
	if err != nil {
		return err
	}
	feeds.Progress = func(feed string, o pipelines.Outcome) { e.progress("feed %s: %s", feed, o.Step) }
	if run {
		if err := feeds.Open(ctx); err != nil {
			return err
		}
	}
	return f(feeds)
}

// feedLog is for whoever collects what cron jobs say; on a terminal the
// command itself says it.
func (e *env) feedLog() *slog.Logger {
	if f, ok := e.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return slog.New(slog.NewJSONHandler(io.Discard, nil))
	}
	return slog.New(slog.NewJSONHandler(e.err, nil))
}

func (e *env) runFeeds(ctx context.Context, f *pipelines.Feeds, names []string) (err error) {
	lookErr := f.Look(ctx)
	runs := []pipelines.Outcome{}
	if len(names) == 0 {
		var due []pipelines.Outcome
		due, err = f.RunDue(ctx)
		runs = append(runs, due...)
	}
	for _, name := range names {
		o, bad := f.Run(ctx, name)
		if o.ID != 0 {
			runs = append(runs, o)
		}
		if err = errors.Join(err, bad); ctx.Err() != nil {
			return err
		}
	}
	e.progress("")
	lookErr = errors.Join(lookErr, f.Look(ctx))
	f.Deliver(ctx)
	if e.json {
		return errors.Join(err, lookErr, e.printJSON(map[string]any{"runs": runs}))
	}
	for _, o := range runs {
		e.say("%s: %s", o.Feed, outcomeText(o))
	}
	if len(runs) == 0 && err == nil {
		e.say("no feed is due; 'dosebook feeds' shows when they are")
	}
	return errors.Join(err, lookErr)
}

// outcomeText is a run in one line.
func outcomeText(o pipelines.Outcome) string {
	var b strings.Builder
	b.WriteString(o.State)
	if o.Payloads > 0 {
		fmt.Fprintf(&b, ", %d payloads (%d new), %d records, %d refused", o.Payloads, o.Fresh, o.Records, o.Rejects)
	}
	if o.Note != "" {
		b.WriteString(" · " + o.Note)
	}
	return b.String()
}

// plan is a line of a dry run.
type plan struct {
	Feed  string    `json:"feed"`
	Would bool      `json:"would_run"`
	Due   bool      `json:"due"`
	Next  time.Time `json:"next_due,omitzero"`
}

func (e *env) dryRun(ctx context.Context, f *pipelines.Feeds, names []string) error {
	plans := []plan{}
	for _, feed := range f.List {
		next, due, err := f.Due(ctx, feed.Name)
		if err != nil {
			return err
		}
		named := false
		for _, n := range names {
			named = named || n == feed.Name
		}
		plans = append(plans, plan{feed.Name, named || len(names) == 0 && due, due, next})
	}
	if e.json {
		return e.printJSON(map[string]any{"feeds": plans})
	}
	for _, p := range plans {
		what := "would not run"
		if p.Would {
			what = "would run"
		}
		e.say("%s: %s, next due %s", p.Feed, what, pacific(p.Next))
	}
	return nil
}

// pacific shows a time as the schedules mean it.
func pacific(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	zone, err := pipelines.Pacific()
	if err != nil {
		zone = time.UTC
	}
	return t.In(zone).Format("2006-01-02 15:04 MST")
}
