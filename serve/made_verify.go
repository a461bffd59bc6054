package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// VerifyMade hashes each made file in the folder and holds it against what was
// kept of it when it was made. A file that was lost is no fault: it is made
// again when asked, or its address says that it can't be. It returns what is
// wrong, one sentence each, and what was read.
func VerifyMade(dir string) (bad []string, files int, bytes int64, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile, or none was ever made
		}
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".json") {
			return err
		}
		rel, was, err := kept(dir, path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			bad = append(bad, fmt.Sprintf("what is kept of made file %s can't be read", rel))
			return nil
		}
		is, err := measure(filepath.Join(dir, filepath.FromSlash(rel)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if files, bytes = files+1, bytes+is.Bytes; err != nil || is.SHA256 != was.SHA256 || is.Bytes != was.Bytes {
			bad = append(bad, fmt.Sprintf("made file %s has other bytes than when it was made; remove it, and it is made again when asked for", rel))
		}
		return nil
	})
	return bad, files, bytes, err
}

// kept reads what is kept of a made file, or of an extract's answer, and where
// that is.
func kept(dir, record string) (rel string, was made, err error) {
	rel, err = filepath.Rel(dir, strings.TrimSuffix(record, ".json"))
	if err != nil {
		return rel, was, err
	}
	rel = filepath.ToSlash(rel)
	text, err := os.ReadFile(record)
	if err != nil {
		return rel, was, err
	}
	if strings.HasPrefix(rel, "extracts/") {
		var a answered
		if err = json.Unmarshal(text, &a); err == nil && a.File.Path == "" {
			err = fs.ErrNotExist // asked, and never answered
		}
		rel, was = a.File.Path, made{SHA256: a.File.SHA256, Bytes: a.File.Bytes}
	} else {
		err = json.Unmarshal(text, &was)
	}
	if err == nil && (len(was.SHA256) != 64 || !filepath.IsLocal(filepath.FromSlash(rel))) {
		err = errors.New("it holds no hash")
	}
	return rel, was, err
}
