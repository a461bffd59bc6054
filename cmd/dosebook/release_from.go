package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/load/snowflake"
	"github.com/dosebook/dosebook/pipelines"
	"github.com/dosebook/dosebook/release"
)

// buildFromSnowflake makes the release of the newest ledger position of the
// rows that lie in Snowflake: what it says of each event, and the events
// themselves. The local warehouse is not asked. A release that is there
// already is built again beside it, and must have the same bytes.
func (e *env) buildFromSnowflake(ctx context.Context, asOf int64) (x built, err error) {
	b, err := e.openExisting(ctx)
	if err != nil {
		return x, err
	}
	defer b.close()
	last, err := b.ledger.Position(ctx)
	if err != nil {
		return x, err
	}
	if asOf != 0 && asOf != last {
		return x, fmt.Errorf("--as-of %d: Snowflake is at ledger entry %d, and goes back to no other; leave --from out: %w", asOf, last, dose.ErrInvalid)
	}
	lease, err := pipelines.Acquire(b.dir, "release build --from snowflake", e.now())
	if err != nil {
		return x, err
	}
	defer func() { err = errors.Join(err, lease.Release()) }()
	if err := errors.Join(b.sweep(), e.follow(ctx, b, false)); err != nil {
		return x, err
	}
	dir, err := os.MkdirTemp(b.dir, asOfPrefix)
	if err != nil {
		return x, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c := &snowCopy{env: e, book: b, dir: dir, lake: load.Lake{Dir: filepath.Join(dir, "lake")}}
	w, err := c.fetch(ctx, last)
	if err != nil {
		return x, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	m, err := c.build(ctx, w, last)
	if err != nil {
		return x, err
	}
	return b.withGate(m)
}

// snowCopy is what Snowflake says of a ledger position, in files of this
// machine: a lake and a warehouse of their own. It is scratch: a release's
// queries read the rows several times, and files of the lake beside them.
type snowCopy struct {
	*env
	book     *book
	dir      string
	lake     load.Lake
	segments []release.Segment
}

// fetch brings the rows of ledger position last. The position is asked before
// and after: no load of another machine may have come between.
func (c *snowCopy) fetch(ctx context.Context, last int64) (_ *duckdb.DB, err error) {
	if c.segments, err = c.book.segments(ctx, last); err != nil {
		return nil, err
	}
	from, err := c.snowflake(ctx, c.book)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if err := c.stands(ctx, from, last); err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, table := range duckdb.ReleaseTables() {
		path := filepath.Join(c.dir, table+".parquet")
		if err := from.Export(ctx, "select * from "+table, path); err != nil {
			return nil, err
		}
		files[table] = path
	}
	for i := range c.segments {
		if err := c.segment(ctx, from, &c.segments[i]); err != nil {
			return nil, err
		}
		c.progress("rows from Snowflake: %d of %d segments", i+1, len(c.segments))
	}
	c.progress("")
	if err := c.stands(ctx, from, last); err != nil {
		return nil, err
	}
	w, err := c.warehouse(ctx, c.book, filepath.Join(c.dir, "warehouse.duckdb"))
	if err != nil {
		return nil, err
	}
	if err := w.Fill(ctx, last, files); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	for _, path := range files {
		err = errors.Join(err, os.Remove(path))
	}
	return w, err
}

func (c *snowCopy) stands(ctx context.Context, from *snowflake.DB, last int64) error {
	at, err := from.Position(ctx)
	if err == nil && at != last {
		err = fmt.Errorf("the rows in Snowflake stand at ledger entry %d, not %d: another load came between; build again: %w", at, last, dose.ErrLocked)
	}
	return err
}

// segment brings the events of a segment. Its other files, such as refused
// records, lie nowhere but in the lake.
func (c *snowCopy) segment(ctx context.Context, from *snowflake.DB, s *release.Segment) error {
	own, err := c.book.lake.Folder(s.Registry, s.Segment)
	if err != nil {
		return err
	}
	folder, err := c.lake.Folder(s.Registry, s.Segment)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if own, err = filepath.Abs(own); err != nil {
		return err
	}
	files := append([]load.File(nil), s.Files...)
	for i, f := range files {
		name := filepath.Base(filepath.FromSlash(f.Path))
		if name != load.EventFile {
			if err := os.Symlink(filepath.Join(own, name), filepath.Join(folder, name)); err != nil {
				return err
			}
			continue
		}
		groups, err := c.book.lake.RowGroups(s.Registry, s.Segment)
		if err != nil {
			return err
		}
		if files[i], err = from.Segment(ctx, s.Entry, groups, filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	s.Files = files
	return nil
}

// build makes the release, or holds the one that is there against what
// Snowflake says.
func (c *snowCopy) build(ctx context.Context, w *duckdb.DB, last int64) (*release.Manifest, error) {
	judge, err := c.judge(ctx, c.book)
	if err != nil {
		return nil, err
	}
	key, err := c.book.keys().Open(c.now())
	if err != nil {
		return nil, err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	o := release.Options{Workers: c.config.Workers, Key: key, Judge: judge,
		Progress: func(done, total int64) { c.progress("county files: %d of %d rows", done, total) }}
	defer c.progress("")
	there, err := c.book.store.Manifest(release.ID(last, c.segments))
	if err == nil {
		if there.Status, err = c.book.store.Status(there.ID); err != nil {
			return nil, err
		}
		return there, c.compare(ctx, w, there, o)
	}
	if !errors.Is(err, dose.ErrNotFound) && !errors.Is(err, dose.ErrGone) {
		return nil, err
	}
	m, err := release.Build(ctx, c.book.store, c.lake, w, c.segments, o)
	if err != nil {
		return nil, err
	}
	return m, c.publish(ctx, c.book, m, key)
}

// compare builds the release once more, beside it, and wants its bytes.
func (c *snowCopy) compare(ctx context.Context, w *duckdb.DB, there *release.Manifest, o release.Options) error {
	beside := release.Store{Dir: filepath.Join(c.dir, "releases")}
	if err := os.MkdirAll(beside.Dir, 0o700); err != nil {
		return err
	}
	m, err := release.Build(ctx, beside, c.lake, w, c.segments, o)
	if err != nil {
		return err
	}
	want := map[string]release.File{}
	for _, f := range there.Files {
		want[f.Path] = f
	}
	var differ []string
	for _, f := range m.Files {
		if want[f.Path] != f {
			differ = append(differ, f.Path)
		}
		delete(want, f.Path)
	}
	for path := range want {
		differ = append(differ, path)
	}
	if len(differ) > 0 {
		return fmt.Errorf("release %s was built before, and has other bytes than one from Snowflake in %d of %d files, such as %s: rebuild one of the warehouses", there.ID, len(differ), len(there.Files), differ[0])
	}
	c.say("release %s was there; built again from Snowflake, its %d files have the same bytes", there.ID, len(m.Files))
	return nil
}
