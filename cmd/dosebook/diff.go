package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/release"
)

var _ release.Engine = (*duckdb.Reader)(nil)

func releaseDiffCommand(e *env) *cobra.Command {
	var county string
	var rows bool
	c := &cobra.Command{
		Use:   "diff A B",
		Short: "What changed from release A to release B, and why",
		Long: `Compare two releases by key (registry and vax_event_id): rows added, removed
and changed in each county, doses gained and lost, which columns changed how
often, and which days of county_day were restated. A row is counted in the
county where the person lives; where it came from (reported_at, segment, line)
is no change.

Causes: new report, restored, delete, moved county, correction (the registry
sent other cells); and, where the row's own record is as it was, person merged,
person split, duplicate found, duplicate undone, other record (of the person),
rule changed. docs/CHANGES.md has the rules. B older than A is compared too,
without causes.

With --rows each changed row is named by its key; nothing else of a person is
ever printed.`,
		Example: `  dosebook release diff 000041-1c9f03aa 000042-77e0b1d2
  dosebook release diff 000041-1c9f03aa 000042-77e0b1d2 --county 06001 --rows
  dosebook release diff A B --json | jq '.counties[] | {county, added, removed, causes}'`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var place dose.Place
			if county != "" {
				var err error
				if place, err = dose.ParsePlace(county); err != nil {
					return fmt.Errorf("--county %s: %w", county, err)
				}
			}
			return e.diff(cmd.Context(), args[0], args[1], place, rows)
		},
	}
	c.Flags().StringVar(&county, "county", "", "only this county (FIPS), berkeley, long-beach, pasadena, OOS or UNK")
	c.Flags().BoolVar(&rows, "rows", false, "name the changed rows by key")
	return c
}

// queryMemoryMB bounds the engine of a comparison.
const queryMemoryMB = 500

func (e *env) diff(ctx context.Context, a, b string, place dose.Place, rows bool) (err error) {
	book, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer book.close()
	files, folders, err := book.store.DiffFiles(a, b)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "dosebook-diff-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	r, err := duckdb.NewReader(ctx, release.DiffViews, files, append(folders, tmp), queryMemoryMB)
	if err != nil {
		return err
	}
	defer r.Close()
	d, err := release.Compare(ctx, book.store, r, a, b, place, tmp)
	if err != nil {
		return err
	}
	if e.json {
		return e.diffJSON(ctx, r, d, rows)
	}
	return e.printDiff(ctx, r, d, rows)
}

// diffJSON prints one object. The rows stream into it: they may be many.
func (e *env) diffJSON(ctx context.Context, r release.Engine, d *release.Diff, rows bool) error {
	if !rows {
		return e.printJSON(d)
	}
	head, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(e.out, "%s,\"rows\":[", head[:len(head)-1]); err != nil {
		return err
	}
	sep := ""
	err = d.Rows(ctx, r, func(row release.RowDiff) error {
		b, err := json.Marshal(row)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.out, "%s%s", sep, b)
		sep = ",\n"
		return err
	})
	_, end := io.WriteString(e.out, "]}\n")
	return errors.Join(err, end)
}

func (e *env) printDiff(ctx context.Context, r release.Engine, d *release.Diff, rows bool) error {
	e.say("from release %s to %s", d.A, d.B)
	e.sayOnly(d.A, d.Only.A)
	e.sayOnly(d.B, d.Only.B)
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nCOUNTY\t\tADDED\tREMOVED\tCHANGED\tDOSES\tCAUSES")
	for _, c := range append(slices.Clone(d.Counties), d.Total) {
		if c.County == "" {
			if d.Place != "" {
				continue
			}
			c.Label = "Total, moves counted once"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t+%d −%d\t%s\n", c.County, c.Label, c.Added, c.Removed, c.Changed, c.DosesAdded, c.DosesRemoved, often(c.Causes))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(d.Total.Columns) > 0 {
		e.say("\ncolumns changed: %s", often(d.Total.Columns))
	}
	if err := e.printDays(d); err != nil || !rows {
		return err
	}
	fmt.Fprintln(w, "\nCOUNTY\tCHANGE\tCAUSE\tOTHER\tREGISTRY\tVAX_EVENT_ID\tCOLUMNS")
	n := 0
	err := d.Rows(ctx, r, func(x release.RowDiff) error {
		if n++; n%1000 == 0 { // the columns of a table are as wide as its rows: keep few of them
			if err := w.Flush(); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.County, x.Change, x.Cause, x.Other, x.Registry, x.Event, x.Columns)
		return err
	})
	return errors.Join(err, w.Flush())
}

func (e *env) sayOnly(id string, columns []string) {
	if len(columns) > 0 {
		e.say("only %s has the columns %s: not compared", id, strings.Join(columns, ", "))
	}
}

// often writes counts as "a 3, b 1", the most frequent first.
func often(n map[string]int64) string {
	names := slices.SortedFunc(maps.Keys(n), func(a, b string) int {
		if n[a] != n[b] {
			return int(min(max(n[b]-n[a], -1), 1))
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, n[name])
	}
	return strings.Join(names, ", ")
}

// printDays shows the restated days of the place, or how many each place has.
func (e *env) printDays(d *release.Diff) error {
	if len(d.Days) == 0 {
		e.say("\ncounty_day: no day was restated")
		return nil
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	if d.Place != "" {
		fmt.Fprintln(w, "\nDAY\tFIGURE\tWAS\tIS\tCHANGE")
		for _, x := range d.Days {
			for _, name := range slices.Sorted(maps.Keys(x.Figures)) {
				n := x.Figures[name]
				fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%+d\n", x.Day, name, n[0], n[1], n[1]-n[0])
			}
		}
		return w.Flush()
	}
	type sum struct {
		days        int
		first, last string
		change      int64
	}
	by := map[string]*sum{}
	for _, x := range d.Days {
		s := by[x.County]
		if s == nil {
			s = &sum{first: x.Day}
			by[x.County] = s
		}
		s.days++
		s.last = x.Day
		n := x.Figures["total_doses"]
		s.change += n[1] - n[0]
	}
	fmt.Fprintln(w, "\nCOUNTY_DAY\tDAYS RESTATED\tFIRST\tLAST\tTOTAL DOSES")
	for _, p := range slices.Sorted(maps.Keys(by)) {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%+d\n", p, by[p].days, by[p].first, by[p].last, by[p].change)
	}
	return w.Flush()
}
