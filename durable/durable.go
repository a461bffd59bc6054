// Package durable puts files and folders on disk whole or not at all.
//
// It promises that a path appears only after its bytes have reached the disk:
// write beside it, fsync, rename, fsync the parent. What a killed process
// leaves behind has a name that starts with Prefix and can be removed with
// Sweep. It never overwrites a folder.
package durable

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Prefix starts the name of everything that is not finished.
const Prefix = ".part-"

// File is a file in the making. Either Commit or Abort ends it.
type File struct {
	*os.File
	path string
}

// Create starts the file that will stand at path. Mode is 0600.
func Create(path string) (*File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), Prefix+filepath.Base(path)+"-*")
	if err != nil {
		return nil, err
	}
	return &File{f, path}, nil
}

// Commit puts the file in its place. After an error nothing stands there that
// was not there before.
func (f *File) Commit() error {
	err := errors.Join(f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("commit %s: %w", filepath.Base(f.path), err)
	}
	return SyncDir(filepath.Dir(f.path))
}

// Abort gives the file up. After Commit it does nothing.
func (f *File) Abort() {
	_ = f.Close()
	_ = os.Remove(f.Name())
}

// WriteFile writes data to path, whole or not at all.
func WriteFile(path string, data []byte) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Abort()
		return err
	}
	return f.Commit()
}

// Folder is a folder in the making. Write into Dir, then Commit or Abort.
type Folder struct {
	Dir  string
	path string
}

// MkdirPart starts the folder that will stand at path. Parents are made.
func MkdirPart(path string) (*Folder, error) {
	parent := filepath.Dir(path)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, Prefix+filepath.Base(path)+"-*")
	if err != nil {
		return nil, err
	}
	return &Folder{dir, path}, nil
}

// Commit syncs all files and folders inside and renames the folder into its
// place. It fails with fs.ErrExist when something stands there already.
func (d *Folder) Commit() error {
	if _, err := os.Lstat(d.path); err == nil {
		return fmt.Errorf("commit %s: %w", filepath.Base(d.path), fs.ErrExist)
	}
	err := filepath.WalkDir(d.Dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return SyncDir(path)
	})
	if err == nil {
		err = os.Rename(d.Dir, d.path)
	}
	if err != nil {
		return fmt.Errorf("commit %s: %w", filepath.Base(d.path), err)
	}
	return SyncDir(filepath.Dir(d.path))
}

// Abort removes the folder. After Commit it does nothing.
func (d *Folder) Abort() { _ = os.RemoveAll(d.Dir) }

// SyncDir makes a folder's entries (or a file's bytes) durable.
func SyncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Hash reads a file and returns its size and its SHA-256 in hex.
func Hash(path string) (int64, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return n, hex.EncodeToString(h.Sum(nil)), err
}

// Sweep removes what killed processes left in dir and below. Call it only
// while nobody else writes there.
func Sweep(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !strings.HasPrefix(e.Name(), Prefix) {
			return nil
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		if e.IsDir() {
			return filepath.SkipDir
		}
		return nil
	})
}
