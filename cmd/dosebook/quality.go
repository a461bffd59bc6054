package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/release"
)

// qualityFinding is what a set-wise check found.
type qualityFinding struct {
	Code     string  `json:"code"`
	Severity string  `json:"severity"`
	Registry string  `json:"registry"`
	Sender   string  `json:"sender,omitempty"`
	County   string  `json:"county,omitempty"`
	Day      string  `json:"day"`
	Until    string  `json:"until"`
	Events   int64   `json:"events"`
	Figure   float64 `json:"figure"`
	Expected float64 `json:"expected"`
	Unit     string  `json:"unit"`
	Says     string  `json:"says"`
	Remedy   string  `json:"remedy"`
}

// scorecard is the sum of a sender's days, or of one of them.
type scorecard struct {
	Registry string           `json:"registry"`
	Sender   string           `json:"sender"`
	Day      string           `json:"day,omitempty"`
	Counts   map[string]int64 `json:"counts"` // the columns of quality_day
}

// quality is the JSON of the command.
type quality struct {
	Release  string           `json:"release"`
	From     string           `json:"from,omitempty"`
	To       string           `json:"to,omitempty"`
	Findings []qualityFinding `json:"findings"`
	Cards    []scorecard      `json:"scorecards"`
	columns  []string
}

// qualityAsk is what a quality command is asked for.
type qualityAsk struct {
	release, registry, sender, from, to, by string
}

func qualityCommand(e *env) *cobra.Command {
	var ask qualityAsk
	var format string
	c := &cobra.Command{
		Use:   "quality",
		Short: "What is wrong with a feed as a whole, and scorecards of registries and senders",
		Long: `Show what only many records together show (a sender that swaps month and day, a
day that is missing, deletes that no longer come), then scorecards: how
complete, valid, timely and unique the records are. It reads a release; --from
and --to are days of first report. --by says what a scorecard is of: registry,
sender or day (of each sender). docs/QUALITY.md has every figure and check.`,
		Example: `  dosebook quality
  dosebook quality --registry CAIR2 --by sender --format csv > senders.csv
  dosebook quality --json | jq '.findings[] | select(.severity == "ERROR") | .says'
  dosebook quality sender 900001 --out card.html`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if e.json && !cmd.Flags().Changed("format") {
				format = "json"
			}
			write, ok := map[string]func(*quality) error{"text": e.qualityText, "json": func(q *quality) error { return e.printJSON(q) }, "csv": e.qualityCSV}[format]
			if !ok {
				return fmt.Errorf("--format %q is not one of text, json, csv: %w", format, dose.ErrInvalid)
			}
			q, err := e.quality(cmd.Context(), ask)
			if err != nil {
				return err
			}
			return write(q)
		},
	}
	f := c.Flags()
	f.StringVar(&ask.by, "by", "registry", "a scorecard for each registry, sender or day")
	f.StringVar(&format, "format", "text", "text, json or csv (the scorecards alone)")
	for _, s := range []*cobra.Command{c} {
		s.PersistentFlags().StringVar(&ask.registry, "registry", "", "of this registry only")
		s.PersistentFlags().StringVar(&ask.from, "from", "", "first `DAY` of report")
		s.PersistentFlags().StringVar(&ask.to, "to", "", "last `DAY` of report")
		s.PersistentFlags().StringVar(&ask.release, "release", "", "release `ID` (default: the newest approved one)")
	}
	f.StringVar(&ask.sender, "sender", "", "of this sender only")
	c.AddCommand(qualitySenderCommand(e, &ask))
	return c
}

func qualitySenderCommand(e *env, ask *qualityAsk) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "sender ID", Short: "Write a sender's own scorecard as a file that can be sent to it", Args: cobra.ExactArgs(1),
		Long: `Write the scorecard of one sender: what was found, its figures beside those of
its registry, and each day. --out ending in .html is a page, in .csv a table.
The file names nobody else.`,
		Example: `  dosebook quality sender 900001 --registry CAIR2 --out scorecard.html`,
		RunE: func(cmd *cobra.Command, args []string) error {
			write, ok := map[string]func([]*quality) ([]byte, error){".html": cardHTML, ".csv": cardCSV}[strings.ToLower(filepath.Ext(out))]
			if !ok {
				return fmt.Errorf("--out is a file that ends in .html or .csv: %w", dose.ErrInvalid)
			}
			ask.sender = args[0]
			b, err := e.card(cmd.Context(), *ask, write)
			if err != nil {
				return err
			}
			abs, err := filepath.Abs(out)
			if err != nil {
				return err
			}
			if err := durable.WriteFile(abs, b); err != nil {
				return err
			}
			e.say("%s", out)
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", "`FILE` to write (required)")
	_ = c.MarkFlagRequired("out")
	return c
}

// card makes the file of one sender: its sum, its days, and its registry's sum.
func (e *env) card(ctx context.Context, ask qualityAsk, write func([]*quality) ([]byte, error)) ([]byte, error) {
	var parts []*quality
	for _, by := range []string{"sender", "day"} {
		ask.by = by
		q, err := e.quality(ctx, ask)
		if err != nil {
			return nil, err
		}
		parts = append(parts, q)
	}
	switch n := len(parts[0].Cards); {
	case n == 0:
		return nil, fmt.Errorf("no sender %q in release %s: %w", ask.sender, parts[0].Release, dose.ErrNotFound)
	case n > 1:
		return nil, fmt.Errorf("several registries know a sender %q; say which with --registry: %w", ask.sender, dose.ErrInvalid)
	}
	ask.by, ask.registry, ask.sender = "registry", parts[0].Cards[0].Registry, ""
	q, err := e.quality(ctx, ask)
	if err != nil {
		return nil, err
	}
	return write(append(parts, q))
}

// check refuses what cannot be asked.
func (a qualityAsk) check() error {
	for _, day := range []string{a.from, a.to} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return fmt.Errorf("--from and --to are dates as YYYY-MM-DD: %w", dose.ErrInvalid)
		}
	}
	if !slices.Contains([]string{"registry", "sender", "day"}, a.by) {
		return fmt.Errorf("--by %q is not one of registry, sender, day: %w", a.by, dose.ErrInvalid)
	}
	return nil
}

// quality asks a release's tables. Findings are made anew, by the thresholds
// of the configuration.
func (e *env) quality(ctx context.Context, ask qualityAsk) (_ *quality, err error) {
	if err := ask.check(); err != nil {
		return nil, err
	}
	b, err := e.openExisting(ctx)
	if err != nil {
		return nil, err
	}
	defer b.close()
	q := &quality{Release: ask.release, From: ask.from, To: ask.to, Findings: []qualityFinding{}, Cards: []scorecard{}}
	if q.Release == "" {
		if q.Release, err = b.store.Latest(); err != nil {
			return nil, err
		}
	}
	root, err := b.store.Path(q.Release)
	if err != nil {
		return nil, err
	}
	if _, err := b.store.Manifest(q.Release); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "quality_day.parquet")); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("release %s holds no figures of quality: it has no events, or was built before there were any: %w", q.Release, dose.ErrNotFound)
	}
	tmp, err := os.MkdirTemp("", "dosebook-quality-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	files := map[string][]string{"quality_day": {filepath.Join(root, "quality_day.parquet")}}
	r, err := duckdb.NewReader(ctx, "queries/quality_views.sql", files, []string{root, tmp}, max(e.config.Warehouse.MemoryMB, 500))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	query, err := release.FindingQuery(root, e.config.Quality)
	if err != nil {
		return nil, err
	}
	return q, errors.Join(q.findings(ctx, r, ask, query), q.cards(ctx, r, ask))
}

// findings reads those that touch what was asked. A sender is also told what
// its whole registry is, but for what other senders did.
func (q *quality) findings(ctx context.Context, r *duckdb.Reader, ask qualityAsk, query string) error {
	rows, err := r.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var f qualityFinding
		var day, until time.Time
		var figure, expected int64
		var label string
		if err := rows.Scan(&f.Code, &f.Severity, &f.Registry, &f.Sender, &f.County, &day, &until, &f.Events, &figure, &expected, &f.Unit, &label, &f.Says, &f.Remedy); err != nil {
			return err
		}
		f.Day, f.Until = day.Format(time.DateOnly), until.Format(time.DateOnly)
		f.Figure, f.Expected = float64(figure)/10, float64(expected)/10
		switch {
		case ask.registry != "" && f.Registry != ask.registry, ask.sender != "" && f.Sender != ask.sender:
		case ask.from != "" && f.Until < ask.from, ask.to != "" && f.Day > ask.to:
		default:
			q.Findings = append(q.Findings, f)
		}
	}
	return rows.Err()
}

// cards reads the scorecards.
func (q *quality) cards(ctx context.Context, r *duckdb.Reader, ask qualityAsk) error {
	var where []string
	for _, w := range []struct{ text, value string }{
		{"registry = %s", ask.registry}, {"sender = %s", ask.sender}, {"day >= %s::date", ask.from}, {"day <= %s::date", ask.to},
	} {
		if w.value != "" {
			where = append(where, fmt.Sprintf(w.text, sqlText(w.value)))
		}
	}
	with := strings.NewReplacer("{where}", strings.Join(append(where, "true"), " and "),
		"{sender}", map[string]string{"registry": "''", "sender": "sender", "day": "sender"}[ask.by], "{day}", map[string]string{"registry": "''", "sender": "''", "day": "day::varchar"}[ask.by])
	return askRows(ctx, r, "quality_cards", with, func(rows *sql.Rows) error {
		names, err := rows.Columns()
		if err != nil {
			return err
		}
		q.columns = names[3:]
		card := scorecard{Counts: map[string]int64{}}
		counts := make([]sql.NullInt64, len(q.columns))
		to := []any{&card.Registry, &card.Sender, &card.Day}
		for i := range counts {
			to = append(to, &counts[i])
		}
		if err := rows.Scan(to...); err != nil {
			return err
		}
		for i, n := range counts {
			if n.Valid {
				card.Counts[q.columns[i]] = n.Int64
			}
		}
		q.Cards = append(q.Cards, card)
		return nil
	})
}
