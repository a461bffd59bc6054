package release

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/load"
)

// proveSegments hashes the files of the segments and holds them against what
// the ledger says: a flipped bit must not become part of what is signed.
func proveSegments(ctx context.Context, lake load.Lake, segments []Segment, workers int) error {
	var g errgroup.Group
	g.SetLimit(max(1, workers))
	for _, s := range segments {
		for _, f := range s.Files {
			g.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				n, sum, err := durable.Hash(filepath.Join(lake.Dir, filepath.FromSlash(f.Path)))
				if err == nil && (n != f.Bytes || sum != f.SHA256) {
					err = errors.New("it has other bytes than when it was loaded")
				}
				if err != nil {
					return fmt.Errorf("lake file %s is damaged (%w); restore it from a backup, then build again: nothing was released", f.Path, err)
				}
				return nil
			})
		}
	}
	return g.Wait()
}
