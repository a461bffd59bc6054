package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/pipelines"
)

func warehouseCommand(e *env) *cobra.Command {
	c := &cobra.Command{Use: "warehouse", Short: "Look at the warehouses, rebuild one from the lake, govern the shared one"}
	status := &cobra.Command{
		Use: "status", Short: "How far each warehouse follows the ledger", Args: cobra.NoArgs,
		Example: `  dosebook warehouse status --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := e.openExisting(cmd.Context())
			if err != nil {
				return err
			}
			defer b.close()
			return e.status(cmd.Context(), b)
		},
	}
	rebuild := &cobra.Command{
		Use: "rebuild [duckdb|snowflake]", Short: "Make a warehouse anew from the lake", Args: cobra.MaximumNArgs(1),
		ValidArgs: []string{"duckdb", "snowflake"},
		Long: `Make a warehouse anew from the lake: the local one beside the old one, which it
takes the place of when it is complete; Snowflake's tables in the transaction
of the first load. The answers do not change: the lake is the log.`,
		Example: `  dosebook warehouse rebuild
  dosebook warehouse rebuild snowflake --config dosebook.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := e.openExisting(cmd.Context())
			if err != nil {
				return err
			}
			defer b.close()
			if len(args) == 0 || args[0] == "duckdb" {
				return e.rebuild(cmd, b)
			}
			if args[0] != "snowflake" {
				return fmt.Errorf("%q is not a warehouse: say duckdb or snowflake: %w", args[0], dose.ErrInvalid)
			}
			return e.follow(cmd.Context(), b, true)
		},
	}
	follow := &cobra.Command{
		Use: "follow", Short: "Bring Snowflake up to the ledger now", Args: cobra.NoArgs,
		Long: `Bring Snowflake up to the ledger now. Every command that loads does this too,
when it is done; here a failure is the command's own (exit 6: Snowflake is away).`,
		Example: `  dosebook warehouse follow --config dosebook.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := e.openExisting(cmd.Context())
			if err != nil {
				return err
			}
			defer b.close()
			if err := e.follow(cmd.Context(), b, false); err != nil {
				return err
			}
			e.keepMap(cmd.Context(), b)
			return nil
		},
	}
	c.AddCommand(status, rebuild, follow, planCommand(e), applyCommand(e), policyCommand(e), costCommand(e))
	return c
}

func (e *env) rebuild(cmd *cobra.Command, b *book) (err error) {
	ctx := cmd.Context()
	lease, err := pipelines.Acquire(b.dir, "warehouse rebuild", e.now())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lease.Release()) }()
	path := filepath.Join(b.dir, "warehouse.duckdb")
	next := path + ".next"
	for _, old := range []string{next, next + ".wal"} {
		if err := os.RemoveAll(old); err != nil {
			return err
		}
	}
	w, err := e.warehouse(ctx, b, next)
	if err != nil {
		return err
	}
	if err := errors.Join(e.runner(b, w).Follow(ctx, nil), w.Close()); err != nil {
		return err
	}
	// A log of the old file would be replayed into the new one.
	if err := errors.Join(os.RemoveAll(path+".wal"), os.Rename(next, path)); err != nil {
		return err
	}
	e.say("the warehouse was rebuilt from the lake")
	return nil
}
