package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
)

func warehouseCommand(e *env) *cobra.Command {
	c := &cobra.Command{Use: "warehouse", Short: "Look at the warehouse, or rebuild it from the lake"}
	status := &cobra.Command{
		Use: "status", Short: "How far the warehouse follows the ledger", Args: cobra.NoArgs,
		Example: `  dosebook warehouse status --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := e.openExisting(cmd.Context())
			if err != nil {
				return err
			}
			defer b.close()
			return e.writing(cmd.Context(), "warehouse status", b, func(w *duckdb.DB) error {
				at, err := w.Position(cmd.Context())
				if err != nil {
					return err
				}
				last, err := b.ledger.Position(cmd.Context())
				if err != nil {
					return err
				}
				if e.json {
					return e.printJSON(map[string]any{"warehouse": "duckdb", "position": at, "ledger": last, "behind": last - at})
				}
				e.say("duckdb is at ledger entry %d of %d", at, last)
				return nil
			})
		},
	}
	rebuild := &cobra.Command{
		Use: "rebuild", Short: "Make the warehouse anew from the lake", Args: cobra.NoArgs,
		Long: `Make the warehouse anew from the lake, beside the old one, and put it in its
place when it is complete. The answers do not change: the lake is the log.`,
		Example: `  dosebook warehouse rebuild`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := e.openExisting(cmd.Context())
			if err != nil {
				return err
			}
			defer b.close()
			return e.rebuild(cmd, b)
		},
	}
	c.AddCommand(status, rebuild)
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
