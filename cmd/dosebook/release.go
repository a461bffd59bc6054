package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/release"
)

func releaseCommand(e *env) *cobra.Command {
	c := &cobra.Command{Use: "release", Short: "Make and list releases"}
	var asOf int64
	var from string
	build := &cobra.Command{
		Use:   "build",
		Short: "Make the files of all counties from what is loaded",
		Long: `Make an immutable release: for each county its dose events, doses and
recipients, and the tables around them, with a manifest of rows, bytes and
SHA-256. The same ledger position built again is the same release, byte by
byte. --as-of goes back to an earlier position.

--from snowflake takes the rows from there instead of from the local warehouse
and the lake, and gives the same bytes. Of a release that is there already it
proves that: it is built again beside it, and compared.

The gate then holds it against the release before and against itself: it ends
ready and is the latest, or held (exit 5) until a steward approves it, or failed
(exit 1). docs/RELEASES.md has the checks and their limits.`,
		Example: `  dosebook release build
  dosebook release build --as-of 41 --json
  dosebook release build --from snowflake --config dosebook.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := e.buildFromAny(cmd.Context(), from, asOf)
			if err != nil {
				return err
			}
			if e.json {
				if err := e.printJSON(m); err != nil {
					return err
				}
			} else {
				e.say("release %s: %d files, %s", m.ID, len(m.Files), m.Status)
			}
			return m.outcome()
		},
	}
	build.Flags().Int64Var(&asOf, "as-of", 0, "ledger position (default: all that is loaded)")
	build.Flags().StringVar(&from, "from", "duckdb", "warehouse: duckdb or snowflake")
	list := &cobra.Command{
		Use: "list", Short: "List the releases", Args: cobra.NoArgs,
		Example: `  dosebook release list --json`,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.listReleases(cmd.Context()) },
	}
	show := &cobra.Command{
		Use: "show [ID]", Short: "Show the manifest of a release, the newest by default", Args: cobra.MaximumNArgs(1),
		Example: `  dosebook release show --json | jq '.files[] | select(.path | contains("06001"))'`,
		RunE:    func(cmd *cobra.Command, args []string) error { return e.showRelease(cmd.Context(), args) },
	}
	c.AddCommand(build, list, show, releaseApprove(e), releaseHold(e), releaseDiffCommand(e), releaseVerify(e), releasePrune(e), releaseKey(e), releasePublic(e))
	return c
}

// asOfPrefix starts the folders of warehouses that are built to look back.
const asOfPrefix = ".part-as-of-"

// buildFromAny makes the release of a warehouse.
func (e *env) buildFromAny(ctx context.Context, from string, asOf int64) (built, error) {
	switch from {
	case "duckdb":
		return e.build(ctx, asOf)
	case "snowflake":
		return e.buildFromSnowflake(ctx, asOf)
	}
	return built{}, fmt.Errorf("--from %q is not a warehouse: say duckdb or snowflake: %w", from, dose.ErrInvalid)
}

// build makes the release of a ledger position, 0 for the newest. An earlier
// one is made from a warehouse of its own, rebuilt from the lake.
func (e *env) build(ctx context.Context, asOf int64) (x built, err error) {
	b, err := e.openExisting(ctx)
	if err != nil {
		return x, err
	}
	defer b.close()
	var m *release.Manifest
	err = e.writing(ctx, "release build", b, func(w *duckdb.DB) (err error) {
		m, err = e.buildFrom(ctx, b, w, asOf)
		return err
	})
	if err != nil {
		return x, err
	}
	return b.withGate(m)
}

func (e *env) buildFrom(ctx context.Context, b *book, w *duckdb.DB, asOf int64) (*release.Manifest, error) {
	last, err := b.ledger.Position(ctx)
	if err != nil {
		return nil, err
	}
	if asOf < 0 || asOf > last {
		return nil, fmt.Errorf("--as-of %d: the ledger goes from 1 to %d: %w", asOf, last, dose.ErrNotFound)
	}
	if asOf == 0 || asOf == last {
		asOf = last
		if err := e.runner(b, w).Follow(ctx, nil); err != nil {
			return nil, err
		}
	} else {
		dir, err := os.MkdirTemp(b.dir, asOfPrefix)
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		if w, err = e.warehouse(ctx, b, filepath.Join(dir, "warehouse.duckdb")); err != nil {
			return nil, err
		}
		defer w.Close()
		if err := e.runner(b, w).FollowTo(ctx, asOf); err != nil {
			return nil, err
		}
	}
	segments, err := b.segments(ctx, asOf)
	if err != nil {
		return nil, err
	}
	judge, err := e.judge(ctx, b)
	if err != nil {
		return nil, err
	}
	key, err := b.keys().Open(e.now())
	if err != nil {
		return nil, err
	}
	// 200 MB less at 5 million rows, for a few per cent of the CPU.
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	m, err := release.Build(ctx, b.store, b.lake, w, segments, release.Options{Workers: e.config.Workers, Key: key, Judge: judge,
		Progress: func(done, total int64) { e.progress("county files: %d of %d rows", done, total) }})
	e.progress("")
	if err != nil || asOf != last {
		return m, err
	}
	return m, e.publish(ctx, b, m, key)
}

func (e *env) listReleases(ctx context.Context) error {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	ids, err := b.store.List()
	if err != nil {
		return err
	}
	latest, _ := b.store.Latest() // none is fine
	type row struct {
		ID     string `json:"id"`
		Seq    int64  `json:"ledger_seq"`
		Status string `json:"status"`
		Files  int    `json:"files"`
		Latest bool   `json:"latest"`
	}
	rows := []row{}
	for _, id := range ids {
		m, err := b.store.Manifest(id)
		if err != nil {
			return err
		}
		rows = append(rows, row{id, m.LedgerSeq, m.Status, len(m.Files), id == latest})
	}
	if e.json {
		return e.printJSON(rows)
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tLEDGER\tSTATUS\tFILES\t")
	for _, r := range rows {
		mark := ""
		if r.Latest {
			mark = "latest"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\n", r.ID, r.Seq, r.Status, r.Files, mark)
	}
	return w.Flush()
}

func (e *env) showRelease(ctx context.Context, args []string) error {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	id := ""
	if len(args) > 0 {
		id = args[0]
	} else if id, err = b.store.Latest(); err != nil {
		return err
	}
	m, err := b.store.Manifest(id)
	if err != nil {
		return err
	}
	x, err := b.withGate(m)
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(x)
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "release %s, ledger position %d, %s\nROWS\tBYTES\tSHA-256\tFILE\n", m.ID, m.LedgerSeq, m.Status)
	for _, f := range m.Files {
		fmt.Fprintf(w, "%d\t%d\t%s…\t%s\n", f.Rows, f.Bytes, f.SHA256[:16], f.Path)
	}
	err = errors.Join(w.Flush(), e.printGate(x.Gate))
	if x.Public != nil {
		fmt.Fprintln(e.out, "\nPUBLIC TABLES")
		err = errors.Join(err, printHolds(e.out, x.Public))
	}
	return err
}
