package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/control"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/pipelines"
)

// taking is one snapshot in the making. The order makes it consistent while
// others write: releases first, then the ledger, which is then at least where
// they are; then the files that these name, which never change.
type taking struct {
	e          *env
	b          *book
	to         backups
	work       string // scratch, in the backup
	noKey      bool
	s          snapshot
	before     map[string]kept // of the snapshot before, for files that never change
	added      int
	addedBytes int64
}

func (t *taking) take(ctx context.Context) error {
	t.before = map[string]kept{}
	if last, err := t.to.load(""); err == nil { // a damaged one only costs time
		for _, f := range last.Files {
			t.before[f.Path] = f
		}
	}
	work, err := durable.MkdirPart(filepath.Join(t.to.dir, "work"))
	if err != nil {
		return err
	}
	defer work.Abort()
	t.work = work.Dir
	decided, err := t.decisions()
	if err != nil {
		return err
	}
	ledger, err := t.control(ctx)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{t.releases, t.raw, t.others} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := t.log(ctx, ledger); err != nil {
		return err
	}
	for _, name := range decided {
		if err := t.file("releases/"+name, filepath.Join(t.work, name), ""); err != nil {
			return err
		}
	}
	slices.SortFunc(t.s.Files, func(a, b kept) int { return strings.Compare(a.Path, b.Path) })
	t.s.At = t.e.now().UTC()
	t.s.ID = fmt.Sprintf("%s-%d", t.s.At.Format("20060102T150405.000Z"), t.s.LedgerSeq)
	t.e.progress("")
	return t.to.save(&t.s)
}

// file takes one file of the data directory; from is where its bytes are.
func (t *taking) file(rel, from, sum string) error {
	k, added, err := t.to.keep(from, sum)
	if err != nil {
		return fmt.Errorf("back up %s: %w", rel, err)
	}
	k.Path = rel
	t.s.Files = append(t.s.Files, k)
	if added {
		t.added++
		t.addedBytes += k.Bytes
		t.e.progress("%d files, %d bytes copied", t.added, t.addedBytes)
	}
	return nil
}

// decisions sets aside what can change of the releases: the gate's records and
// the pointer to the latest. It returns their names.
func (t *taking) decisions() (names []string, err error) {
	ids, err := t.b.store.List()
	if err != nil {
		return nil, err
	}
	t.s.Releases = append([]string{}, ids...)
	root := t.b.store.Dir
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), durable.Prefix) {
			continue
		}
		if err := copyInto(t.work, root, e.Name()); err != nil {
			return nil, err
		}
		names = append(names, e.Name())
	}
	return names, nil
}

// control copies the control database as of one moment, and returns what its
// ledger names.
func (t *taking) control(ctx context.Context) ([]pipelines.Known, error) {
	path := filepath.Join(t.work, "control.db")
	if _, err := t.b.db.ExecContext(ctx, "vacuum into ?", path); err != nil {
		return nil, fmt.Errorf("copy control.db: %w", err)
	}
	db, err := control.Open(ctx, t.work)
	if err != nil {
		return nil, err
	}
	ledger := pipelines.NewLedger(db)
	known, err := ledger.List(ctx, 0)
	if err == nil {
		t.s.LedgerSeq, err = ledger.Position(ctx)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return known, t.file("control.db", path, "")
}

// releases takes every file of the releases that were there. One that
// retention removes meanwhile is left out, with the record that says so.
func (t *taking) releases(ctx context.Context) error {
	for _, id := range slices.Clone(t.s.Releases) {
		had := len(t.s.Files)
		err := t.release(ctx, id)
		if err == nil {
			continue
		}
		if g, gerr := t.b.store.Gate(id); gerr != nil || g.Pruned == nil {
			return err
		}
		t.s.Files = t.s.Files[:had]
		t.s.Releases = slices.DeleteFunc(t.s.Releases, func(x string) bool { return x == id })
		if err := copyInto(t.work, t.b.store.Dir, id+".gate.json"); err != nil {
			return err
		}
		if latest, err := os.ReadFile(filepath.Join(t.work, "latest")); err == nil && string(latest) == id {
			return fmt.Errorf("release %s was the latest and was removed meanwhile; run backup again: %w", id, dose.ErrLocked)
		}
	}
	return nil
}

// copyInto copies a small file that may be replaced at any time.
func copyInto(to, from, name string) error {
	text, err := os.ReadFile(filepath.Join(from, name))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, name), text, 0o600)
}

func (t *taking) release(ctx context.Context, id string) error {
	m, err := t.b.store.Manifest(id)
	if err != nil {
		return err
	}
	root, err := t.b.store.Path(id)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		sum := t.before["releases/"+id+"/"+rel].SHA256
		if f, ok := m.File(rel); ok {
			sum = f.SHA256
		}
		return t.file("releases/"+id+"/"+rel, path, sum)
	})
}

var hashForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// raw takes all payloads: those of the ledger, and those that wait.
func (t *taking) raw(ctx context.Context) error {
	return t.walk(ctx, "raw", func(rel, path string) error {
		if sum := filepath.Base(path); hashForm.MatchString(sum) {
			return t.file(rel, path, sum)
		}
		return nil
	})
}

// log takes the segments that the ledger names, and makes sure of its payloads.
func (t *taking) log(ctx context.Context, ledger []pipelines.Known) error {
	taken := map[string]bool{}
	for _, f := range t.s.Files {
		taken[f.SHA256] = true
	}
	for _, k := range ledger {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !taken[k.SHA256] {
			return fmt.Errorf("payload %s is missing; run 'dosebook verify'", k.SHA256[:16])
		}
		for _, f := range k.Files {
			path := filepath.Join(t.b.lake.Dir, filepath.FromSlash(f.Path))
			if err := t.file("lake/"+f.Path, path, f.SHA256); err != nil {
				return err
			}
		}
	}
	return nil
}

// others takes what else there is, but for what is made again.
func (t *taking) others(ctx context.Context) error {
	entries, err := os.ReadDir(t.b.dir)
	if err != nil {
		return err
	}
	skip := []string{"control.db", "warehouse.duckdb", "lease", "raw", "lake", "releases", "made"}
	for _, e := range entries {
		name := e.Name()
		if slices.Contains(skip, name) || strings.HasPrefix(name, "control.db-") || strings.HasPrefix(name, "warehouse.duckdb.") || strings.HasPrefix(name, durable.Prefix) {
			continue
		}
		if err := t.walk(ctx, name, t.other); err != nil {
			return err
		}
	}
	return t.walk(ctx, "made/extracts", t.other) // the questions, so that permalinks stay
}

func (t *taking) other(rel, path string) error {
	private := rel == "keys/release.ed25519"
	if private && t.noKey {
		return nil
	}
	t.s.PrivateKey = t.s.PrivateKey || private
	err := t.file(rel, path, "")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nobody's promise: it was removed meanwhile
	}
	return err
}

func (t *taking) folder(path string) error {
	rel, err := filepath.Rel(t.b.dir, path)
	t.s.Folders = append(t.s.Folders, filepath.ToSlash(rel))
	return err
}

// walk calls f for the regular files below a folder of the data directory, if
// it is there, or for the one file that has the name.
func (t *taking) walk(ctx context.Context, name string, f func(rel, path string) error) error {
	return filepath.WalkDir(filepath.Join(t.b.dir, filepath.FromSlash(name)), func(path string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if strings.HasPrefix(e.Name(), durable.Prefix) && e.IsDir() {
			return filepath.SkipDir
		}
		if left, err := os.ReadDir(path); e.IsDir() && err == nil && len(left) == 0 {
			return t.folder(path)
		}
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), durable.Prefix) {
			return nil
		}
		rel, err := filepath.Rel(t.b.dir, path)
		if err != nil {
			return err
		}
		return f(filepath.ToSlash(rel), path)
	})
}
