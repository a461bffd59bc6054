package serve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// figures are those of a release's pages by place, kept in the folder of
// made files so that a server that starts again need not count them again.
type figures map[dose.Place]*dashboards.County

var errNotKept = errors.New("no figures are kept")

// program is the hash of the program that runs: another may count otherwise,
// and trusts nothing that this one counted. Empty: it can't be known.
func program() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	is, err := measure(path)
	if err != nil {
		return ""
	}
	return is.SHA256[:16]
}

// keptOrder names the file of a release's figures; source stands for all files
// that they are counted from.
func (s *server) keptOrder(m *release.Manifest) (o order, from []release.File, ok bool) {
	by := s.program()
	if by == "" || s.Made == "" {
		return o, nil, false
	}
	h := sha256.New()
	for _, f := range m.Files {
		name := filepath.Base(filepath.FromSlash(f.Path))
		if slices.Contains([]string{"county_day.parquet", "county_demographic_day.parquet", "dose.parquet", "dose_event.parquet"}, name) {
			from = append(from, f)
			fmt.Fprintf(h, "%s %s\n", f.SHA256, f.Path)
		}
	}
	return order{rel: m.ID + "/pages-" + by, source: hex.EncodeToString(h.Sum(nil))}, from, len(from) > 0
}

// counted are a place's figures: kept in memory, or on the disk, or counted now.
func (s *server) counted(ctx context.Context, m *release.Manifest, place dose.Place) (*dashboards.County, error) {
	return once(s.views, "county "+m.ID+" "+string(place), func() (*dashboards.County, error) {
		if c := s.keptCounty(m, place); c != nil {
			return c, nil
		}
		return s.countCounty(ctx, m, place)
	})
}

// keptCounty is a place's figures as they were kept, or nil. What is damaged
// counts as not kept.
func (s *server) keptCounty(m *release.Manifest, place dose.Place) *dashboards.County {
	all, err := once(s.views, "kept "+m.ID, func() (figures, error) {
		o, _, ok := s.keptOrder(m)
		if !ok {
			return nil, errNotKept
		}
		was, whole, err := s.made.look(o)
		if err != nil || !whole {
			return nil, errNotKept
		}
		text, err := os.ReadFile(filepath.Join(s.Made, filepath.FromSlash(o.rel)))
		if sum := sha256.Sum256(text); err != nil || hex.EncodeToString(sum[:]) != was.SHA256 {
			return nil, errNotKept
		}
		var all figures
		return all, json.Unmarshal(text, &all)
	})
	if err != nil {
		return nil
	}
	return all[place]
}

// keepAll keeps the figures of all places of a release. They stay for good, so
// each file that they were counted from must be the released one.
func (s *server) keepAll(ctx context.Context, m *release.Manifest, all figures) error {
	o, from, ok := s.keptOrder(m)
	if !ok {
		return nil
	}
	o.build = func(ctx context.Context, dst string) (int64, error) {
		for _, f := range from {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			if is, err := measure(filepath.Join(s.Releases.Dir, m.ID, filepath.FromSlash(f.Path))); err != nil || is.SHA256 != f.SHA256 {
				return 0, fmt.Errorf("%s is not the file of the manifest; run 'dosebook verify'", f.Path)
			}
		}
		text, err := json.Marshal(all)
		if err != nil {
			return 0, err
		}
		return int64(len(all)), os.WriteFile(dst, text, 0o600)
	}
	_, err := s.made.get(ctx, o)
	return err
}
