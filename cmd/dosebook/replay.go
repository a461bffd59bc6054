package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/pipelines"
)

func replayCommand(e *env) *cobra.Command {
	var q pipelines.RemapRequest
	var dry bool
	var codes string
	c := &cobra.Command{
		Use: "replay --dry-run", Short: "Show what today's mapping and checks would make of what is stored", Args: cobra.NoArgs,
		Long: `Run the kept payloads through the decoders, mapping and checks of this version
and compare what comes out with what is stored: how many rows would change, in
which columns, with examples, and which issues and rejects are new or gone. For
use after an upgrade, or before new code tables are put in force (--codes).

Nothing is loaded or written, and nobody is kept waiting. Values are shown of
columns that identify nobody; of the others the place alone. The clock stands at
the day each payload came; senders, levels of checks and configuration are those
of today, so what they changed is shown too.`,
		Example: `  dosebook replay --dry-run
  dosebook replay --dry-run --registry CAIR2 --sample 3 --json
  dosebook replay --dry-run --codes ~/Downloads/cdc`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !dry {
				return fmt.Errorf("only 'replay --dry-run' can be had: segments are not written again by this version (docs/CODES.md): %w", dose.ErrInvalid)
			}
			if q.Registry != "" {
				if err := load.CheckRegistry(q.Registry); err != nil {
					return err
				}
			}
			if q.Sample < 0 || q.Sample > 1000 {
				return fmt.Errorf("--sample is 0 to 1000: %w", dose.ErrInvalid)
			}
			return e.remap(cmd.Context(), q, codes)
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "compare only; required")
	c.Flags().StringVar(&q.Registry, "registry", "", "of this registry only")
	c.Flags().StringVar(&q.Segment, "segment", "", "this segment only")
	c.Flags().IntVar(&q.Sample, "sample", 5, "examples for each column")
	c.Flags().StringVar(&codes, "codes", "", "map with what CDC's files in `DIR` make of the code tables")
	return c
}

func (e *env) remap(ctx context.Context, q pipelines.RemapRequest, codes string) error {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	r := e.runner(b, nil)
	r.Warehouses = nil
	if codes != "" {
		if _, r.Codes, _, err = e.proposed(ctx, codes); err != nil {
			return err
		}
	}
	q.Precision = e.config.Precision
	last := time.Time{}
	r.Progress = func(c pipelines.Count) {
		if now := time.Now(); now.Sub(last) > 200*time.Millisecond {
			last = now
			e.progress("segment %d of %d: %d records", c.Payload, c.Payloads, c.Records)
		}
	}
	out, err := r.Remap(ctx, q)
	e.progress("")
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(out)
	}
	return e.printRemap(out)
}

func (e *env) printRemap(r *pipelines.Remap) error {
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for i, c := range r.Columns {
		if i == 0 {
			fmt.Fprintln(w, "COLUMN\tROWS\tFROM\tTO\tFIRST AT")
		}
		fmt.Fprintf(w, "%s\t%d\t\t\t\n", c.Column, c.Rows)
		for _, x := range c.Examples {
			from, to := orDash(x.From), orDash(x.To)
			if x.Hidden {
				from, to = "differs", "(not shown)"
			}
			fmt.Fprintf(w, "\t%d\t%s\t%s\t%s\n", x.Rows, from, to, x.At)
		}
	}
	for _, f := range []struct {
		what  string
		moves []pipelines.FindingMove
	}{{"ISSUE", r.Issues}, {"REJECT", r.Rejects}} {
		for i, m := range f.moves {
			if i == 0 {
				fmt.Fprintf(w, "%s\tNEW\tGONE\tFIRST AT\t\n", f.what)
			}
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\t\n", m.Code, m.New, m.Vanished, m.At)
		}
	}
	for i, m := range r.Where {
		if i == 0 {
			fmt.Fprintln(w, "SEGMENT\tCHANGED\tNEW\tGONE\tOF ROWS, FILE")
		}
		if i < shownAtMost {
			fmt.Fprintf(w, "%s/%s\t%d\t%d\t%d\t%d, %s\n", m.Registry, m.Segment, m.Changed, m.Appeared, m.Gone, m.Rows, plain(m.Name))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	e.say("%d segments, %d records: of %d stored rows %d would change and %d be none any more; %d records would become rows%s", r.Segments, r.Records, r.Rows, r.Changed, r.Gone, r.Appeared,
		more(int64(min(len(r.Where), shownAtMost)), int64(len(r.Where))))
	return nil
}

// orDash makes an empty value seen.
func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return plain(s)
}
