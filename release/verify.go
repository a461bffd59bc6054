package release

import (
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/dosebook/dosebook/durable"
)

// Verify hashes every file of a release and compares it with the root
// manifest. It returns what is wrong, one sentence each, and the bytes read.
func (s Store) Verify(id string) (bad []string, files int, bytes int64, err error) {
	m, err := s.Manifest(id)
	if err != nil {
		return nil, 0, 0, err
	}
	root, err := s.Path(id)
	if err != nil {
		return nil, 0, 0, err
	}
	listed := map[string]bool{"manifest.json": true}
	for _, f := range m.Files {
		listed[f.Path] = true
		n, sum, err := durable.Hash(filepath.Join(root, filepath.FromSlash(f.Path)))
		bytes += n
		switch {
		case err != nil:
			bad = append(bad, fmt.Sprintf("release %s: %s can't be read", id, f.Path))
		case n != f.Bytes:
			bad = append(bad, fmt.Sprintf("release %s: %s has %d bytes, the manifest says %d", id, f.Path, n, f.Bytes))
		case sum != f.SHA256:
			bad = append(bad, fmt.Sprintf("release %s: %s has other bytes than the manifest says", id, f.Path))
		}
	}
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err == nil && !listed[filepath.ToSlash(rel)] {
			bad = append(bad, fmt.Sprintf("release %s: %s is not in the manifest", id, filepath.ToSlash(rel)))
		}
		return err
	})
	return bad, len(m.Files), bytes, err
}
