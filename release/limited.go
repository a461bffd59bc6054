package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/dosebook/dosebook/dose"
)

// limitedFolder is where a release keeps what proves the limited data sets of
// its places, one folder a place, beside the places' own: whoever holds one of
// the two folders has all that its manifest lists, and nothing else.
const limitedFolder = "limited"

// limited hashes the limited data set of each place, without keeping it, and
// signs it: Limit makes the same bytes of the same file, so that what is made
// when somebody asks can be held against the hash (ADR 0020). It returns the
// manifests' entries for the root.
func (b *builder) limited(ctx context.Context, m *Manifest, places [][]File) ([]File, error) {
	out := make([]File, len(places))
	var g errgroup.Group
	g.SetLimit(max(1, b.options.Workers))
	for i, p := range dose.Places() {
		g.Go(func() error {
			pm := *m
			pm.Place, pm.Level, pm.Files = string(p), dose.Limited.String(), nil
			for _, f := range places[i] {
				l, err := limitedFile(ctx, b.dir, f)
				if err != nil {
					return fmt.Errorf("limited form of %s: %w", f.Path, err)
				}
				pm.Files = append(pm.Files, l)
			}
			err := os.MkdirAll(filepath.Join(b.dir, filepath.FromSlash(pm.Folder())), 0o700)
			if err != nil {
				return err
			}
			out[i], err = writeManifest(b.dir, pm.Folder(), &pm, b.options.Key)
			return err
		})
	}
	return out, g.Wait()
}

// limitedFile says what Limit makes of a place's file.
func limitedFile(ctx context.Context, dir string, f File) (File, error) {
	src, p, err := openParquet(filepath.Join(dir, filepath.FromSlash(f.Path)))
	if err != nil {
		return File{}, err
	}
	defer src.Close()
	table := filepath.Base(f.Path)
	sum := sha256.New()
	out := &offsetWriter{w: sum}
	cols := dose.Profile(tableColumns(strings.TrimSuffix(table, ".parquet")), dose.Limited)
	meta, err := moveColumns(ctx, src, *p.Metadata(), cols, out)
	if err != nil {
		return File{}, err
	}
	place := filepath.Base(filepath.Dir(filepath.FromSlash(f.Path)))
	return File{Path: limitedFolder + "/" + place + "/" + table, Bytes: out.n, SHA256: hex.EncodeToString(sum.Sum(nil)), Rows: meta.NumRows}, nil
}

// LimitedManifest reads the manifest of one place's limited data set. Releases
// before schema 6 have none.
func (s Store) LimitedManifest(id string, place dose.Place) (*Manifest, error) {
	return s.read(id, limitedFolder, string(place), manifestName)
}
