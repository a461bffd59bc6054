package pipelines

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/extract"
)

// Published is the format of feeds that bring published totals: tables to hold
// the store against ('dosebook reconcile published'), never records. What they
// bring is kept in the feed's folder published, and enters no ledger.
const Published = "published"

// keepPublished keeps each payload whole under its name. The table of a later
// day takes the place of one of the same name.
func (f *Feeds) keepPublished(feed *Feed, got extract.Fetched) (*Report, error) {
	dir := filepath.Join(f.folder(feed), Published)
	if err := errors.Join(os.MkdirAll(dir, 0o700), durable.Sweep(dir)); err != nil {
		return nil, err
	}
	rep := &Report{}
	for _, p := range got.Payloads {
		to := filepath.Join(dir, filepath.Base(cmp.Or(p.Name, p.Path)))
		if err := copyFile(p.Path, to); err != nil {
			return nil, fmt.Errorf("keep %s: %w", filepath.Base(to), err)
		}
		_, sum, err := durable.Hash(to)
		if err != nil {
			return nil, err
		}
		rep.Payloads = append(rep.Payloads, Payload{Path: to, SHA256: sum, Registry: feed.Registry, Format: Published})
	}
	return rep, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := durable.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Abort()
		return err
	}
	return out.Commit()
}
