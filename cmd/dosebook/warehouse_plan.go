package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/snowflake"
)

// account returns the configuration of Snowflake, or dose.ErrNotFound.
func (e *env) account() (snowflake.Config, error) {
	c := e.config.Warehouse.Snowflake
	if !c.Set() {
		return c, fmt.Errorf("no Snowflake is configured; give --config FILE with warehouse.snowflake (docs/SNOWFLAKE.md): %w", dose.ErrNotFound)
	}
	return c, nil
}

func planCommand(e *env) *cobra.Command {
	var unload, into string
	c := &cobra.Command{
		Use: "plan", Short: "Print the statements that govern the Snowflake account", Args: cobra.NoArgs,
		Long: `Print the statements that bring the Snowflake account to what this dosebook's
configuration says: roles, grants, policies, views, shares, tasks, alerts. It
asks the account nothing. With --unload it prints the statements that unload a
place's events to a folder instead, for somebody who has a grant for the place.`,
		Example: `  dosebook warehouse plan --config dosebook.yaml
  dosebook warehouse plan --unload 06081 --into /out/06081 --config dosebook.yaml`,
		RunE: func(*cobra.Command, []string) error {
			conf, err := e.account()
			if err != nil {
				return err
			}
			if unload != "" || into != "" {
				return e.planUnload(conf, unload, into)
			}
			plan, err := snowflake.Plan(conf)
			if err != nil {
				return err
			}
			if e.json {
				return e.printJSON(plan)
			}
			role := ""
			for i, s := range plan {
				if s.Role != role {
					role = s.Role
					e.say("use role %s;\n", role)
				}
				e.say("-- %d of %d, %s\n%s;\n", i+1, len(plan), s.Slot, s.Text)
			}
			return nil
		},
	}
	c.Flags().StringVar(&unload, "unload", "", "a `PLACE`: five digits, berkeley, long-beach, pasadena")
	c.Flags().StringVar(&into, "into", "", "the `FOLDER` that its files go to")
	return c
}

func (e *env) planUnload(c snowflake.Config, place, into string) error {
	if place == "" || into == "" {
		return fmt.Errorf("--unload PLACE and --into FOLDER go together: %w", dose.ErrInvalid)
	}
	p, err := dose.ParsePlace(place)
	if err != nil {
		return fmt.Errorf("--unload: %w", err)
	}
	all, err := snowflake.Unload(c, p, into)
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(all)
	}
	e.say("%s;", strings.Join(all, ";\n\n"))
	return nil
}

func applyCommand(e *env) *cobra.Command {
	var role string
	var emulator bool
	c := &cobra.Command{
		Use: "apply", Short: "Apply the plan to the Snowflake account", Args: cobra.NoArgs,
		Long: `Apply the statements of 'warehouse plan' in order, one at a time. Each is noted in
the account when it is done. At the first that fails it stops, and says its
number, its file and Snowflake's query id; the same command goes on there. What
was applied is not repeated, unless it or a statement before it has changed.

The views need tables: load once ('warehouse follow') where apply says so.
Some statements need ACCOUNTADMIN; --role says as whom to sign in.`,
		Example: `  dosebook warehouse apply --role ACCOUNTADMIN --config dosebook.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, err := e.account()
			if err != nil {
				return err
			}
			return e.apply(cmd.Context(), conf, role, emulator)
		},
	}
	c.Flags().StringVar(&role, "role", "", "`ROLE` to sign in with (default: the configuration's)")
	c.Flags().BoolVar(&emulator, "emulator", false, "leave out, and say, what an emulator of Snowflake can't run; never for an account")
	return c
}

func (e *env) apply(ctx context.Context, c snowflake.Config, role string, emulator bool) (err error) {
	if emulator && c.Protocol != "http" {
		return fmt.Errorf("--emulator is for an emulator on this machine (protocol: http): on an account nothing is left out: %w", dose.ErrInvalid)
	}
	plan, err := snowflake.Plan(c)
	if err != nil {
		return err
	}
	g, err := snowflake.OpenGovernor(ctx, c, role, snowflake.Options{Now: e.now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	type line struct {
		Number  int    `json:"number"`
		Slot    string `json:"slot"`
		Outcome string `json:"outcome"`
		Why     string `json:"why,omitempty"`
		QueryID string `json:"query_id,omitempty"`
	}
	all, count := []line{}, map[string]int{}
	err = g.Apply(ctx, plan, snowflake.ApplyOptions{Emulator: emulator, Each: func(o snowflake.Outcome) error {
		all = append(all, line{o.Number, o.Slot, o.Outcome, o.Why, o.QueryID})
		count[o.Outcome]++
		switch o.Outcome {
		case snowflake.Done:
			e.say("%d of %d  %s  done, query %s", o.Number, o.Of, o.Slot, o.QueryID)
		case snowflake.LeftOut:
			e.say("%d of %d  %s  left out: %s", o.Number, o.Of, o.Slot, o.Why)
		}
		return nil
	}})
	e.say("%d of %d statements done, %d stood already, %d left out", count[snowflake.Done], len(plan), count[snowflake.Stands], count[snowflake.LeftOut])
	if e.json {
		err = errors.Join(err, e.printJSON(struct {
			Statements []line `json:"statements"`
			Of         int    `json:"of"`
		}{all, len(plan)}))
	}
	return err
}
