package pipelines

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// Raw keeps payloads as received, under their SHA-256.
type Raw struct{ Dir string }

// Path returns where the payload with that hash lies.
func (r Raw) Path(sha string) string { return filepath.Join(r.Dir, sha[:2], sha) }

// Keep copies the file at path, whole or not at all, and returns its hash and
// size. A payload that is kept already is not written again.
func (r Raw) Keep(path string) (sha string, size int64, err error) {
	// Asked before it is opened: opening a pipe waits for a writer.
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return "", 0, fmt.Errorf("this is no regular file: %w", dose.ErrInvalid)
	}
	in, err := os.Open(path)
	if err != nil {
		return "", 0, fmt.Errorf("%w: %w", err, dose.ErrInvalid)
	}
	defer in.Close()
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return "", 0, err
	}
	// The name is the hash, which is known only after the last byte.
	tmp, err := os.CreateTemp(r.Dir, durable.Prefix)
	if err != nil {
		return "", 0, err
	}
	defer os.Remove(tmp.Name())
	sum := sha256.New()
	size, err = io.CopyBuffer(io.MultiWriter(tmp, sum), struct{ io.Reader }{in}, make([]byte, 1<<20))
	if err != nil {
		return "", 0, errors.Join(fmt.Errorf("keep payload: %w", err), tmp.Close())
	}
	sha = hex.EncodeToString(sum.Sum(nil))
	to := r.Path(sha)
	if _, err := os.Stat(to); err == nil {
		return sha, size, tmp.Close()
	}
	if err := errors.Join(tmp.Sync(), tmp.Close(), os.MkdirAll(filepath.Dir(to), 0o700)); err != nil {
		return "", 0, fmt.Errorf("keep payload: %w", err)
	}
	if err := os.Rename(tmp.Name(), to); err != nil {
		return "", 0, fmt.Errorf("keep payload: %w", err)
	}
	return sha, size, errors.Join(durable.SyncDir(filepath.Dir(to)), durable.SyncDir(r.Dir))
}
