package serve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// ChangesMaker makes the changes between two releases. The same releases must
// give the same bytes. It is called from several goroutines; dst and what it
// writes beside it are removed when it fails.
type ChangesMaker interface {
	// Pair writes what the changes of all places need to know of each other.
	Pair(ctx context.Context, since, id, dst string) (rows int64, err error)
	// Changes writes one place's changes, Parquet.
	Changes(ctx context.Context, step release.Step, dst string) (rows int64, err error)
}

// changeFormats are those of changes files.
var changeFormats = []string{"parquet", "csv.gz"}

// changes sends what a place's dose_event changed by since the release that
// the caller names: made when first asked, for all who ask for the same step.
func (s *server) changes(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	return s.changesAt(w, r, p, built)
}

// changesAt sends the changes of the files of a level.
func (s *server) changesAt(w http.ResponseWriter, r *http.Request, p access.Principal, level dose.Level) error {
	place, err := dose.ParsePlace(r.PathValue("fips"))
	if err != nil {
		return err
	}
	id, since, format := r.PathValue("id"), r.URL.Query().Get("since"), strings.TrimPrefix(path.Base(r.URL.Path), "changes.")
	e := access.Entry{Action: "read", Release: id, Place: string(place), File: below(level) + "changes." + format + "?since=" + since}
	scope, err := s.decide(r, p, access.Read, access.Resource{Kind: access.PlaceFiles, Place: place, Level: level}, e)
	if err != nil {
		return s.atLevel(r, p, place, err)
	}
	if since == "" {
		return fmt.Errorf("name the release that you have: changes.%s?since=ID: %w", format, dose.ErrInvalid)
	}
	var ends [2]release.File
	for i, x := range []string{since, id} {
		if ends[i], err = s.events(p, x, place); err != nil {
			return err
		}
	}
	leave, err := s.limit.enter(p.User)
	if err != nil {
		return err
	}
	defer leave()
	allow(w, 3*buildTime, 0) // three things may have to be made
	step := release.Step{From: since, To: id, Place: place}
	rel, is, err := s.step(r.Context(), step, level, format, ends)
	if err != nil {
		return err
	}
	e.Grant = scope.Grant
	return s.sendChanges(w, r, p, e, rel, is)
}

// events is the entry of a place's dose_event in a release that p may see.
func (s *server) events(p access.Principal, id string, place dose.Place) (release.File, error) {
	if err := s.released(p, id); err != nil {
		return release.File{}, err
	}
	m, err := s.Releases.PlaceManifest(id, place)
	if err != nil {
		return release.File{}, err
	}
	f, ok := m.File("counties/" + string(place) + "/dose_event.parquet")
	if !ok {
		return f, fmt.Errorf("release %s has no such file: %w", id, dose.ErrNotFound)
	}
	return f, nil
}

// step makes what is missing of the changes, and says where they are.
func (s *server) step(ctx context.Context, step release.Step, level dose.Level, format string, ends [2]release.File) (rel string, is made, err error) {
	if s.Changes == nil {
		return "", made{}, fmt.Errorf("this server makes no changes; download the files: %w", dose.ErrNotFound)
	}
	since, id := step.From, step.To
	pair := order{rel: path.Join(id, "pair-"+since+".parquet"), source: both(since, id),
		build: func(ctx context.Context, dst string) (int64, error) { return s.Changes.Pair(ctx, since, id, dst) }}
	step.Pair = filepath.Join(s.made.dir, filepath.FromSlash(pair.rel))
	o := order{rel: path.Join(id, string(step.Place), below(level)+"changes-"+since+".parquet"), source: both(ends[0].SHA256, ends[1].SHA256)}
	o.build = func(ctx context.Context, dst string) (int64, error) {
		if level != built {
			if step.Limited, err = s.limitedEnds(ctx, step); err != nil {
				return 0, err
			}
		}
		return s.Changes.Changes(ctx, step, dst)
	}
	if _, whole, err := s.made.look(o); err != nil {
		return "", made{}, err
	} else if !whole {
		if _, err := s.made.get(ctx, pair); err != nil {
			return "", made{}, err
		}
	}
	if is, err = s.made.get(ctx, o); err != nil || format == "parquet" {
		return o.rel, is, err
	}
	src := filepath.Join(s.made.dir, filepath.FromSlash(o.rel))
	o = order{rel: strings.TrimSuffix(o.rel, "parquet") + format, src: src, format: format, source: is.SHA256, rows: is.Rows}
	is, err = s.made.get(ctx, o)
	return o.rel, is, err
}

// limitedEnds makes a place's limited dose_event of both releases where they
// are missing.
func (s *server) limitedEnds(ctx context.Context, step release.Step) (paths [2]string, err error) {
	for i, id := range []string{step.From, step.To} {
		m, err := s.Releases.PlaceManifest(id, step.Place)
		if err == nil {
			_, err = s.tableAt(ctx, m, "dose_event", dose.Limited)
		}
		if err != nil {
			return paths, err
		}
		paths[i] = s.placeOf(m, "dose_event", dose.Limited)
	}
	return paths, nil
}

// both is one name for two.
func both(a, b string) string {
	sum := sha256.Sum256([]byte(a + "\n" + b))
	return hex.EncodeToString(sum[:])
}

func (s *server) sendChanges(w http.ResponseWriter, r *http.Request, p access.Principal, e access.Entry, rel string, is made) error {
	body, err := os.OpenInRoot(s.made.dir, filepath.FromSlash(rel))
	if err != nil {
		return fmt.Errorf("open %s: %v", rel, err) // not "not found": it was just made
	}
	defer body.Close()
	name, _, _ := strings.Cut(e.File, "?")
	_, format, _ := strings.Cut(path.Base(name), ".")
	h := w.Header()
	h.Set("Content-Type", mediaTypes[format])
	h.Set("Content-Disposition", `attachment; filename="`+fileName(access.Entry{Place: e.Place, Release: e.Release, File: name})+`"`)
	h.Set("X-Dosebook-Rows", strconv.FormatInt(is.Rows, 10))
	e.Rows = is.Rows
	return s.send(w, r, p, e, release.File{Path: rel, Bytes: is.Bytes, SHA256: is.SHA256, Rows: is.Rows}, body)
}
