package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
)

// repair deletes what is extra by a payload of deletions, and looks again.
func (e *env) repair(ctx context.Context, b *book, w *duckdb.DB, c duckdb.Control, o *controlOptions, t *controlled, tmp string) error {
	if float64(t.Extra) > o.maxAbsent*float64(t.Events) {
		return fmt.Errorf("%s lacks %d of the registry's %d events, more than %g %%: the repair is held, nothing was changed; ask the sender whether the file is complete, then raise --max-absent: %w",
			t.Control, t.Extra, t.Events, 100*o.maxAbsent, dose.ErrHeld)
	}
	path := filepath.Join(tmp, o.repairName(e.now()))
	if err := writeDeletes(ctx, w, path, e.now()); err != nil {
		return err
	}
	rep, err := e.load(ctx, b, w, pipelines.Request{Registry: o.registry, Format: "cvrs", Action: "D", Paths: []string{path}})
	if rep != nil && len(rep.Payloads) == 1 {
		t.Repair = &rep.Payloads[0]
		t.Repair.Path = filepath.Base(path)
	}
	if err != nil {
		return err
	}
	left, _, err := w.CompareControl(ctx, c)
	if err == nil && left.Extra > 0 {
		err = fmt.Errorf("%d of %d extra events are still there after the deletions", left.Extra, t.Extra)
	}
	return err
}

// writeDeletes writes the extra ids as a CVRS file of deletions: the key alone
// counts. The time in responsible_org makes each repair a payload of its own:
// known bytes would change nothing.
func writeDeletes(ctx context.Context, w *duckdb.DB, path string, now time.Time) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriter(f)
	stamp := "dosebook repair " + now.UTC().Format("2006-01-02T15:04:05.000000000Z")
	var tail strings.Builder
	for i, c := range dose.Raw()[:dose.CVRSColumns] {
		if i > 0 {
			out.WriteByte('\t')
			tail.WriteByte('\t')
		}
		out.WriteString(c.Name)
		if c.Name == "responsible_org" {
			tail.WriteString(stamp)
		}
	}
	err = w.Findings(ctx, "extra", 0, func(id string) error {
		// CVRS has no quoting: such an id would delete another event.
		if strings.ContainsAny(id, "\t\r\n\"\x00") || strings.TrimSpace(id) != id {
			return fmt.Errorf("an extra event's id holds a tab, a line break, a quote or outer spaces, which CVRS can't carry; nothing was changed, delete it by a file of the registry's own format: %w", dose.ErrInvalid)
		}
		_, err := out.WriteString("\n" + id + tail.String())
		return err
	})
	if err != nil {
		return err
	}
	out.WriteByte('\n')
	return out.Flush()
}

func (e *env) printControlled(t *controlled, o *controlOptions) error {
	if e.json {
		return e.printJSON(t)
	}
	e.say("%s: %d rows; store: %d events of %s", t.Control, t.Rows, t.Events, t.Registry)
	if t.AsOf != "" {
		e.say("reported up to %s; %d newer events are not compared", t.AsOf, t.Newer)
	}
	if t.Equal {
		e.say("equal")
	} else if t.Form == "events" {
		e.say("same %d, missing %d, extra %d, different %d", t.Same, t.Missing, t.Extra, t.Different)
	}
	if t.Moved > 0 {
		e.say("%d stand under another id (crosswalk); their content was not compared", t.Moved)
	}
	if err := e.printControlDays(t, o.limit); err != nil {
		return err
	}
	for i, n := range []int64{t.Missing, t.Extra, t.Different} {
		if ids := t.IDs[findings[i]]; n > 0 {
			e.say("\n%s%s\n  %s", findings[i], more(int64(len(ids)), n), strings.Join(ids, "\n  "))
		}
	}
	if t.Request != "" {
		e.say("\nwhat to ask the sender for: %s", t.Request)
	}
	if t.Repair != nil {
		e.say("\nrepaired: %d deletions, loaded as %s (segment %s)", t.Repair.Deletes, t.Repair.Path, t.Repair.Segment)
	}
	return nil
}

func (e *env) printControlDays(t *controlled, limit int) error {
	if len(t.Days) == 0 {
		return nil
	}
	shown := t.Days[:min(limit, len(t.Days))]
	e.say("\ncounties and days that differ%s", more(int64(len(shown)), int64(len(t.Days))))
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	if t.Form == "days" {
		fmt.Fprintln(w, "COUNTY\tDAY\tROWS\tSTORE\tDIFFERS IN")
	} else {
		fmt.Fprintln(w, "COUNTY\tDAY\tROWS\tSTORE\tMISSING\tEXTRA\tDIFFERENT")
	}
	for _, d := range shown {
		if t.Form == "days" {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\n", d.County, d.Day, d.Rows, d.Events, d.Differs)
		} else {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\n", d.County, d.Day, d.Rows, d.Events, d.Missing, d.Extra, d.Different)
		}
	}
	return w.Flush()
}

// more says how much of a list is shown.
func more(shown, all int64) string {
	if shown == all {
		return ""
	}
	return fmt.Sprintf(" (the first %d of %d)", shown, all)
}
