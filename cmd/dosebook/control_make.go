package main

import (
	"bufio"
	"cmp"
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
)

func controlMakeCommand(e *env) *cobra.Command {
	var req pipelines.Request
	var summary bool
	c := &cobra.Command{
		Use:   "control FILE…",
		Short: "Make the control file of what a sender holds, from its files",
		Long: `Make the control file of what a sender holds, from the files that it would send
as a snapshot. This runs where the files are: nothing is loaded, and no data
directory is needed.

The control file is CSV on stdout, one row an event, by id: vax_event_id,
county, admin_date, content (16 hex digits over all reported cells). With
--summary it has no ids but one row a county and day: county, admin_date, rows,
content (the sum of the rows' contents modulo 2^64, whatever their order). An
event that comes twice counts by its latest version, a deleted one not at all.
Records that a load would refuse are left out; how many is said on stderr.`,
		Example: `  dosebook reconcile control all/ > control.csv
  dosebook reconcile control --summary 20210310_01_CAA.txt > summary.csv`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if req.Format != "auto" {
				if _, err := decoder(req.Format); err != nil {
					return err
				}
			}
			if !cmd.Flags().Changed("precision") {
				req.Precision = e.config.Precision
			}
			req.Action, req.Paths = "A", args
			return e.makeControl(cmd.Context(), req, summary)
		},
	}
	c.Flags().BoolVar(&summary, "summary", false, "without ids: rows and content of each county and day")
	c.Flags().StringVar(&req.Format, "format", "auto", "auto, cvrs or hl7v2")
	c.Flags().StringVar(&req.Precision, "precision", "year", "least precision of admin_date, as at loading: year, month or day")
	return c
}

func (e *env) makeControl(ctx context.Context, req pipelines.Request, summary bool) (err error) {
	tmp, err := os.MkdirTemp("", "dosebook-control-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	path := filepath.Join(tmp, "control.csv")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	r := &pipelines.Runner{Decoder: decoder, Now: e.now, Levels: e.config.levels, Workers: e.config.Workers}
	records, refused, err := r.ControlVersions(ctx, req, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if refused > 0 {
		e.note("%d of %d records would be refused and are not in the control file", refused, records)
	}
	// The reader sorts, and puts on disk what does not fit into memory.
	sorted, err := duckdb.NewReader(ctx, "queries/control_views.sql", map[string][]string{"control": {path}}, []string{tmp}, queryMemoryMB)
	if err != nil {
		return err
	}
	defer sorted.Close()
	out := csv.NewWriter(bufio.NewWriterSize(e.out, 1<<16))
	if summary {
		return sumControl(ctx, sorted, out)
	}
	_ = out.Write(pipelines.ControlRows) // an error stays: Flush tells it
	err = eachCurrent(ctx, sorted, func(v *sent) error {
		return out.Write([]string{v.id, v.county, v.day, pipelines.ContentText(uint64(v.content))})
	})
	out.Flush()
	return errors.Join(err, out.Error())
}

// sent is what a file says of an event.
type sent struct {
	id, county, day string
	content         int64
	tombstone       bool
}

// eachCurrent calls f with the version of each event that counts, by id.
func eachCurrent(ctx context.Context, r *duckdb.Reader, f func(*sent) error) (err error) {
	rows, err := r.Query(ctx, "from control_version order by vax_event_id, source_time, n")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var last *sent
	counts := func() error {
		if last == nil || last.tombstone {
			return nil
		}
		return f(last)
	}
	for rows.Next() {
		var v sent
		var county, day sql.NullString // a deletion has neither
		var time, n int64
		if err := rows.Scan(&v.id, &county, &day, &v.content, &v.tombstone, &time, &n); err != nil {
			return err
		}
		v.county, v.day = county.String, day.String
		if last != nil && last.id != v.id {
			if err := counts(); err != nil {
				return err
			}
		}
		last = &v
	}
	return errors.Join(rows.Err(), counts())
}

// sumControl adds the events up by county and day.
func sumControl(ctx context.Context, r *duckdb.Reader, out *csv.Writer) error {
	type at struct{ county, day string }
	type sum struct {
		rows    int64
		content uint64 // wraps: the sum is modulo 2^64
	}
	sums := map[at]sum{}
	err := eachCurrent(ctx, r, func(v *sent) error {
		s := sums[at{v.county, v.day}]
		sums[at{v.county, v.day}] = sum{s.rows + 1, s.content + uint64(v.content)}
		return nil
	})
	if err != nil {
		return err
	}
	_ = out.Write(pipelines.ControlDays) // an error stays: Flush tells it
	for _, k := range slices.SortedFunc(maps.Keys(sums), func(a, b at) int { return cmp.Or(cmp.Compare(a.county, b.county), cmp.Compare(a.day, b.day)) }) {
		_ = out.Write([]string{k.county, k.day, strconv.FormatInt(sums[k].rows, 10), pipelines.ContentText(sums[k].content)})
	}
	out.Flush()
	return out.Error()
}
