package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/pipelines"
)

func feedsCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "feeds",
		Short: "Is everything here, is anything held, what to do",
		Long: `Say of each configured feed how it is (ok, late, held, failing, or new), when
it ran and runs next, how old its newest data is, and, where something is not
well, why and what to do. Times are Pacific.`,
		Example: `  dosebook feeds --config dosebook.yaml
  dosebook feeds show cair2 --config dosebook.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.withFeeds(cmd.Context(), false, func(f *pipelines.Feeds) error {
				all, err := f.Status(cmd.Context())
				if err != nil {
					return err
				}
				if e.json {
					return e.printJSON(map[string]any{"feeds": all})
				}
				return e.printFeeds(all)
			})
		},
	}
	c.AddCommand(feedsShow(e), feedsHistory(e), feedsRelease(e), feedsDrop(e), feedsExcuse(e))
	return c
}

func (e *env) printFeeds(all []pipelines.FeedStatus) error {
	e.say("%s", summary(all))
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nFEED\tREGISTRY\tSOURCE\tSTATE\tLAST OK\tLAST RUN\tNEXT DUE\tLAG\tRECORDS")
	for _, s := range all {
		state := s.State
		if s.Running != "" {
			state += " (running: " + s.Running + ")"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", s.Name, s.Registry, s.Source, state,
			pacific(s.LastOK), pacific(s.LastRun), pacific(s.Next), age(s.Lag), s.Records)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range all {
		for _, y := range s.Why {
			e.say("\n%s is %s: %s\n  → %s", s.Name, strings.Replace(y.State, "rejects", "loaded with rejects", 1), y.Says, y.Do)
		}
	}
	return nil
}

// summary answers the question before the table does.
func summary(all []pipelines.FeedStatus) string {
	n := map[string]int{}
	for _, s := range all {
		n[s.State]++
	}
	if n["ok"] == len(all) {
		return fmt.Sprintf("All is well: %d ok.", len(all))
	}
	var parts []string
	for _, state := range []string{"failing", "held", "late", "new", "ok"} {
		if n[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[state], state))
		}
	}
	return "Feeds: " + strings.Join(parts, ", ") + "."
}

// age is a span for people.
func age(seconds int64) string {
	d := time.Duration(seconds) * time.Second
	switch {
	case seconds < 0:
		return "–"
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd %dh", int(d.Hours())/24, int(d.Hours())%24)
}

func feedsShow(e *env) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "show FEED", Short: "A feed's runs, payloads, what is held, notices", Args: cobra.ExactArgs(1),
		Example: `  dosebook feeds show cair2 --config dosebook.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.withFeeds(cmd.Context(), false, func(f *pipelines.Feeds) error { return e.showFeed(cmd.Context(), f, args[0], limit) })
		},
	}
	c.Flags().IntVar(&limit, "limit", 10, "at most so many of each")
	return c
}

func (e *env) showFeed(ctx context.Context, f *pipelines.Feeds, name string, limit int) error {
	feed, err := f.Find(name)
	if err != nil {
		return err
	}
	one := *f
	one.List = []pipelines.Feed{*feed}
	status, err := one.Status(ctx)
	if err != nil {
		return err
	}
	runs, err := f.Book.Runs(ctx, name, limit)
	if err != nil {
		return err
	}
	payloads, err := f.Book.Payloads(ctx, name, limit)
	if err != nil {
		return err
	}
	held, err := f.Book.Held(ctx, name)
	if err != nil {
		return err
	}
	notices, err := f.Book.Notices(ctx, name, limit)
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(map[string]any{"feed": status[0], "runs": runs, "payloads": payloads, "held": held, "notices": notices})
	}
	if err := e.printFeeds(status); err != nil {
		return err
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	printRuns(w, runs)
	fmt.Fprintln(w, "\nPAYLOAD\tSHA-256\tDAY\tSTATE\tRECORDS\tREFUSED\tCAME")
	for _, p := range payloads {
		fmt.Fprintf(w, "%s\t%.16s\t%s\t%s\t%d\t%d\t%s\n", p.Name, p.SHA256, p.Day, p.State, p.Records, p.Rejects, pacific(p.At))
	}
	if len(held) > 0 {
		fmt.Fprintln(w, "\nHELD\tPAYLOAD\tSINCE\tWHY")
	}
	for _, h := range held {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", h.ID, h.Name, pacific(h.At), h.Reason)
	}
	if len(notices) > 0 {
		fmt.Fprintln(w, "\nNOTICE\tKIND\tDAY\tRAISED\tOVER\tTOLD BY\tTEXT")
	}
	for _, n := range notices {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", n.ID, n.Kind, n.Day, pacific(n.Raised), pacific(n.Cleared), n.Sent, n.Says)
	}
	return w.Flush()
}

func printRuns(w *tabwriter.Writer, runs []pipelines.Outcome) {
	fmt.Fprintln(w, "\nRUN\tFEED\tSTARTED\tTOOK\tSTATE\tFOR\tTRY\tSTEP\tNEW\tRECORDS\tREFUSED\tNOTE")
	for _, o := range runs {
		took := "–"
		if !o.Ended.IsZero() {
			took = o.Ended.Sub(o.Started).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%d\t%d\t%d\t%s\n", o.ID, o.Feed, pacific(o.Started), took, o.State, pacific(o.Due), o.Attempt,
			o.Step, o.Fresh, o.Records, o.Rejects, strings.TrimSpace(o.Error+" "+o.Note))
	}
}

func feedsHistory(e *env) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "history [FEED]", Short: "The latest runs, newest first", Args: cobra.MaximumNArgs(1),
		Example: `  dosebook feeds history --limit 100 --config dosebook.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.withFeeds(cmd.Context(), false, func(f *pipelines.Feeds) error {
				runs := []pipelines.Outcome{}
				for _, feed := range f.List {
					if len(args) > 0 && args[0] != feed.Name {
						continue
					}
					some, err := f.Book.Runs(cmd.Context(), feed.Name, limit)
					if err != nil {
						return err
					}
					runs = append(runs, some...)
				}
				if e.json {
					return e.printJSON(map[string]any{"runs": runs})
				}
				w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
				printRuns(w, runs)
				return w.Flush()
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 20, "at most so many of each feed")
	return c
}

func heldIDs(args []string) (ids []int64, err error) {
	for _, a := range args {
		id, err := strconv.ParseInt(a, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no number of a held payload; see 'dosebook feeds show': %w", a, dose.ErrInvalid)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func feedsRelease(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "release FEED [ID…]", Short: "Load held payloads after all", Args: cobra.MinimumNArgs(1),
		Long: `Load what of a feed is held, or of it the payloads with these numbers, however
much they would refuse or a snapshot lacks. What can't be read stays held.`,
		Example: `  dosebook feeds release cair2 3 --config dosebook.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := heldIDs(args[1:])
			if err != nil {
				return err
			}
			return e.withFeeds(cmd.Context(), true, func(f *pipelines.Feeds) error {
				if err := e.auditHeld(cmd.Context(), f, "feed release", args[0], ids); err != nil {
					return err
				}
				rep, err := f.Release(cmd.Context(), args[0], who(), ids...)
				if rep == nil {
					return err
				}
				if e.json {
					if printErr := e.printJSON(rep); printErr != nil {
						return printErr
					}
					return err
				}
				e.printReport(rep)
				return err
			})
		},
	}
}

func feedsDrop(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "drop FEED ID…", Short: "Leave held payloads out for good; their bytes stay kept", Args: cobra.MinimumNArgs(2),
		Example: `  dosebook feeds drop cair2 3 --config dosebook.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := heldIDs(args[1:])
			if err != nil {
				return err
			}
			return e.withFeeds(cmd.Context(), true, func(f *pipelines.Feeds) error {
				if err := e.auditHeld(cmd.Context(), f, "feed drop", args[0], ids); err != nil {
					return err
				}
				n, err := f.Drop(cmd.Context(), args[0], who(), ids...)
				if err == nil {
					e.say("%d payloads are left out", n)
				}
				return err
			})
		},
	}
}

func feedsExcuse(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "excuse FEED DAY", Short: "Say that no data of a day is coming", Args: cobra.ExactArgs(2),
		Example: `  dosebook feeds excuse cair2 2022-07-04 --config dosebook.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.withFeeds(cmd.Context(), true, func(f *pipelines.Feeds) error {
				err := f.Excuse(cmd.Context(), args[0], args[1], who())
				if err == nil {
					e.say("nobody is told that %s lacks %s", args[0], args[1])
				}
				return err
			})
		},
	}
}
