package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/synth"
)

func synthCommand(e *env) *cobra.Command {
	cfg := synth.Config{Defects: synth.DefaultDefects()}
	var overlap bool
	var disasters []string
	var typos, crosswalk float64
	c := &cobra.Command{
		Use:   "synth DIR",
		Short: "Write files of a synthetic registry, with the right answer beside them",
		Long: `Write files of synthetic registries that look like California, and truth.json
with the right answer: events, refusals and doses by county and day, whatever
the format. A registry writes CVRS files, HL7 batches (--format SDIR=hl7v2), or
exports of a FHIR server (--format RIDE=fhir): a folder for what changed by a
date, and full/RIDE for all that the server holds in the end. The same seed
gives the same bytes. No person in them is real.`,
		Example: `  dosebook synth --rows 1000000 --seed 7 synthetic/
  dosebook synth --overlap --format SDIR=hl7v2 --format RIDE=fhir synthetic/`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if overlap {
				cfg.Overlap = synth.DefaultOverlap()
				cfg.Overlap.Typos, cfg.Overlap.Crosswalk = typos, crosswalk
			}
			t, err := synth.Write(cmd.Context(), args[0], cfg, e.rows("writing synthetic files"))
			if err != nil {
				return err
			}
			if len(disasters) > 0 {
				if err := plant(cmd.Context(), args[0], t, disasters); err != nil {
					return err
				}
			}
			if e.json {
				return e.printJSON(t.Totals)
			}
			e.say("%d records in %d files; %d current events of %d people; truth.json has the right answer",
				t.Totals.Records+t.Totals.RepeatedRecords, len(t.Files), t.Totals.Current, t.Totals.Recipients)
			return nil
		},
	}
	f := c.Flags()
	f.IntVar(&cfg.Rows, "rows", 200_000, "events reported")
	f.Uint64Var(&cfg.Seed, "seed", 1, "seed")
	f.StringVar(&cfg.Through, "through", "", "last day (default 2023-12-31)")
	f.StringSliceVar(&cfg.Registries, "registries", nil, "registries (default CAIR2,SDIR,RIDE)")
	f.StringToStringVar(&cfg.Formats, "format", nil, "REGISTRY=cvrs, hl7v2 or fhir (default cvrs)")
	f.BoolVar(&overlap, "overlap", false, "15 in 100 persons are known to a second registry too, under other ids; the truth of persons and doses is in truth_events.tsv")
	f.Float64Var(&typos, "typos", synth.DefaultOverlap().Typos, "with --overlap: share of second ids with a typing error")
	f.Float64Var(&crosswalk, "crosswalk", 0, "with --overlap: share of second ids that are listed in crosswalk.csv")
	f.StringSliceVar(&disasters, "disaster", nil, "CODE of a check of docs/QUALITY.md, or all: let that go wrong with the first registry's CVRS files")
	f.IntVar(&cfg.RowsPerFile, "rows-per-file", 0, "most rows of a file (default 200000)")
	defectFlags(c, &cfg.Defects)
	return c
}

// defectFlags are the shares of faults.
func defectFlags(c *cobra.Command, to *synth.Defects) {
	for _, d := range []struct {
		name, text string
		to         *float64
	}{
		{"repeat-rows", "share of rows that come again in a later file", &to.RepeatRows},
		{"repeat-files", "share of files that come again under another name", &to.RepeatFiles},
		{"updates", "share of events that are corrected", &to.Updates},
		{"deletes", "share of events that are deleted", &to.Deletes},
		{"late-files", "share of files delivered after newer ones", &to.LateFiles},
		{"unusable", "share of rows that must be refused", &to.Unusable},
		{"soft", "share of rows with lesser problems", &to.Soft},
	} {
		c.Flags().Float64Var(d.to, d.name, *d.to, d.text)
	}
}

// plant plants the disasters of those codes into the first registry.
func plant(ctx context.Context, dir string, t *synth.Truth, codes []string) error {
	all := synth.Disasters(t.Registries[0])
	known := make([]string, len(all))
	for i, d := range all {
		known[i] = d.Code
	}
	for _, c := range codes {
		if c != "all" && !slices.Contains(known, c) {
			return fmt.Errorf("--disaster %q is not all or one of %s: %w", c, strings.Join(known, ", "), dose.ErrInvalid)
		}
	}
	if !slices.Contains(codes, "all") {
		all = slices.DeleteFunc(all, func(d synth.Disaster) bool { return !slices.Contains(codes, d.Code) })
	}
	return synth.Plant(ctx, dir, t, all)
}

// rows shows progress in rows, a few times a second.
func (e *env) rows(what string) func(done, total int64) {
	var shown time.Time
	return func(done, total int64) {
		now := e.now()
		if done < total && now.Sub(shown) < 100*time.Millisecond {
			return
		}
		shown = now
		if done >= total {
			e.progress("")
			return
		}
		e.progress("%s: %d of %d rows", what, done, total)
	}
}
