package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
	"github.com/dosebook/dosebook/release"
	sqltext "github.com/dosebook/dosebook/sql"
)

// senderReport is the JSON of senders report.
type senderReport struct {
	Registry string       `json:"registry"`
	Release  string       `json:"release"`
	From     string       `json:"from,omitempty"`
	To       string       `json:"to,omitempty"`
	Senders  []senderLine `json:"senders"`
}

// senderLine is what a report says of one site.
type senderLine struct {
	Sender    string           `json:"sender"`
	Name      string           `json:"name"`
	State     string           `json:"state"`   // unknown where the list has none of that id
	Records   int64            `json:"records"` // received, loaded or refused
	Refused   int64            `json:"refused"` // of them
	Waiting   int64            `json:"waiting"` // of them, not replayed
	ErrorRate float64          `json:"error_rate"`
	Events    int64            `json:"events"` // that hold now
	Median    *float64         `json:"median_days"`
	Within1   *float64         `json:"within_24h"` // share, by calendar days
	Within3   *float64         `json:"within_72h"`
	LastSeen  string           `json:"last_seen"`
	Issues    map[string]int64 `json:"issues"`
	Doses     []senderDoses    `json:"doses"`
}

// senderDoses is what a site's inventory should have gone down by.
type senderDoses struct {
	CVX   string `json:"cvx"`
	NDC   string `json:"ndc"`
	Lot   string `json:"lot"`
	Doses int64  `json:"doses"`
}

func sendersReportCommand(e *env) *cobra.Command {
	var registry, from, to string
	c := &cobra.Command{
		Use: "report", Short: "How much each site sends, how fast, how well, and what it gave by lot", Args: cobra.NoArgs,
		Long: `Report on each site of a registry from the newest release: what it sent, how
long after the dose, what was refused, when it was last seen, and the doses by
product and lot by which its inventory should have gone down. --from and --to
are days of administration for doses, events and timeliness, and days of receipt
(Pacific time) for records, refusals and issues. It reads a release and the
lake, and never waits for a load.`,
		Example: `  dosebook senders report --registry CAIR2 --from 2021-03-01 --to 2021-03-31
  dosebook senders report --registry CAIR2 --json | jq '.senders[] | select(.error_rate > 0.05)'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, day := range []string{from, to} {
				if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
					return fmt.Errorf("--from and --to are dates as YYYY-MM-DD: %w", dose.ErrInvalid)
				}
			}
			if err := load.CheckRegistry(registry); err != nil {
				return err
			}
			rep, err := e.senderReport(cmd.Context(), registry, from, to)
			if err != nil {
				return err
			}
			if e.json {
				return e.printJSON(rep)
			}
			return e.printSenderReport(rep)
		},
	}
	c.Flags().StringVar(&registry, "registry", "", "of this registry (required)")
	c.Flags().StringVar(&from, "from", "", "first `DAY`")
	c.Flags().StringVar(&to, "to", "", "last `DAY`")
	_ = c.MarkFlagRequired("registry")
	return c
}

// senderSources are the files that a report reads besides the release.
type senderSources struct {
	events, issues []string
	replace        *strings.Replacer
	from, to       string
	received       map[string]string // day by segment
	seq            int64
}

func (e *env) senderReport(ctx context.Context, registry, from, to string) (*senderReport, error) {
	b, err := e.openExisting(ctx)
	if err != nil {
		return nil, err
	}
	defer b.close()
	id, err := b.store.Latest()
	if err != nil {
		return nil, err
	}
	m, err := b.store.Manifest(id)
	if err != nil {
		return nil, err
	}
	src, err := b.senderSources(ctx, registry, m.LedgerSeq, from, to)
	if err != nil {
		return nil, err
	}
	rep := &senderReport{Registry: registry, Release: id, From: from, To: to, Senders: []senderLine{}}
	by := map[string]*senderLine{}
	if len(src.events) > 0 {
		if err := e.askSenders(ctx, b, id, src, by); err != nil {
			return nil, err
		}
	}
	if err := b.addRefused(ctx, registry, src, by); err != nil {
		return nil, err
	}
	list, err := b.ledger.Senders(ctx, registry)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		l := lineOf(by, s.ID)
		l.Name, l.State = s.Name, s.State
	}
	for _, id := range slices.Sorted(maps.Keys(by)) {
		l := by[id]
		if l.Records > 0 {
			l.ErrorRate = float64(l.Refused) / float64(l.Records)
		}
		rep.Senders = append(rep.Senders, *l)
	}
	return rep, nil
}

func lineOf(by map[string]*senderLine, id string) *senderLine {
	if by[id] == nil {
		by[id] = &senderLine{Sender: id, State: dose.SenderAbsent.String(), Issues: map[string]int64{}, Doses: []senderDoses{}}
	}
	return by[id]
}

// senderSources lists the segments of a registry up to a ledger position. A
// replay was received when what it replays was.
func (b *book) senderSources(ctx context.Context, registry string, seq int64, from, to string) (*senderSources, error) {
	pacific, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		return nil, err
	}
	known, err := b.ledger.List(ctx, seq)
	if err != nil {
		return nil, err
	}
	entries, err := b.ledger.Segments(ctx, seq)
	if err != nil {
		return nil, err
	}
	root := map[string]string{}
	for _, x := range entries {
		if x.Registry == registry && x.Root != "" {
			root[x.Segment] = x.Root
		}
	}
	s := &senderSources{received: map[string]string{}, seq: seq, from: from, to: to}
	var rows []string
	for _, k := range known {
		if k.Registry != registry || !k.HoldsRecords() {
			continue
		}
		s.received[k.Segment] = time.UnixMicro(k.ReceivedAt).In(pacific).Format(time.DateOnly)
		if day, ok := s.received[root[k.Segment]]; ok {
			s.received[k.Segment] = day
		}
		folder, err := b.lake.Folder(registry, k.Segment)
		if err != nil {
			return nil, err
		}
		path := filepath.Join(folder, load.EventFile)
		s.events = append(s.events, path)
		rows = append(rows, fmt.Sprintf("(%s, %s, date '%s')", sqlText(path), sqlText(k.Segment), s.received[k.Segment]))
		for _, f := range k.Files {
			if filepath.Base(f.Path) == load.IssueFile {
				s.issues = append(s.issues, sqlText(filepath.Join(folder, load.IssueFile)))
			}
		}
	}
	if s.from == "" {
		s.from = "0001-01-01"
	}
	if s.to == "" {
		s.to = "9999-12-31"
	}
	s.replace = strings.NewReplacer("{registry}", sqlText(registry), "{segments}", strings.Join(rows, ", "), "{from}", "date '"+s.from+"'",
		"{to}", "date '"+s.to+"'", "{issues}", "["+strings.Join(s.issues, ", ")+"]")
	return s, nil
}

func sqlText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// askSenders runs the report's queries.
func (e *env) askSenders(ctx context.Context, b *book, id string, src *senderSources, by map[string]*senderLine) (err error) {
	root, err := b.store.Path(id)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "dosebook-senders-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	files := map[string][]string{"dose_event": release.ViewFiles(root)["dose_event"], "lake": src.events}
	r, err := duckdb.NewReader(ctx, "queries/sender_views.sql", files, []string{root, b.lake.Dir, tmp}, max(e.config.Warehouse.MemoryMB, 500))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	ask := func(name string, row func(*sql.Rows) error) error { return askRows(ctx, r, name, src.replace, row) }
	err = ask("sender_report", func(rows *sql.Rows) error {
		var x senderLine
		err := rows.Scan(&x.Sender, &x.Records, &x.Events, &x.Median, &x.Within1, &x.Within3, &x.LastSeen)
		l := lineOf(by, x.Sender)
		l.Records, l.Events, l.Median, l.Within1, l.Within3, l.LastSeen = x.Records, x.Events, x.Median, x.Within1, x.Within3, x.LastSeen
		return err
	})
	if err != nil {
		return err
	}
	err = ask("sender_doses", func(rows *sql.Rows) error {
		var sender string
		var x senderDoses
		err := rows.Scan(&sender, &x.CVX, &x.NDC, &x.Lot, &x.Doses)
		l := lineOf(by, sender)
		l.Doses = append(l.Doses, x)
		return err
	})
	if err != nil || len(src.issues) == 0 {
		return err
	}
	return ask("sender_issues", func(rows *sql.Rows) error {
		var sender, code string
		var n int64
		err := rows.Scan(&sender, &code, &n)
		lineOf(by, sender).Issues[code] = n
		return err
	})
}

// askRows runs a query that takes files by name, and reads its rows.
func askRows(ctx context.Context, r *duckdb.Reader, name string, replace *strings.Replacer, row func(*sql.Rows) error) error {
	text, err := sqltext.Text("queries/" + name + ".sql")
	if err != nil {
		return err
	}
	rows, err := r.Query(ctx, replace.Replace(text))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// addRefused counts what was refused. A record that was replayed and refused
// again is one record, and one refusal: it is counted where it first came.
func (b *book) addRefused(ctx context.Context, registry string, src *senderSources, by map[string]*senderLine) error {
	entries, err := b.ledger.Segments(ctx, src.seq)
	if err != nil {
		return err
	}
	replay := map[string]bool{}
	for _, x := range entries {
		replay[x.Registry+"/"+x.Segment] = x.Root != ""
	}
	return b.ledger.Rejects(ctx, b.lake, pipelines.Filter{Registry: registry}, func(x *pipelines.Reject) error {
		day, ok := src.received[x.Known.Segment]
		if !ok {
			return nil // newer than the release
		}
		l := lineOf(by, x.Sender)
		l.LastSeen = max(l.LastSeen, day)
		if day < src.from || day > src.to {
			return nil
		}
		if !replay[registry+"/"+x.Known.Segment] {
			l.Refused++
		}
		if x.State != dose.RejectReplayed && x.State != dose.RejectGivenUp {
			l.Waiting++
			l.Records++
		}
		return nil
	})
}

func (e *env) printSenderReport(rep *senderReport) error {
	e.say("%s, release %s", rep.Registry, rep.Release)
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SENDER\tSTATE\tRECORDS\tREFUSED\tWAITING\tERRORS\tEVENTS\tMEDIAN DAYS\t24 H\t72 H\tDOSES\tLOTS\tLAST SEEN\tNAME")
	for _, s := range rep.Senders {
		doses := int64(0)
		for _, d := range s.Doses {
			doses += d.Doses
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%.1f %%\t%d\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", plain(s.Sender), s.State, s.Records, s.Refused, s.Waiting, 100*s.ErrorRate, s.Events,
			number(s.Median, 1, ""), number(s.Within1, 100, " %"), number(s.Within3, 100, " %"), doses, len(s.Doses), s.LastSeen, plain(s.Name))
	}
	return w.Flush()
}

func number(v *float64, times float64, unit string) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf("%.0f%s", *v*times, unit)
}
