package drop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/dosebook/dosebook/dose"
)

// folder is a box on this machine. os.Root keeps every step inside it.
type folder struct{ root *os.Root }

func openFolder(dir string) (box, error) {
	root, err := os.OpenRoot(dir)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: let this user read and enter the folder: %w", err, dose.ErrDenied)
	case err != nil:
		return nil, fmt.Errorf("%w: is the path right, and is it mounted? %w", err, dose.ErrUpstream)
	}
	return folder{root}, nil
}

func (f folder) close() error { return f.root.Close() }

func (f folder) list(ctx context.Context, recursive bool) ([]entry, error) {
	return walk(recursive, func(name string) ([]fs.FileInfo, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		dir, err := f.root.Open(name)
		if err != nil {
			return nil, folderError(err)
		}
		defer dir.Close()
		infos, err := dir.Readdir(-1)
		return infos, folderError(err)
	})
}

// open makes sure that it is the listed file itself, not what a link leads
// to. It does not wait for the writer of a pipe.
func (f folder) open(ctx context.Context, name string) (file, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	before, err := f.root.Lstat(name)
	if err != nil {
		return nil, unreadable{folderError(err)}
	}
	in, err := f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, unreadable{folderError(err)}
	}
	if fi, err := in.Stat(); err != nil || !os.SameFile(before, fi) {
		return nil, errors.Join(errChanged, in.Close())
	}
	return localFile{in}, nil
}

// localFile tells a fault of the file it reads from one of where it writes to:
// the writer remembers its own.
type localFile struct{ *os.File }

func (f localFile) WriteTo(w io.Writer) (int64, error) {
	n, err := f.File.WriteTo(w)
	if err != nil {
		err = unreadable{folderError(err)}
	}
	return n, err
}

// rename links, then removes: unlike a rename that does not overwrite. Where
// the file system has no links it asks first, then renames.
func (f folder) rename(_ context.Context, from, to string) error {
	if err := f.root.MkdirAll(path.Dir(to), 0o750); err != nil {
		return folderError(err)
	}
	err := f.root.Link(from, to)
	if err == nil {
		return folderError(f.root.Remove(from))
	}
	there, err := f.root.Lstat(to)
	if errors.Is(err, fs.ErrNotExist) {
		return folderError(f.root.Rename(from, to))
	}
	if err != nil {
		return folderError(err)
	}
	if here, err := f.root.Lstat(from); err != nil {
		return folderError(err)
	} else if os.SameFile(here, there) { // an earlier try ended between link and remove
		return folderError(f.root.Remove(from))
	}
	return fs.ErrExist
}

func folderError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", err, dose.ErrDenied)
	case errors.Is(err, fs.ErrNotExist):
		return err
	}
	return fmt.Errorf("%w: %w", err, dose.ErrUpstream)
}
