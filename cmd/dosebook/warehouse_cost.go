package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/snowflake"
)

func costCommand(e *env) *cobra.Command {
	runs := 20
	c := &cobra.Command{
		Use: "cost", Short: "What loads into Snowflake consumed", Args: cobra.NoArgs,
		Long: `What the last loads into Snowflake consumed: statements, time, bytes scanned. The
ids of the queries (--json) lead to credits in the account's own history.`,
		Example: `  dosebook warehouse cost --runs 5 --json --config dosebook.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if runs < 1 {
				return fmt.Errorf("--runs is 1 or more: %w", dose.ErrInvalid)
			}
			conf, err := e.account()
			if err != nil {
				return err
			}
			g, err := snowflake.OpenGovernor(cmd.Context(), conf, "", snowflake.Options{Now: e.now})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, g.Close()) }()
			all, err := g.Costs(cmd.Context(), runs)
			if err != nil {
				return err
			}
			if e.json {
				return e.printJSON(all)
			}
			for _, c := range all {
				bytes := "bytes not known"
				if c.Bytes != nil {
					bytes = fmt.Sprintf("%.1f MB scanned", float64(*c.Bytes)/1e6)
				}
				e.say("%s  entries %d to %d  %d rows  %d statements  %s  %s", pacific(c.At), c.First, c.Last, c.Rows, c.Statements,
					time.Duration(c.Elapsed*float64(time.Second)).Round(time.Millisecond), bytes)
			}
			return nil
		},
	}
	c.Flags().IntVar(&runs, "runs", runs, "how many `RUNS`, the newest first")
	return c
}
