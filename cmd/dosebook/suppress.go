package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/release/suppress"
)

// suppressRun is what dosebook suppress was asked for.
type suppressRun struct {
	rules, out, report string
	attack             bool
}

func suppressCommand(e *env) *cobra.Command {
	var r suppressRun
	c := &cobra.Command{
		Use: "suppress TABLE.csv --rules RULES.yaml --out OUT.csv", Short: "Hide what is small in a table of counts, so that nobody can work it out", Args: cobra.ExactArgs(1),
		Long: `Hide small counts in any table, and what else must be hidden so that no total,
linked column, running sum or difference gives them away; every statistic made
from a hidden count goes with it. The rules say what the columns are: see
docs/PUBLIC.md. For each hidden count there is a proof that it could be any
number from 1 to 10, and the table is attacked before it is written.

With --attack nothing is hidden: the report says what an outsider can work out
from a table that is published already, with its empty cells.

The report (JSON) names line and column of what is hidden and why. It holds no
hidden count and may be published.`,
		Example: `  dosebook suppress counts.csv --rules rules.yaml --out public.csv --report why.json
  dosebook suppress published.csv --rules rules.yaml --attack`,
		RunE: func(cmd *cobra.Command, args []string) error { return e.suppress(cmd.Context(), args[0], r) },
	}
	f := c.Flags()
	f.StringVar(&r.rules, "rules", "", "what the columns are and what must be hidden (YAML)")
	f.StringVar(&r.out, "out", "", "write the table to publish to `FILE`")
	f.StringVar(&r.report, "report", "", "write what was hidden and why to `FILE`")
	f.BoolVar(&r.attack, "attack", false, "say what an outsider can work out of a published table; hide nothing")
	_ = c.MarkFlagRequired("rules")
	return c
}

func (e *env) suppress(ctx context.Context, path string, r suppressRun) error {
	if r.out == "" && !r.attack {
		return fmt.Errorf("--out FILE is missing: say where the table to publish goes, or --attack to hide nothing: %w", dose.ErrInvalid)
	}
	sheet, err := openSheet(path, r)
	if err != nil {
		return err
	}
	if r.attack {
		report, err := sheet.Attack(ctx)
		if err != nil {
			return err
		}
		return e.tellAttack(report, r)
	}
	table, report, err := sheet.Suppress(ctx, suppress.Options{})
	if report != nil {
		err = errors.Join(err, e.writeReport(report, r))
	}
	if err != nil {
		return fmt.Errorf("%s: nothing was written to %s: %w", path, r.out, err)
	}
	var text bytes.Buffer
	if err := table.WriteCSV(&text); err != nil {
		return err
	}
	if err := durable.WriteFile(r.out, text.Bytes()); err != nil {
		return err
	}
	return e.tellSuppressed(report, r)
}

func openSheet(path string, r suppressRun) (*suppress.Sheet, error) {
	text, err := os.ReadFile(r.rules)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, dose.ErrInvalid)
	}
	rules, err := suppress.ReadRules(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.rules, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, dose.ErrInvalid)
	}
	defer f.Close()
	table, err := suppress.ReadCSV(f, path)
	if err != nil {
		return nil, err
	}
	return suppress.Build(table, rules, r.attack)
}

func (e *env) writeReport(report *suppress.Report, r suppressRun) error {
	if r.report == "" {
		return nil
	}
	text, err := json.MarshalIndent(report, "", " ")
	if err != nil {
		return err
	}
	return durable.WriteFile(r.report, append(text, '\n'))
}

func (e *env) tellSuppressed(report *suppress.Report, r suppressRun) error {
	if e.json {
		return e.printJSON(report)
	}
	why := map[string]int{}
	for _, h := range report.Hidden {
		why[h.Why]++
	}
	e.say("%s: %d of %d counts hidden in %d rows", r.out, len(report.Hidden), report.Cells, report.Rows)
	for _, k := range []string{"primary", "complementary", "additional"} {
		if why[k] > 0 {
			e.say("  %7d %s", why[k], k)
		}
	}
	e.say("proof: %d other tables that agree with what is shown; attacked %d cells, none bounded more narrowly than the rule allows", report.Witnesses, report.Attacked)
	if len(report.Withheld) > 0 {
		e.say("given up, since no proof was found beside the days: %s", strings.Join(report.Withheld, ", "))
	}
	e.tellBroken(report)
	return nil
}

func (e *env) tellBroken(report *suppress.Report) {
	for _, b := range report.Broken {
		e.say("rule %s does not hold %d times, first on line %d: those are no relations that bound anything exactly", b.Rule, b.Count, b.Line)
	}
}

// tellAttack ends with exit 5 when the table tells too much.
func (e *env) tellAttack(report *suppress.Report, r suppressRun) error {
	if err := e.writeReport(report, r); err != nil {
		return err
	}
	if e.json {
		if err := e.printJSON(report); err != nil {
			return err
		}
	}
	const few = 20
	for i, l := range report.Leaks {
		if i == few {
			e.say("  … and %d more; --report FILE has all", len(report.Leaks)-few)
			break
		}
		if l.Why == "shown" {
			e.say("  line %d, %s: a small count is shown", l.Line, l.Column)
		} else {
			e.say("  line %d, %s: can be told to be %s", l.Line, l.Column, span(l))
		}
	}
	e.tellBroken(report)
	if n := len(report.Leaks); n > 0 {
		return fmt.Errorf("%s: %d counts of 1 to 10 can be seen or worked out; give the table before suppression to dosebook suppress: %w", report.Table, n, dose.ErrHeld)
	}
	e.say("%s: %d hidden counts attacked, none bounded more narrowly than the rule allows", report.Table, report.Attacked)
	return nil
}

func span(l suppress.Leak) string {
	if l.High < 0 {
		return fmt.Sprintf("%.4g or more", l.Low)
	}
	if l.High-l.Low < 1e-6 {
		return fmt.Sprintf("%.4g", l.Low)
	}
	return fmt.Sprintf("%.4g to %.4g", l.Low, l.High)
}
