package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/pipelines"
)

func backupCommand(e *env) *cobra.Command {
	var o backupOptions
	c := &cobra.Command{
		Use:   "backup DIR",
		Short: "Copy the data directory, whatever is running",
		Long: `Copy all that can't be made again to DIR: ledger, access and audit, payloads,
lake, releases, keys. It is consistent while a load, a build or a server runs,
and incremental: a file that DIR has by content is not copied again. The
warehouse and the formats made of releases are left out: they are made again.

DIR holds identified records and, unless told otherwise, the signing key: keep
it as safe as the data directory (docs/BACKUP.md).`,
		Example: `  dosebook backup /mnt/backup/dosebook
  dosebook backup --keep 30 /mnt/backup/dosebook
  dosebook backup --verify /mnt/backup/dosebook`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.verify {
				return e.verifyBackup(openBackups(args[0]))
			}
			return e.backup(cmd.Context(), openBackups(args[0]), o)
		},
	}
	c.Flags().BoolVar(&o.noKey, "no-private-key", false, "leave the signing key out; a restored directory needs 'release key rotate'")
	c.Flags().IntVar(&o.keep, "keep", 0, "afterwards forget all but the newest `N` snapshots (default: keep all)")
	c.Flags().BoolVar(&o.verify, "verify", false, "copy nothing; prove every file of the newest snapshot")
	return c
}

type backupOptions struct {
	noKey, verify bool
	keep          int
}

// backedUp is the JSON of backup.
type backedUp struct {
	snapshot
	Count    int   `json:"files"`
	Bytes    int64 `json:"bytes"`
	New      int   `json:"new_files"`
	NewBytes int64 `json:"new_bytes"`
	Removed  int   `json:"removed_objects"`
}

func (e *env) backup(ctx context.Context, to backups, o backupOptions) (err error) {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	if inside(to.dir, b.dir) {
		return fmt.Errorf("the backup can't lie in the data directory: %w", dose.ErrInvalid)
	}
	lease, err := pipelines.Acquire(to.dir, "backup", e.now())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lease.Release()) }()
	if err := durable.Sweep(to.dir); err != nil {
		return err
	}
	if err := b.access.Audit(ctx, access.Entry{User: who(), Action: "backup", Outcome: "allowed"}); err != nil {
		return err
	}
	t := &taking{e: e, b: b, to: to, noKey: o.noKey}
	if err := t.take(ctx); err != nil {
		return err
	}
	x := backedUp{snapshot: t.s, Count: len(t.s.Files), Bytes: t.s.bytes(), New: t.added, NewBytes: t.addedBytes}
	if o.keep > 0 {
		if x.Removed, err = to.prune(o.keep); err != nil {
			return err
		}
	}
	if e.json {
		x.snapshot.Files, x.Folders = nil, nil
		return e.printJSON(x)
	}
	e.say("snapshot %s: ledger entry %d, %d releases, %d files, %d bytes; %d files, %d bytes of them new",
		x.ID, x.LedgerSeq, len(x.Releases), x.Count, x.Bytes, x.New, x.NewBytes)
	return nil
}

// inside says whether path is dir or lies in it.
func inside(path, dir string) bool {
	p, err1 := filepath.Abs(path)
	d, err2 := filepath.Abs(dir)
	rel, err3 := filepath.Rel(d, p)
	return errors.Join(err1, err2, err3) == nil && filepath.IsLocal(rel)
}

func (e *env) verifyBackup(from backups) error {
	s, err := from.load("")
	if err != nil {
		return err
	}
	bad := from.verify(s)
	if e.json {
		err = e.printJSON(map[string]any{"snapshot": s.ID, "files": len(s.Files), "bytes": s.bytes(), "bad": append([]string{}, bad...)})
	}
	for _, name := range bad {
		e.say("BAD  %s", name)
	}
	e.say("snapshot %s: %d files, %d bytes; %d damaged or missing", s.ID, len(s.Files), s.bytes(), len(bad))
	if len(bad) > 0 {
		err = errors.Join(err, errors.New("the backup is not whole; remove the named objects, then run 'dosebook backup' again: it copies what is missing"))
	}
	return err
}
