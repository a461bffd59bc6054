package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/release"
	"github.com/dosebook/dosebook/serve"
)

// changesMaker compares releases with DuckDB, one engine a call. What does not
// fit into memory goes beside dst.
type changesMaker struct{ store release.Store }

var _ serve.ChangesMaker = changesMaker{}

func (c changesMaker) Pair(ctx context.Context, since, id, dst string) (rows int64, err error) {
	err = c.engine(ctx, since, id, dst, "", func(r *duckdb.Reader) error {
		if err := c.store.Pair(ctx, r, since, id, dst); err != nil {
			return err
		}
		rows, err = release.Rows(dst)
		return err
	})
	return rows, err
}

func (c changesMaker) Changes(ctx context.Context, step release.Step, dst string) (rows int64, err error) {
	err = c.engine(ctx, step.From, step.To, dst, filepath.Dir(step.Pair), func(r *duckdb.Reader) error {
		rows, err = c.store.Changes(ctx, r, step, filepath.Dir(dst), dst)
		return err
	})
	return rows, err
}

// engine runs f with an engine that reads both releases and the folder more,
// and writes beside dst.
func (c changesMaker) engine(ctx context.Context, since, id, dst, more string, f func(*duckdb.Reader) error) (err error) {
	files, folders, err := c.store.DiffFiles(since, id)
	if err != nil {
		return err
	}
	if more != "" {
		folders = append(folders, more)
	}
	r, err := duckdb.NewReader(ctx, release.DiffViews, files, append(folders, filepath.Dir(dst)), queryMemoryMB)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return f(r)
}
