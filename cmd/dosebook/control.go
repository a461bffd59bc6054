package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
)

// controlOptions are the flags of reconcile.
type controlOptions struct {
	registry, asOf, sourceDate, request string
	repair, check                       bool
	maxAbsent                           float64
	limit                               int
}

// reconcileControl makes c the comparison with a control file.
func reconcileControl(e *env, c *cobra.Command) {
	var o controlOptions
	c.Use, c.Args = "reconcile --registry NAME CONTROL", cobra.ExactArgs(1)
	c.Long = `Hold the store against a sender's control file, which the sender makes of its
own files with 'dosebook reconcile control'. Told are the rows on both sides,
and what is missing (in the control file, not in the store), extra (in the
store alone) or different (content, county or day), by county and day and by
id. A control file made with --summary has no ids: then county and day only.

Give --as-of-time the time for which the control file speaks: what was reported
later is not compared. A date means the whole day, in UTC.

--repair deletes what is extra: it writes a file of deletions and loads it as
the registry's own, so that the log tells it like any other. Nothing is edited.
If that would be more than --max-absent of the registry's events, all is held.
What is missing or different only the sender has: --request writes the list to
ask for. Files of the sender that are older than the deletions don't bring an
event back: --source-date says on which day they count as reported.`
	c.Example = `  dosebook reconcile --registry CAIR2 control.csv --as-of-time 2021-03-10
  dosebook reconcile --registry CAIR2 control.csv --repair --source-date 2021-03-10 --request ask.csv
  dosebook reconcile --registry CAIR2 summary.csv --check --json | jq .days`
	c.RunE = func(cmd *cobra.Command, args []string) error {
		at, err := o.times(e.now())
		if err != nil {
			return err
		}
		return e.control(cmd.Context(), args[0], o, at)
	}
	f := c.Flags()
	f.StringVar(&o.registry, "registry", "", "registry that the control file is of (required)")
	f.StringVar(&o.asOf, "as-of-time", "", "compare what was reported up to this `TIME` (YYYY-MM-DD or RFC 3339)")
	f.BoolVar(&o.check, "check", false, "exit status 1 unless both are equal in the end")
	f.BoolVar(&o.repair, "repair", false, "delete what is extra, by a file of deletions")
	f.StringVar(&o.sourceDate, "source-date", "", "with --repair: `DAY` on which the deletions count as reported (default: now)")
	f.Float64Var(&o.maxAbsent, "max-absent", 0.02, "share of the registry's events that --repair may delete; more is held (exit 5)")
	f.StringVar(&o.request, "request", "", "write what to ask the sender for to `FILE` (CSV)")
	f.IntVar(&o.limit, "limit", 100, "list at most so many ids of a kind, and days on a terminal")
	_ = c.MarkFlagRequired("registry")
	c.AddCommand(controlMakeCommand(e))
}

// repairNumber is the last number of a day (CVRS v2, extract file conventions
// 2), so that deletions come after the day's own files.
const repairNumber = 99

// times returns the time (microseconds) up to which is compared. What is
// reported after the deletions outlives them, so it is not judged either.
func (o *controlOptions) times(now time.Time) (until int64, err error) {
	if err := load.CheckRegistry(o.registry); err != nil {
		return 0, err
	}
	if o.limit < 1 || o.maxAbsent < 0 || o.sourceDate != "" && !o.repair {
		return 0, fmt.Errorf("--limit is at least 1, --max-absent at least 0, --source-date goes with --repair: %w", dose.ErrInvalid)
	}
	until = math.MaxInt64
	if o.asOf != "" {
		t, err := time.Parse(time.RFC3339, o.asOf)
		if day, dayErr := time.Parse(time.DateOnly, o.asOf); dayErr == nil {
			t, err = day.AddDate(0, 0, 1).Add(-time.Microsecond), nil
		}
		if err != nil {
			return 0, fmt.Errorf("--as-of-time %q is neither YYYY-MM-DD nor RFC 3339: %w", o.asOf, dose.ErrInvalid)
		}
		until = t.UnixMicro()
	}
	if o.repair {
		until = min(until, now.UnixMicro())
	}
	if o.sourceDate != "" {
		t, _, ok := extract.ParseName(o.repairName(now))
		if !ok || t.After(now) {
			return 0, fmt.Errorf("--source-date %q is no past date as YYYY-MM-DD: %w", o.sourceDate, dose.ErrInvalid)
		}
		until = min(until, t.UnixMicro())
	}
	return until, nil
}

// repairName names the file of deletions. A CVRS name tells its day; any other
// is taken as reported when it is loaded (DESIGN §5.7, Time).
func (o *controlOptions) repairName(now time.Time) string {
	if o.sourceDate == "" {
		return "repair-" + now.UTC().Format("20060102T150405") + ".txt"
	}
	day, err := time.Parse(time.DateOnly, o.sourceDate)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s_%d_FIX.txt", day.Format("20060102"), repairNumber)
}

// findings are the kinds of finding that have ids.
var findings = [...]string{"missing", "extra", "different"}

// controlled is the JSON of reconcile.
type controlled struct {
	Control  string `json:"control"`
	Registry string `json:"registry"`
	Form     string `json:"form"` // events, or days
	AsOf     string `json:"as_of,omitempty"`
	Equal    bool   `json:"equal"` // before a repair
	duckdb.ControlCounts
	Days    []duckdb.ControlDay `json:"days"`
	IDs     map[string][]string `json:"ids"` // finding -> the first ids
	Request string              `json:"request,omitempty"`
	Repair  *pipelines.Payload  `json:"repair,omitempty"`
}

func (e *env) control(ctx context.Context, path string, o controlOptions, until int64) error {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	var told *controlled
	err = e.writing(ctx, "reconcile", b, func(w *duckdb.DB) (err error) {
		if err := e.runner(b, w).Follow(ctx, nil); err != nil {
			return err
		}
		// Beside the warehouse, where the next command removes what a killed one left.
		tmp, err := os.MkdirTemp(b.dir, asOfPrefix)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
		c := duckdb.Control{Path: filepath.Join(tmp, "control.csv"), Registry: o.registry, Until: until}
		if c.Days, err = readControl(path, c.Path); err != nil {
			return err
		}
		if c.Days && o.repair {
			return fmt.Errorf("--repair needs a control file with ids, made without --summary: %w", dose.ErrInvalid)
		}
		if told, err = compareControl(ctx, w, c, path, &o); err != nil || !o.repair || told.Extra == 0 {
			return err
		}
		return e.repair(ctx, b, w, c, &o, told, tmp)
	})
	if told == nil {
		return err
	}
	return errors.Join(e.printControlled(told, &o), err, told.checked(&o, err))
}

// readControl checks the sender's file and writes it plainly to a file of ours.
func readControl(path, plain string) (days bool, err error) {
	in, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("%w: %w", err, dose.ErrInvalid)
	}
	defer in.Close()
	text, err := extract.Unpack(in)
	if err != nil {
		return false, err
	}
	defer text.Close()
	out, err := os.OpenFile(plain, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return false, err
	}
	f, err := pipelines.ReadControl(text, filepath.Base(path), out)
	return f.Days, errors.Join(err, out.Close())
}

func compareControl(ctx context.Context, w *duckdb.DB, c duckdb.Control, path string, o *controlOptions) (*controlled, error) {
	t := &controlled{Control: filepath.Base(path), Registry: o.registry, Form: "events", IDs: map[string][]string{}}
	if c.Days {
		t.Form = "days"
	}
	if c.Until != math.MaxInt64 {
		t.AsOf = time.UnixMicro(c.Until).UTC().Format(time.RFC3339)
	}
	var err error
	if t.ControlCounts, t.Days, err = w.CompareControl(ctx, c); err != nil {
		return nil, err
	}
	t.Equal = len(t.Days) == 0
	if !c.Days {
		for _, kind := range findings {
			t.IDs[kind] = []string{}
			err := w.Findings(ctx, kind, o.limit, func(id string) error {
				t.IDs[kind] = append(t.IDs[kind], id)
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	if o.request == "" {
		return t, nil
	}
	t.Request = o.request
	return t, t.writeRequest(ctx, w, o.request)
}

// writeRequest lists what only the sender can send: events, or days of a
// county where the sender gives no ids.
func (t *controlled) writeRequest(ctx context.Context, w *duckdb.DB, path string) error {
	f, err := durable.Create(path)
	if err != nil {
		return fmt.Errorf("--request: %w: %w", err, dose.ErrInvalid)
	}
	defer f.Abort()
	c := csv.NewWriter(f)
	if t.Form == "days" {
		_ = c.Write([]string{"county", "admin_date"}) // an error stays: Flush tells it
		for _, d := range t.Days {
			_ = c.Write([]string{d.County, d.Day})
		}
	} else {
		_ = c.Write([]string{"vax_event_id", "finding"})
		for _, kind := range []string{"missing", "different"} {
			if err := w.Findings(ctx, kind, 0, func(id string) error { return c.Write([]string{id, kind}) }); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return errors.Join(c.Error(), f.Commit())
}

// checked is the verdict of --check: what is left in the end.
func (t *controlled) checked(o *controlOptions, err error) error {
	repaired := t.Repair != nil && t.Missing+t.Different == 0
	if !o.check || err != nil || t.Equal || repaired {
		return nil
	}
	return errors.New("the store and the control file are not equal")
}
