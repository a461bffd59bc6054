package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
)

func verifyCommand(e *env) *cobra.Command {
	var deep bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Prove that everything that is kept is whole",
		Long: `Hash every file that is kept (payloads, lake, releases) and compare it with what
was written down when it was made, and check the audit's chain. --deep also
checks the invariants of the warehouse, and that it is where the ledger is; it
needs the writer's lease for that.`,
		Example: `  dosebook verify
  dosebook verify --deep --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.verify(cmd.Context(), deep) },
	}
	c.Flags().BoolVar(&deep, "deep", false, "check the warehouse's invariants too")
	return c
}

// verified is the JSON of verify.
type verified struct {
	pipelines.Verified
	Releases int   `json:"releases"`
	Audit    int64 `json:"audit_entries"`
}

func (e *env) verify(ctx context.Context, deep bool) error {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	v := verified{}
	if v.Verified, err = pipelines.Verify(ctx, b.raw, b.lake, b.ledger); err != nil {
		return err
	}
	if err := v.releases(b); err != nil {
		return err
	}
	if v.Audit, err = b.access.VerifyAudit(ctx); err != nil {
		v.Bad = append(v.Bad, err.Error())
	}
	if deep {
		err := e.writing(ctx, "verify --deep", b, func(w *duckdb.DB) error { return v.warehouse(ctx, b, w) })
		if err != nil {
			return err
		}
	}
	if e.json {
		if v.Bad == nil {
			v.Bad = []string{}
		}
		if err := e.printJSON(v); err != nil {
			return err
		}
	} else {
		for _, bad := range v.Bad {
			e.say("BAD  %s", bad)
		}
		e.say("%d records were refused, %d of them replayed; %d wait", v.Refused, v.Replayed, v.Waiting)
		e.say("%d files, %d bytes, %d releases, %d audit entries checked; %d problems", v.Files, v.Bytes, v.Releases, v.Audit, len(v.Bad))
	}
	if len(v.Bad) > 0 {
		return errors.New("what is kept is not whole; restore the named files from a backup, or rebuild releases and warehouse from the lake")
	}
	return nil
}

func (v *verified) releases(b *book) error {
	ids, err := b.store.List()
	if err != nil {
		return err
	}
	if v.Bad = append(v.Bad, b.keys().Check()...); len(ids) > 0 {
		if latest := b.store.VerifyLatest(); latest != "" {
			v.Bad = append(v.Bad, latest)
		}
	}
	keys, err := b.keys().Public()
	if err != nil && len(ids) > 0 {
		v.Bad = append(v.Bad, "signatures of releases can't be checked: "+err.Error())
	}
	for _, id := range ids {
		bad, files, bytes, err := b.store.Verify(id, keys)
		if err != nil {
			bad = append(bad, err.Error())
		}
		v.Releases++
		v.Files += int64(files)
		v.Bytes += bytes
		v.Bad = append(v.Bad, bad...)
	}
	return nil
}

func (v *verified) warehouse(ctx context.Context, b *book, w *duckdb.DB) error {
	at, err := w.Position(ctx)
	if err != nil {
		return err
	}
	last, err := b.ledger.Position(ctx)
	if err != nil {
		return err
	}
	if at != last {
		v.Bad = append(v.Bad, fmt.Sprintf("the warehouse is at ledger entry %d of %d; the next ingest or release build catches up", at, last))
	}
	found, err := w.Check(ctx)
	if err != nil {
		return err
	}
	for what, n := range found {
		v.Bad = append(v.Bad, fmt.Sprintf("warehouse: %s: %d", what, n))
	}
	return nil
}
