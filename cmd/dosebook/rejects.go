package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
)

func rejectsCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "rejects",
		Short: "What was refused, why, and again after a fix",
		Long: `A record that could not be used is kept as it came, with what is wrong and what
to do. Once that is mended, here or at the sender's, 'replay' takes it down the
line again. It counts as of when it was first sent, so it never overwrites newer
knowledge. Nothing is edited in place: a replay is a new payload in the log.

A reject is open, quarantined (its sender is not cleared: docs/SENDERS.md),
replayed or given up ('close'). What is refused again on its replay is a reject
of the new segment.`,
	}
	c.AddCommand(rejectsListCommand(e), rejectsShowCommand(e), rejectsExportCommand(e), rejectsReplayCommand(e),
		rejectsCloseCommand(e), rejectsReopenCommand(e))
	return c
}

// filterFlags are the flags by which rejects are chosen.
func filterFlags(c *cobra.Command, f *pipelines.Filter) {
	c.Flags().StringVar(&f.Registry, "registry", "", "of this registry")
	c.Flags().StringVar(&f.Code, "code", "", "refused with this code, such as DATA001")
	c.Flags().StringVar(&f.Sender, "sender", "", "sent by this site or organisation (`ID`)")
	c.Flags().StringVar(&f.Segment, "segment", "", "of this segment")
}

func rejectsListCommand(e *env) *cobra.Command {
	var f pipelines.Filter
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List refused records, without their text", Args: cobra.NoArgs,
		Example: `  dosebook rejects list --registry CAIR2 --state open
  dosebook rejects list --code REQD001 --json | jq -r '.rejects[].ref'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch f.State {
			case "", pipelines.Waiting, dose.RejectOpen, dose.RejectQuarantined, dose.RejectReplayed, dose.RejectGivenUp:
			default:
				return fmt.Errorf("--state %q is not open, quarantined, replayed, given-up or waiting: %w", f.State, dose.ErrInvalid)
			}
			return e.listRejects(cmd.Context(), f, limit)
		},
	}
	filterFlags(c, &f)
	c.Flags().StringVar(&f.State, "state", "", "open, quarantined, replayed, given-up, or waiting (open or quarantined)")
	c.Flags().IntVar(&limit, "limit", 100, "at most so many; 0 for all")
	return c
}

// rejected is a reject as it is shown.
type rejected struct {
	Ref      string `json:"ref"`
	Registry string `json:"registry"`
	Segment  string `json:"segment"`
	Path     string `json:"path"`
	Line     int64  `json:"line"`
	Field    string `json:"field"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	Remedy   string `json:"remedy"`
	Sender   string `json:"sender"`
	State    string `json:"state"`
	Became   string `json:"replayed_as,omitempty"`
	Outcome  string `json:"outcome,omitempty"` // of a replayed one: loaded, refused again

	Given *pipelines.Given `json:"given_up,omitempty"`

	Record string `json:"record,omitempty"`
}

func showReject(x *pipelines.Reject) rejected {
	r := rejected{x.Ref().String(), x.Known.Registry, x.Known.Segment, x.Known.Name, x.Line, x.Field, x.Code, x.Message, x.Remedy, x.Sender, x.State, "", "", nil, x.Record}
	if x.Became.Segment != "" {
		r.Became, r.Outcome = x.Became.String(), "loaded"
		if x.Again {
			r.Outcome = "refused again"
		}
	}
	if x.State == dose.RejectGivenUp {
		r.Given = &x.Given
	}
	return r
}

// rejectList is the JSON of rejects list: the first rejects, and how many
// there are by state and by code.
type rejectList struct {
	Rejects []rejected     `json:"rejects"`
	Total   int            `json:"total"`
	States  map[string]int `json:"states"`
	Codes   map[string]int `json:"codes"`
}

func (e *env) listRejects(ctx context.Context, f pipelines.Filter, limit int) error {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	out := rejectList{Rejects: []rejected{}, States: map[string]int{}, Codes: map[string]int{}}
	err = b.ledger.Rejects(ctx, b.lake, f, func(x *pipelines.Reject) error {
		out.Total++
		out.States[x.State]++
		out.Codes[x.Code]++
		if limit <= 0 || len(out.Rejects) < limit {
			out.Rejects = append(out.Rejects, showReject(x))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(out)
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SEGMENT:LINE\tREGISTRY\tSTATE\tCODE\tSENDER\tWHAT IS WRONG\tFILE")
	for _, r := range out.Rejects {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Ref, r.Registry, r.State, r.Code, plain(r.Sender), r.Message, filepath.Base(r.Path))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	e.say("%d rejects: %d open, %d quarantined, %d replayed, %d given up%s", out.Total, out.States[dose.RejectOpen], out.States[dose.RejectQuarantined],
		out.States[dose.RejectReplayed], out.States[dose.RejectGivenUp], more(int64(len(out.Rejects)), int64(out.Total)))
	return nil
}

// plain makes text that came from outside harmless on a terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

func rejectsShowCommand(e *env) *cobra.Command {
	var registry string
	c := &cobra.Command{
		Use: "show SEGMENT:LINE", Short: "Show one refused record, with its text", Args: cobra.ExactArgs(1),
		Long: `Show one refused record as it was received. The text names a person: it is
shown here and nowhere else (and in an export), and the audit keeps who looked.
It does not belong in tickets or e-mail. To a sender give SEGMENT:LINE, the file's name and the line.`,
		Example: `  dosebook rejects show 0d4f6b8a90112233:17`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := pipelines.ParseRef(args[0])
			if err != nil {
				return err
			}
			return e.showReject(cmd.Context(), ref, registry)
		},
	}
	c.Flags().StringVar(&registry, "registry", "", "of this registry, where several have the same file")
	return c
}

func (e *env) showReject(ctx context.Context, ref pipelines.Ref, registry string) error {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	out := []rejected{}
	f := pipelines.Filter{Registry: registry, Segment: ref.Segment, Line: ref.Line, Records: true}
	err = b.ledger.Rejects(ctx, b.lake, f, func(x *pipelines.Reject) error {
		out = append(out, showReject(x))
		return nil
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%s is no reject; 'dosebook rejects list' shows them: %w", ref, dose.ErrNotFound)
	}
	if err == nil {
		err = b.auditRecords(ctx, "reject show", registry, ref.String(), len(out))
	}
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(out)
	}
	e.note("This text names a person. Don't copy it into tickets or e-mail; give the sender file and line.")
	for _, r := range out {
		state := r.State
		if r.Became != "" {
			state += " as " + r.Became + ", " + r.Outcome
		}
		if r.Given != nil {
			state += " by " + plain(r.Given.By) + ", " + r.Given.At + ": " + plain(r.Given.Reason)
		}
		e.say("%s %s, line %d of %s\nstate    %s\nsender   %s\ncode     %s %s\nwrong    %s\ndo       %s\n", r.Registry, r.Segment, r.Line, plain(r.Path), state, plain(r.Sender),
			r.Code, r.Field, r.Message, r.Remedy)
		for _, line := range strings.FieldsFunc(r.Record, func(c rune) bool { return c == '\r' || c == '\n' }) {
			e.say("%s", strings.Join(mapAllText(strings.Split(line, "\t"), plain), "\t"))
		}
	}
	return nil
}

func mapAllText(in []string, f func(string) string) []string {
	for i := range in {
		in[i] = f(in[i])
	}
	return in
}

func rejectsExportCommand(e *env) *cobra.Command {
	var f pipelines.Filter
	c := &cobra.Command{
		Use: "export", Short: "Write refused records in their own format, to be corrected and replayed", Args: cobra.NoArgs,
		Long: `Write waiting records as they came, in their own format, each with the reject it
is: in CVRS in the first column, replays; in HL7 in a segment ZRP behind MSH.
Correct the values, leave those marks alone, take out what is not to be
replayed, then run 'dosebook rejects replay FILE'. The file names persons.`,
		Example: `  dosebook rejects export --registry CAIR2 --code DATA001 > fix.txt`,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.exportRejects(cmd.Context(), f) },
	}
	filterFlags(c, &f)
	_ = c.MarkFlagRequired("registry")
	return c
}

func (e *env) exportRejects(ctx context.Context, f pipelines.Filter) error {
	if err := load.CheckRegistry(f.Registry); err != nil {
		return err
	}
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	text, n, unfit, err := e.runner(b, nil).Export(ctx, f)
	if err != nil {
		return err
	}
	if n == 0 && unfit == 0 {
		return fmt.Errorf("no refused record waits that fits: %w", dose.ErrNotFound)
	}
	if unfit > 0 {
		e.note("%d records can't be written in their format and are left out; correct them at the source and send them again", unfit)
	}
	if err := b.auditRecords(ctx, "reject export", f.Registry, clipped(strings.TrimSpace(strings.Join([]string{f.Code, f.Sender, f.Segment}, " "))), n); err != nil {
		return err
	}
	_, err = e.out.Write(text)
	return err
}

func rejectsReplayCommand(e *env) *cobra.Command {
	var q pipelines.ReplayRequest
	c := &cobra.Command{
		Use: "replay [FILE]", Short: "Load refused records again, as they are or corrected", Args: cobra.MaximumNArgs(1),
		Long: `Load refused records again: as they are kept, when what was wrong lay with us or
with the sender's state, or from a FILE that 'rejects export' wrote and somebody
corrected. They count as of when they were first sent. A record that would be
refused again as it is stays where it is; replaying twice changes nothing.`,
		Example: `  dosebook rejects replay --registry CAIR2 --sender 123456
  dosebook rejects replay fix.txt --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if q.Code+q.Sender+q.Segment != "" {
					return fmt.Errorf("a FILE says itself what it mends: no --code, --sender, --segment with it: %w", dose.ErrInvalid)
				}
				q.File = args[0]
			} else if q.Registry == "" {
				return fmt.Errorf("name a FILE, or --registry (and --code, --sender, --segment) to replay what is kept: %w", dose.ErrInvalid)
			}
			if q.Registry != "" {
				if err := load.CheckRegistry(q.Registry); err != nil {
					return err
				}
			}
			return e.replayAndTell(cmd.Context(), q)
		},
	}
	filterFlags(c, &q.Filter)
	return c
}

func (e *env) replayAndTell(ctx context.Context, q pipelines.ReplayRequest) error {
	rep, err := e.replay(ctx, q)
	if rep == nil {
		return err
	}
	if e.json {
		return errors.Join(e.printJSON(rep), err)
	}
	if rep.Report != nil && len(rep.Payloads) > 0 {
		e.printReport(rep.Report)
	}
	e.say("%d records: %d loaded, %d refused again, %d left as they are", rep.Selected, rep.Loaded(), rep.Refused(), rep.Left)
	if rep.Unfit > 0 {
		e.say("%d can't be replayed in their format: correct them at the source and send them again", rep.Unfit)
	}
	if rep.Settled > 0 {
		e.say("%d were replayed or given up before; nothing of them waits", rep.Settled)
	}
	return err
}

// replay runs a replay under the lease.
func (e *env) replay(ctx context.Context, q pipelines.ReplayRequest) (rep *pipelines.ReplayReport, err error) {
	b, err := e.openExisting(ctx)
	if err != nil {
		return nil, err
	}
	defer b.close()
	q.Precision = e.config.Precision
	err = e.writing(ctx, "rejects replay", b, func(w *duckdb.DB) (err error) {
		rep, err = e.runner(b, w).Replay(ctx, q)
		return err
	})
	return rep, err
}
