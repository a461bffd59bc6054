package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
)

func ingestCommand(e *env) *cobra.Command {
	var registry, format, action, precision, mode string
	var limit, maxAbsent float64
	c := &cobra.Command{
		Use:   "ingest --registry NAME PATH…",
		Short: "Load files from a registry now",
		Long: `Load files from a registry: each is kept as received, decoded, mapped, checked,
and enters the log whole or not at all. A file that is known, under any name,
changes nothing. A folder means its files, by name. A file that can't be read
does not stop the others; the exit status is then 2.

Rows that can't be used become rejects with line, field, code and remedy;
everything else loads, with issues where something is to be said.

--mode snapshot is for a file that holds everything a registry has: events it
lacks count as deleted, unless they are too many. --format crosswalk takes a
CSV of ids that moved (entity,old_registry,old_id,new_registry,new_id).`,
		Example: `  dosebook ingest --registry CAIR2 20210305_01_CAA.txt
  dosebook ingest --registry CAIR2 --action delete deletes/
  dosebook ingest --registry SDIR --json inbox/ | jq .totals`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, ok := map[string]string{"add": "A", "update": "U", "delete": "D"}[action]
			if !ok {
				return fmt.Errorf("--action %q is not one of add, update, delete: %w", action, dose.ErrInvalid)
			}
			switch {
			case mode == "snapshot" && code == "A":
				code = pipelines.Snapshot
			case mode != "incremental":
				return fmt.Errorf("--mode is incremental, or snapshot (without --action): %w", dose.ErrInvalid)
			}
			if format != "auto" && format != load.Crosswalk {
				if _, err := decoder(format); err != nil {
					return err
				}
			}
			if !cmd.Flags().Changed("reject-limit") {
				limit = e.config.RejectLimit
			}
			if !cmd.Flags().Changed("precision") {
				precision = e.config.Precision
			}
			return e.ingest(cmd.Context(), pipelines.Request{Registry: registry, Format: format, Action: code,
				Precision: precision, Limit: limit, MaxAbsent: maxAbsent, Paths: args})
		},
	}
	f := c.Flags()
	f.StringVar(&registry, "registry", "", "registry that sent the files, such as CAIR2 (required)")
	f.StringVar(&format, "format", "auto", "auto, cvrs, hl7v2, fhir, or crosswalk (CSV of ids that moved)")
	f.StringVar(&action, "action", "add", "what the records are where they don't say: add, update or delete")
	f.StringVar(&mode, "mode", "incremental", "incremental, or snapshot: the files hold all the registry has, what they lack is deleted")
	f.Float64Var(&maxAbsent, "max-absent", 0.02, "share of the registry's events that a snapshot may lack; more is held (exit 5)")
	f.StringVar(&precision, "precision", "year", "least precision of admin_date that is accepted: year, month or day")
	f.Float64Var(&limit, "reject-limit", 0.05, "share of a file's records above which the exit status is 7")
	_ = c.MarkFlagRequired("registry")
	return c
}

func (e *env) ingest(ctx context.Context, reqs ...pipelines.Request) error {
	b, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	var rep *pipelines.Report
	err = e.writing(ctx, "ingest", b, func(w *duckdb.DB) (err error) {
		rep, err = e.load(ctx, b, w, reqs...)
		return err
	})
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
}

// load runs requests and shows how far they are.
func (e *env) load(ctx context.Context, b *book, w *duckdb.DB, reqs ...pipelines.Request) (*pipelines.Report, error) {
	r := e.runner(b, w)
	var shown time.Time
	r.Progress = func(c pipelines.Count) {
		if now := e.now(); c.Following || now.Sub(shown) > 100*time.Millisecond {
			shown = now
			if c.Following {
				e.progress("applying %d segments to the warehouse", c.Payload)
			} else {
				e.progress("file %d of %d: %s, %d records", c.Payload, c.Payloads, filepath.Base(c.Path), c.Records)
			}
		}
	}
	rep, err := r.Load(ctx, reqs...)
	e.progress("")
	return rep, err
}

func (e *env) printReport(rep *pipelines.Report) {
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "records\tadded\tupdated\tdeleted\tunchanged\trefused\t\tfile")
	for _, p := range rep.Payloads {
		remark := ""
		switch {
		case p.Error != "":
			remark = " (not loaded)"
		case p.Duplicate:
			remark = " (known, nothing changed)"
		}
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t\t%s\n", p.Records, p.Adds, p.Updates, p.Deletes, p.Unchanged, p.Rejects, filepath.Base(p.Path)+remark)
	}
	if t := rep.Totals; t.Payloads > 1 {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t\ttotal of %d files\n", t.Records, t.Adds, t.Updates, t.Deletes, t.Unchanged, t.Rejects, t.Payloads)
	}
	_ = w.Flush()
	if len(rep.Totals.Issues) > 0 {
		e.say("\nissues on rows that loaded:")
		for _, code := range slices.Sorted(maps.Keys(rep.Totals.Issues)) {
			e.say("  %8d  %s", rep.Totals.Issues[code], code)
		}
	}
}
