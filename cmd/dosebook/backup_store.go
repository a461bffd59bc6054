package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/pipelines"
)

// backups is a backup folder:
//
//	objects/ab/<sha256>        every file once, by content
//	snapshots/<time>-<seq>.json   what a data directory held
//
// Objects never change. A snapshot is there once all its objects are.
type backups struct {
	dir     string
	objects pipelines.Raw // the same layout, the same promise
}

func openBackups(dir string) backups {
	return backups{dir: dir, objects: pipelines.Raw{Dir: filepath.Join(dir, "objects")}}
}

// kept is one file of a snapshot.
type kept struct {
	Path   string `json:"path"` // below the data directory, forward slashes
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// snapshot is what a data directory held at one ledger position.
type snapshot struct {
	ID         string    `json:"snapshot"`
	At         time.Time `json:"at"`
	LedgerSeq  int64     `json:"ledger_seq"`
	Releases   []string  `json:"releases"`
	PrivateKey bool      `json:"private_key"`
	Files      []kept    `json:"files,omitempty"`
	Folders    []string  `json:"folders,omitempty"` // that hold no file, but may be waited for: drop boxes
}

func (s *snapshot) bytes() (n int64) {
	for _, f := range s.Files {
		n += f.Bytes
	}
	return n
}

// sealedSnapshot is a snapshot's file: a cut or edited one is found.
type sealedSnapshot struct {
	SHA256 string          `json:"sha256"`
	Body   json.RawMessage `json:"body"`
}

func (b backups) folder() string { return filepath.Join(b.dir, "snapshots") }

var snapshotForm = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}\.[0-9]{3}Z-[0-9]+$`)

// list returns the ids of all snapshots, oldest first.
func (b backups) list() ([]string, error) {
	names, err := os.ReadDir(b.folder())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var ids []string
	for _, e := range names {
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok && snapshotForm.MatchString(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, err
}

// load reads a snapshot, the newest when id is empty.
func (b backups) load(id string) (*snapshot, error) {
	ids, err := b.list()
	if err != nil {
		return nil, err
	}
	if id == "" && len(ids) > 0 {
		id = ids[len(ids)-1]
	}
	if !slices.Contains(ids, id) {
		return nil, fmt.Errorf("%s holds no such snapshot, but %d others: %w", filepath.Base(b.dir), len(ids), dose.ErrNotFound)
	}
	text, err := os.ReadFile(filepath.Join(b.folder(), id+".json"))
	if err != nil {
		return nil, err
	}
	var s sealedSnapshot
	var x snapshot
	if err := json.Unmarshal(text, &s); err != nil || hashOf(s.Body) != s.SHA256 || json.Unmarshal(s.Body, &x) != nil || x.ID != id {
		return nil, fmt.Errorf("snapshot %s is damaged; restore another one (--snapshot): %w", id, dose.ErrInvalid)
	}
	return &x, nil
}

func (b backups) save(s *snapshot) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	text, err := json.Marshal(sealedSnapshot{hashOf(body), body})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.folder(), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(b.folder(), s.ID+".json"), text)
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// has says that the object is there, by its size. Its bytes are proven by
// 'backup --verify' and by every restore.
func (b backups) has(sum string, bytes int64) bool {
	st, err := os.Stat(b.objects.Path(sum))
	return err == nil && st.Mode().IsRegular() && st.Size() == bytes
}

// keep takes the file at path. sum is what it must be, or empty. A file whose
// object is there is not read when its sum is known.
func (b backups) keep(path, sum string) (k kept, added bool, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return k, false, err
	}
	k = kept{SHA256: sum, Bytes: st.Size()}
	if sum == "" {
		if k.Bytes, k.SHA256, err = durable.Hash(path); err != nil {
			return k, false, err
		}
	}
	if b.has(k.SHA256, k.Bytes) {
		return k, false, nil
	}
	if err := os.RemoveAll(b.objects.Path(k.SHA256)); err != nil { // one of another size is damaged
		return k, false, err
	}
	k.SHA256, k.Bytes, err = b.objects.Keep(path)
	if err == nil && sum != "" && k.SHA256 != sum {
		err = fmt.Errorf("%s has other bytes than were written; run 'dosebook verify'", filepath.Base(path))
	}
	return k, true, err
}

// copyTo writes an object to path and proves it on the way. The caller syncs.
func (b backups) copyTo(k kept, path string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	in, err := os.Open(b.objects.Path(k.SHA256))
	if err != nil {
		return fmt.Errorf("the backup lacks %s: %w", k.Path, err)
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(out, h), struct{ io.Reader }{in}, make([]byte, 1<<20))
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	if n != k.Bytes || hex.EncodeToString(h.Sum(nil)) != k.SHA256 {
		return fmt.Errorf("the backup of %s is damaged", k.Path)
	}
	return nil
}

// verify hashes all objects of a snapshot and names the files that are lost.
func (b backups) verify(s *snapshot) (bad []string) {
	done := map[string]bool{}
	for _, f := range s.Files {
		if done[f.SHA256] {
			continue
		}
		done[f.SHA256] = true
		if n, sum, err := durable.Hash(b.objects.Path(f.SHA256)); err != nil || n != f.Bytes || sum != f.SHA256 {
			bad = append(bad, f.Path+" (objects/"+f.SHA256[:2]+"/"+f.SHA256+")")
		}
	}
	return bad
}

// prune forgets all but the newest snapshots, and the objects that none of
// those names. Snapshots go first: after a fault objects are left, never
// missing.
func (b backups) prune(keep int) (gone int, err error) {
	ids, err := b.list()
	if err != nil || len(ids) <= keep {
		return 0, err
	}
	named := map[string]bool{}
	for _, id := range ids[len(ids)-keep:] {
		s, err := b.load(id)
		if err != nil {
			return 0, err
		}
		for _, f := range s.Files {
			named[f.SHA256] = true
		}
	}
	for _, id := range ids[:len(ids)-keep] {
		if err := os.Remove(filepath.Join(b.folder(), id+".json")); err != nil {
			return 0, err
		}
	}
	if err := durable.SyncDir(b.folder()); err != nil {
		return 0, err
	}
	err = filepath.WalkDir(b.objects.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || named[e.Name()] {
			return err
		}
		gone++
		return os.Remove(path)
	})
	return gone, err
}
