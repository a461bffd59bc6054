package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/load/duckdb"
)

func restoreCommand(e *env) *cobra.Command {
	var id string
	c := &cobra.Command{
		Use:   "restore DIR",
		Short: "Make a data directory from a backup",
		Long: `Make the data directory (--data) from a snapshot in DIR, by default the newest,
and prove it: every file is hashed on the way, the warehouse is made anew from
the lake, then all is checked as 'dosebook verify --deep' does. The data
directory must not exist, or be empty; it appears whole or not at all.`,
		Example: `  dosebook restore /mnt/backup/dosebook --data ./restored`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.restore(cmd.Context(), openBackups(args[0]), id)
		},
	}
	c.Flags().StringVar(&id, "snapshot", "", "`ID` of the snapshot (default: the newest)")
	return c
}

// restored is the JSON of restore.
type restored struct {
	Snapshot   string          `json:"snapshot"`
	LedgerSeq  int64           `json:"ledger_seq"`
	Releases   []string        `json:"releases"`
	PrivateKey bool            `json:"private_key"`
	Files      int             `json:"files"`
	Bytes      int64           `json:"bytes"`
	Verify     json.RawMessage `json:"verify"`
}

func (e *env) restore(ctx context.Context, from backups, id string) error {
	s, err := from.load(id)
	if err != nil {
		return err
	}
	if err := e.vacant(); err != nil {
		return err
	}
	if err := e.unpack(ctx, from, s); err != nil {
		return err
	}
	if err := e.settle(ctx, s); err != nil {
		return fmt.Errorf("the files are restored, the warehouse is not ('dosebook warehouse rebuild'): %w", err)
	}
	var out bytes.Buffer
	deep := *e
	deep.out, deep.json = &out, true
	bad := deep.verify(ctx, true)
	if e.json {
		return errors.Join(e.printJSON(restored{s.ID, s.LedgerSeq, s.Releases, s.PrivateKey, len(s.Files), s.bytes(), out.Bytes()}), bad)
	}
	e.say("%s is snapshot %s: ledger entry %d, %d releases, %d files, %d bytes", e.data, s.ID, s.LedgerSeq, len(s.Releases), len(s.Files), s.bytes())
	if !s.PrivateKey {
		e.say("the signing key is not in this backup: put keys/release.ed25519 back, or run 'dosebook release key rotate'")
	}
	if bad == nil {
		e.say("verify --deep: all of it is whole")
	}
	return bad
}

// vacant makes sure that nothing is overwritten.
func (e *env) vacant() error {
	names, err := os.ReadDir(e.data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(names) == 0 {
		return os.Remove(e.data)
	}
	return fmt.Errorf("%s is there already; give --data a folder that is not, or is empty: %w", e.data, dose.ErrInvalid)
}

// unpack writes all files of the snapshot, whole or not at all.
func (e *env) unpack(ctx context.Context, from backups, s *snapshot) error {
	part, err := durable.MkdirPart(filepath.Clean(e.data))
	if err != nil {
		return err
	}
	defer part.Abort()
	var done int64
	for _, f := range s.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return fmt.Errorf("snapshot %s: %q leads out of the folder: %w", s.ID, f.Path, dose.ErrInvalid)
		}
		if err := from.copyTo(f, filepath.Join(part.Dir, filepath.FromSlash(f.Path))); err != nil {
			return fmt.Errorf("%w; try another snapshot (--snapshot)", err)
		}
		done += f.Bytes
		e.progress("%d of %d bytes", done, s.bytes())
	}
	e.progress("")
	for _, name := range s.Folders {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("snapshot %s: %q leads out of the folder: %w", s.ID, name, dose.ErrInvalid)
		}
		if err := os.MkdirAll(filepath.Join(part.Dir, filepath.FromSlash(name)), 0o700); err != nil {
			return err
		}
	}
	return part.Commit()
}

// settle enters the restore in the audit and makes the warehouse.
func (e *env) settle(ctx context.Context, s *snapshot) error {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.access.Audit(ctx, access.Entry{User: who(), Action: "restore", Outcome: "allowed", Detail: s.ID}); err != nil {
		return err
	}
	return e.writing(ctx, "restore", b, func(w *duckdb.DB) error { return e.runner(b, w).Follow(ctx, nil) })
}
