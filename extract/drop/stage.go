package drop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/dosebook/dosebook/durable"
)

// stage is the feed's folder. Each version of a file has a key there:
//
//	KEY.json     which file it is and how far it is surely on disk
//	KEY.part     what has come of it
//	KEY/name     the whole file
//
// sightings.json holds the last listing's unready files.
type stage struct {
	dir   string
	of    string
	every int64 // bytes between checkpoints

	archives bool
	loaded   map[string]bool // keys that only wait for the archive
}

// about is KEY.json.
type about struct {
	Name string `json:"name"`
	stamp
	Opened stamp `json:"opened"` // as the open file told it when the transfer began
	Synced int64 `json:"synced"` // so many bytes of KEY.part have reached the disk
}

// staged is a whole file in the stage.
type staged struct {
	about
	key, path string
}

var (
	// errChanged: the file is not what was listed, or changed while it was read.
	errChanged = errors.New("the file changed while it was read")
	keyName    = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// unreadable is an error of one file, on a source that works otherwise.
type unreadable struct{ error }

func (e unreadable) Unwrap() error { return e.error }

func openStage(dir string, c Config, every int64) (*stage, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &stage{dir: dir, of: c.identity(), every: every, archives: c.After == Archive, loaded: map[string]bool{}}, durable.Sweep(dir)
}

func keyOf(of, name string, s stamp) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%d", of, name, s.Size, s.MTime))
	return hex.EncodeToString(sum[:16])
}

func (s *stage) path(key, end string) string { return filepath.Join(s.dir, key+end) }

func (s *stage) wholePath(key, name string) string {
	return filepath.Join(s.dir, key, path.Base(name))
}

// has says whether that version of the file is whole in the stage.
func (s *stage) has(e entry) bool {
	return exists(s.wholePath(keyOf(s.of, e.name, e.stamp), e.name))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// all lists what the stage holds, whole or not.
func (s *stage) all() ([]staged, error) {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var out []staged
	for _, f := range files {
		key, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok || !keyName.MatchString(key) {
			continue
		}
		x := staged{key: key}
		if err := readJSON(s.path(key, ".json"), &x.about); err != nil {
			return nil, err
		}
		if !fs.ValidPath(x.Name) {
			return nil, fmt.Errorf("%s.json in the feed's folder is damaged: remove it", key)
		}
		x.path = s.wholePath(key, x.Name)
		out = append(out, x)
	}
	return out, nil
}

// whole lists the whole files that are to be loaded.
func (s *stage) whole() ([]staged, error) {
	all, err := s.all()
	var out []staged
	for _, x := range all {
		if !s.loaded[x.key] && exists(x.path) {
			out = append(out, x)
		}
	}
	return out, err
}

// prune removes what is loaded according to the mark, but for what is still
// to be archived, and the beginnings of files that are not listed as they
// were. A whole file that has gone from the box stays: it is not loaded yet.
func (s *stage) prune(p *plan, m mark) error {
	listed := map[string]bool{}
	for _, e := range p.listed {
		listed[keyOf(s.of, e.name, e.stamp)] = true
	}
	all, err := s.all()
	if err != nil {
		return err
	}
	for _, x := range all {
		was, loaded := m.Seen[x.Name]
		loaded = loaded && keyOf(s.of, x.Name, was) == x.key
		whole := exists(x.path)
		_, waits := p.known[x.Name]
		switch {
		case loaded && whole && waits && s.archives:
			s.loaded[x.key] = true
		case loaded || !whole && !listed[x.key]:
			if err := unstage(x.path); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop removes a file from the stage.
func (s *stage) drop(name string, st stamp) error {
	return unstage(s.wholePath(keyOf(s.of, name, st), name))
}

// unstage removes a file of a stage, given the path of the whole file, and
// what belongs to it. A path of any other form is left alone. It may be
// called again; KEY.json goes last, so that the rest is always found.
func unstage(whole string) error {
	folder := filepath.Dir(whole)
	if !keyName.MatchString(filepath.Base(folder)) {
		return nil
	}
	for _, p := range []string{whole, folder, folder + ".part", folder + ".json"} {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

const sightingsName = "sightings.json"

func (s *stage) sightings() (map[string]sighting, error) {
	var seen map[string]sighting
	err := readJSON(filepath.Join(s.dir, sightingsName), &seen)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return seen, err
}

func (s *stage) keepSightings(seen map[string]sighting) error {
	return writeJSON(filepath.Join(s.dir, sightingsName), seen)
}

// fetch brings one file into the stage, going on from where an earlier try
// ended. It returns errChanged, an unreadable, or an error that concerns all.
func (s *stage) fetch(ctx context.Context, b box, e entry) (err error) {
	if s.has(e) {
		return nil
	}
	key := keyOf(s.of, e.name, e.stamp)
	from, err := b.open(ctx, e.name)
	if err != nil {
		return err
	}
	defer from.Close()
	fi, err := from.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() || fi.Size() != e.Size {
		return errChanged
	}
	t, err := s.begin(key, about{Name: e.name, stamp: e.stamp, Opened: stampOf(fi)}, from)
	if err != nil {
		return err
	}
	defer t.part.Close()
	if err := t.run(ctx, from); err != nil {
		if errors.Is(err, errChanged) {
			return errors.Join(err, unstage(s.wholePath(key, e.name)))
		}
		_ = t.checkpoint() // without it, the next try begins further back
		return err
	}
	now, err := from.Stat()
	if err != nil {
		_ = t.checkpoint()
		return err
	}
	if stampOf(now) != t.Opened {
		return errors.Join(errChanged, unstage(s.wholePath(key, e.name)))
	}
	return s.commit(key, t)
}

// commit makes the part the whole file.
func (s *stage) commit(key string, t *transfer) error {
	to := s.wholePath(key, t.Name)
	if err := errors.Join(t.part.Sync(), t.part.Close()); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Dir(to), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Rename(s.path(key, ".part"), to); err != nil {
		return err
	}
	return errors.Join(durable.SyncDir(filepath.Dir(to)), durable.SyncDir(s.dir))
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s in the feed's folder is damaged: remove it", filepath.Base(path))
	}
	return nil
}

func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, b)
}
