package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/load/snowflake"
)

func policyCommand(e *env) *cobra.Command {
	c := &cobra.Command{Use: "policy", Short: "The table by which Snowflake's policies decide who sees what", Long: `The table by which Snowflake's policies decide who sees what: a line for each
user, place and level, from the grants of 'dosebook access'. With keep_map in
the configuration it follows each load and each change of access by itself.`}
	diff := &cobra.Command{
		Use: "diff", Short: "How the table differs from the grants (exit 1 when it does)", Args: cobra.NoArgs,
		Example: `  dosebook warehouse policy diff --json --config dosebook.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.policy(cmd.Context(), func(ctx context.Context, _ *book, g *snowflake.Governor, want []snowflake.MapRow) error {
				d, err := g.Drift(ctx, want)
				if err != nil {
					return err
				}
				if err := e.showDrift(d, "missing", "too much"); err != nil || d.None() {
					return err
				}
				return fmt.Errorf("the mapping table is not in step; run 'dosebook warehouse policy sync'")
			})
		},
	}
	sync := &cobra.Command{
		Use: "sync", Short: "Bring the table in step with the grants", Args: cobra.NoArgs,
		Example: `  dosebook warehouse policy sync --config dosebook.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.policy(cmd.Context(), func(ctx context.Context, b *book, g *snowflake.Governor, want []snowflake.MapRow) error {
				d, err := b.syncMap(ctx, g, want)
				if err != nil {
					return err
				}
				return e.showDrift(d, "added", "taken away")
			})
		},
	}
	c.AddCommand(diff, sync)
	return c
}

// showDrift prints at most as many lines of a kind as a person reads.
func (e *env) showDrift(d snowflake.Drift, missing, extra string) error {
	if e.json {
		return e.printJSON(d)
	}
	const most = 20
	for _, kind := range []struct {
		what string
		rows []snowflake.MapRow
	}{{missing, d.Missing}, {extra, d.Extra}} {
		for i, r := range kind.rows {
			if i == most {
				e.say("%s: and %d more (--json has all)", kind.what, len(kind.rows)-most)
				break
			}
			e.say("%s: %s may see %s at level %d until %s (grant %d)", kind.what, r.Principal, r.Place, r.Level, r.Until.Format(time.RFC3339), r.Grant)
		}
	}
	e.say("%d lines %s, %d %s, %d as they were", len(d.Missing), missing, len(d.Extra), extra, d.Same)
	return nil
}

// policy calls f with the account and the lines that the grants make.
func (e *env) policy(ctx context.Context, f func(context.Context, *book, *snowflake.Governor, []snowflake.MapRow) error) (err error) {
	c, err := e.account()
	if err != nil {
		return err
	}
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	return e.mapping(ctx, b, c, f)
}

func (e *env) mapping(ctx context.Context, b *book, c snowflake.Config, f func(context.Context, *book, *snowflake.Governor, []snowflake.MapRow) error) (err error) {
	want, left, err := b.mapRows(ctx)
	if err != nil {
		return err
	}
	for _, user := range left {
		e.note("%s and another user differ by case only, and would be one in Snowflake: neither is mapped", user)
	}
	g, err := snowflake.OpenGovernor(ctx, c, "", snowflake.Options{Now: e.now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	return f(ctx, b, g, want)
}

// mapRows are the lines that the grants make now.
func (b *book) mapRows(ctx context.Context) (want []snowflake.MapRow, left []string, err error) {
	rows, left, err := b.access.Map(ctx)
	for _, r := range rows {
		want = append(want, snowflake.MapRow{Principal: r.Principal, Place: r.Place, Level: int64(r.Level), From: r.From, Until: r.Until, Grant: r.Grant})
	}
	return want, left, err
}

// syncMap writes the table, and what it changed into the audit. Grants that
// changed meanwhile are seen before it ends: else one that was revoked, and
// taken away by another sync, could come back with this one.
func (b *book) syncMap(ctx context.Context, g *snowflake.Governor, want []snowflake.MapRow) (d snowflake.Drift, err error) {
	d = snowflake.Drift{Missing: []snowflake.MapRow{}, Extra: []snowflake.MapRow{}}
	for {
		changed, err := g.Sync(ctx, want)
		if err != nil {
			return d, err
		}
		d = snowflake.Drift{Missing: append(d.Missing, changed.Missing...), Extra: append(d.Extra, changed.Extra...), Same: changed.Same}
		now, _, err := b.mapRows(ctx)
		if err != nil {
			return d, err
		}
		if slices.Equal(now, want) {
			break
		}
		want = now
	}
	if d.None() {
		return d, nil
	}
	return d, b.access.Audit(ctx, access.Entry{User: who(), Action: "sync warehouse map", Outcome: "done",
		Detail: fmt.Sprintf("%d lines added, %d taken away", len(d.Missing), len(d.Extra))})
}

// keepMap brings the mapping table in step after a load or a change of access,
// where the configuration asks for it. A Snowflake that is away is left alone
// and said: the next load or change tries again.
func (e *env) keepMap(ctx context.Context, b *book) {
	c := e.config.Warehouse.Snowflake
	if !c.Set() || !c.Govern.KeepMap || ctx.Err() != nil {
		return
	}
	was, err := b.snowflakeHeard()
	if err == nil && was.Error != "" && e.now().Sub(was.Tried) < awayFor {
		err = fmt.Errorf("it was away %s ago", e.now().Sub(was.Tried).Truncate(time.Second))
	}
	if err == nil {
		err = e.mapping(ctx, b, c, func(ctx context.Context, b *book, g *snowflake.Governor, want []snowflake.MapRow) error {
			_, err := b.syncMap(ctx, g, want)
			return err
		})
	}
	if err != nil {
		e.note("who may see what was not brought to Snowflake; run 'dosebook warehouse policy sync': %v", err)
	}
}
