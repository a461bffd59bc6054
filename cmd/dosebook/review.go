package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
)

func reviewCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "review",
		Short: "Settle what the rules leave open: same dose or not, same person or not",
		Long: `Pairs of events that may be one dose, and groups of recipient ids that are too
large to be one person, wait for a steward. A decision is an input like any
other: it enters the log, is applied on every rebuild, and can be taken back
(--verdict open). docs/MATCHING.md has the rules.`,
	}
	var limit int
	list := &cobra.Command{
		Use: "list", Short: "List what waits for a decision, the likeliest first", Args: cobra.NoArgs,
		Example: `  dosebook review list --limit 20`,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.reviewList(cmd.Context(), limit) },
	}
	list.Flags().IntVar(&limit, "limit", 100, "at most so many")
	var verdict, reason string
	decide := &cobra.Command{
		Use: "decide dose|person REGISTRY/ID REGISTRY/ID", Short: "Settle one: the second is the same as the first, or stands alone", Args: cobra.ExactArgs(3),
		Long: `Settle whether two events are one dose, or two recipient ids one person.
different takes the second out of the group it is in; open takes an earlier
decision back.`,
		Example: `  dosebook review decide dose CAIR2/CA001 RIDE/R77 --verdict same --reason "clinic confirmed one dose"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.decide(cmd.Context(), args, verdict, reason)
		},
	}
	decide.Flags().StringVar(&verdict, "verdict", "", "same, different or open (required)")
	decide.Flags().StringVar(&reason, "reason", "", "why, in a sentence (required)")
	_ = decide.MarkFlagRequired("verdict")
	_ = decide.MarkFlagRequired("reason")
	c.AddCommand(list, decide)
	return c
}

func (e *env) reviewList(ctx context.Context, limit int) error {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	var waiting []duckdb.Waiting
	err = e.writing(ctx, "review list", b, func(w *duckdb.DB) (err error) {
		waiting, err = w.Review(ctx, limit)
		return err
	})
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(waiting)
	}
	t := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WHAT\tFIRST\tSECOND\tRULE\tDAYS\tSCORE\tSIZE")
	for _, w := range waiting {
		fmt.Fprintf(t, "%s\t%s/%s\t%s/%s\t%s\t%d\t%.2f\t%d\n", w.Entity, w.Registry, w.ID, w.OtherRegistry, w.OtherID, w.Rule, w.Gap, w.Score, w.Size)
	}
	return t.Flush()
}

// decide writes the decision down as a payload and loads it.
func (e *env) decide(ctx context.Context, args []string, verdict, reason string) (err error) {
	row := []string{args[0]}
	for _, a := range args[1:] {
		registry, id, ok := strings.Cut(a, "/")
		if !ok || registry == "" || id == "" {
			return fmt.Errorf("%q is not REGISTRY/ID: %w", a, dose.ErrInvalid)
		}
		row = append(row, registry, id)
	}
	dir, err := os.MkdirTemp("", "dosebook-review-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// The name makes each decision a payload of its own, even a repeated one.
	path := filepath.Join(dir, "decision-"+e.now().UTC().Format("20060102T150405.000000000")+".csv")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	header := []string{"entity", "a_registry", "a_id", "b_registry", "b_id", "verdict", "reason"}
	stamped := reason + " (" + who() + ", " + e.now().UTC().Format("2006-01-02T15:04:05Z") + ")"
	err = errors.Join(w.WriteAll([][]string{header, append(row, verdict, stamped)}), f.Close())
	if err != nil {
		return err
	}
	return e.ingest(ctx, pipelines.Request{Registry: row[1], Format: load.Decision, Action: "A", Limit: 1, Paths: []string{path}})
}
