package drop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// box is a place where files lie. Names are relative to it, with slashes.
type box interface {
	// list returns all files and whatever else lies there, without the
	// archive folders and what is in hidden ones; of subfolders, only what is
	// in them, if asked. At most maxFiles+1 entries matter.
	list(ctx context.Context, recursive bool) ([]entry, error)
	// open opens a regular file for reading. Where only this file can't be
	// read, the error is an unreadable or wraps fs.ErrNotExist.
	open(ctx context.Context, name string) (file, error)
	// rename moves a file within the box, making the folder it goes to. It
	// returns fs.ErrExist when the new name is taken, and never overwrites.
	rename(ctx context.Context, from, to string) error
	close() error
}

// file is an open file of a box: *os.File and *sftp.File are.
type file interface {
	io.ReaderAt
	io.ReadSeekCloser
	io.WriterTo
	Stat() (os.FileInfo, error)
}

const (
	archiveFolder = "archive"
	maxDepth      = 16 // of subfolders
)

// walk lists a box by means of its way to read one folder.
func walk(recursive bool, read func(folder string) ([]fs.FileInfo, error)) ([]entry, error) {
	var out []entry
	folders := []string{"."}
	for len(folders) > 0 && len(out) <= maxFiles {
		folder := folders[0]
		folders = folders[1:]
		infos, err := read(folder)
		if folder != "." && (errors.Is(err, dose.ErrDenied) || errors.Is(err, fs.ErrNotExist)) {
			out = append(out, entry{name: folder}) // something that can't be read
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, fi := range infos {
			name := path.Join(folder, fi.Name())
			if !fi.IsDir() {
				out = append(out, entry{name, stampOf(fi), fi.Mode().IsRegular()})
				continue
			}
			deep := strings.Count(name, "/") >= maxDepth
			if recursive && !deep && plainName(name) && fi.Name() != archiveFolder && !strings.HasPrefix(fi.Name(), ".") {
				folders = append(folders, name)
			}
		}
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// archive moves loaded files, as long as they are what was loaded, then the
// markers that mark nothing any more. It returns what it moved. Files that
// are gone are done with.
func (c Config) archive(ctx context.Context, b box, listed []entry, loaded map[string]stamp) ([]string, error) {
	var moved []string
	var errs []error
	left := byName(listed)
	for _, e := range listed {
		if s, ok := loaded[e.name]; !ok || s != e.stamp {
			continue
		}
		if err := moveAway(ctx, b, e); err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", e.name, err))
			continue
		}
		moved = append(moved, e.name)
		delete(left, e.name)
	}
	if c.Ready != Marked {
		return moved, errors.Join(errs...)
	}
	for _, mk := range listed {
		if mk.regular && isMarker(mk.name) && marksLoaded(mk.name, loaded) && !marksAny(mk.name, left) {
			if err := moveAway(ctx, b, mk); err != nil {
				errs = append(errs, fmt.Errorf("%q: %w", mk.name, err))
			}
		}
	}
	return moved, errors.Join(errs...)
}

func marksLoaded(marker string, loaded map[string]stamp) bool {
	for name := range loaded {
		if marks(marker, name) {
			return true
		}
	}
	return false
}

func marksAny(marker string, left map[string]entry) bool {
	for name := range left {
		if marks(marker, name) {
			return true
		}
	}
	return false
}

// moveAway moves e into the archive beside it, under its own name if that is
// free, else with its time, and a number if it must be. If e was replaced at
// this very moment, what was moved goes back.
func moveAway(ctx context.Context, b box, e entry) error {
	folder := path.Join(path.Dir(e.name), archiveFolder)
	first := path.Join(folder, path.Base(e.name))
	dated := first + "." + time.Unix(0, e.MTime).UTC().Format("20060102T150405Z")
	for n := range 100 {
		to := first
		if n == 1 {
			to = dated
		} else if n > 1 {
			to = fmt.Sprintf("%s.%d", dated, n)
		}
		err := b.rename(ctx, e.name, to)
		switch {
		case err == nil:
			return putBackIfOther(ctx, b, e, to)
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case !errors.Is(err, fs.ErrExist):
			return err
		}
	}
	return fmt.Errorf("the archive holds too many files of that name and time: %w", dose.ErrInvalid)
}

func putBackIfOther(ctx context.Context, b box, e entry, to string) error {
	f, err := b.open(ctx, to)
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err = errors.Join(err, f.Close()); err != nil || stampOf(fi) == e.stamp {
		return err
	}
	if err := b.rename(ctx, to, e.name); err != nil {
		return fmt.Errorf("a version that is not loaded was moved to %q and has to be moved back by hand: %w", to, err)
	}
	return fmt.Errorf("it changed while it was archived and stays: %w", dose.ErrUpstream)
}
