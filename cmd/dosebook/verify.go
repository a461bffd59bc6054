package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
	"github.com/dosebook/dosebook/serve"
)

func verifyCommand(e *env) *cobra.Command {
	var deep bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Prove that everything that is kept is whole",
		Long: `Hash every file that is kept (payloads, lake, releases) and compare it with what
was written down when it was made, and check the audit's chain. --deep also hashes
the files that were made of releases when somebody asked, and checks the
invariants of the warehouse, and that it is where the ledger is; it needs the
writer's lease for that.`,
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
	// The last is the sum; none where another writer holds the warehouse.
	Account []pipelines.Account `json:"account"`
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
	if deep {
		bad, files, bytes, err := serve.VerifyMade(filepath.Join(b.dir, "made"))
		if err != nil {
			return err
		}
		v.Bad, v.Files, v.Bytes = append(v.Bad, bad...), v.Files+int64(files), v.Bytes+bytes
	}
	if v.Audit, err = b.access.VerifyAudit(ctx); err != nil {
		v.Bad = append(v.Bad, err.Error())
	}
	err = e.writing(ctx, "verify", b, func(w *duckdb.DB) error { return v.warehouse(ctx, b, w, deep) })
	switch {
	case errors.Is(err, dose.ErrLocked) && !deep:
		e.note("the account was not made: %v", err)
	case errors.Is(err, dose.ErrLocked), ctx.Err() != nil:
		return err
	case err != nil:
		v.Bad = append(v.Bad, "the warehouse can't be read: "+err.Error())
	}
	return e.printVerified(v)
}

func (e *env) printVerified(v verified) error {
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
		if err := e.printAccount(v.Account); err != nil {
			return err
		}
		e.say("%d records were refused, %d of them replayed, %d given up; %d wait", v.Refused, v.Replayed, v.GivenUp, v.Waiting)
		e.say("%d files, %d bytes, %d releases, %d audit entries checked; %d problems", v.Files, v.Bytes, v.Releases, v.Audit, len(v.Bad))
	}
	if len(v.Bad) > 0 {
		return errors.New("what is kept is not whole; restore the named files from a backup, or rebuild releases and warehouse from the lake")
	}
	return nil
}

func (e *env) printAccount(all []pipelines.Account) error {
	if len(all) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 1, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "REGISTRY\tRECEIVED\t= CURRENT\t+ DUPLICATES\t+ SUPERSEDED\t+ TOMBSTONED\t+ OPEN REJECTS\t+ CLOSED\t+ PENDING\t")
	for _, a := range all {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", a.Registry, a.Received, a.Current, a.Duplicates, a.Superseded, a.Tombstoned, a.Open, a.Closed, a.Pending)
	}
	return w.Flush()
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

// warehouse makes the account; deep also asks for the invariants.
func (v *verified) warehouse(ctx context.Context, b *book, w *duckdb.DB, deep bool) error {
	at, err := w.Position(ctx)
	if err != nil {
		return err
	}
	rows, err := w.Standings(ctx)
	if err != nil {
		return err
	}
	account, bad, err := pipelines.AccountFor(ctx, b.lake, b.ledger, at, rows)
	if err != nil {
		return err
	}
	v.Account = account
	for _, what := range bad {
		if !slices.Contains(v.Bad, what) {
			v.Bad = append(v.Bad, what)
		}
	}
	if !deep {
		return nil
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
