package fhir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// spool sets bytes aside: in memory while they are few, then in a temporary
// file. The file has no name from the moment it exists where the system allows
// that, so that nothing is left behind whatever happens. After flush many
// goroutines may read.
type spool struct {
	dir  string // of the temporary folder
	room int    // bytes kept in memory
	buf  []byte // what is not in the file
	size int64  // of the file
	file *os.File
	path string // the folder, where it could not be removed yet
}

// end is where the next bytes go.
func (s *spool) end() int64 { return s.size + int64(len(s.buf)) }

// make room for bytes that are about to be appended to buf.
func (s *spool) spill() error {
	if len(s.buf) < s.room {
		return nil
	}
	return s.flush(true)
}

// flush writes what is in memory; unless forced only when there is a file.
func (s *spool) flush(force bool) error {
	if s.file == nil {
		if !force {
			return nil
		}
		if err := s.create(); err != nil {
			return err
		}
	}
	if _, err := s.file.Write(s.buf); err != nil {
		return fmt.Errorf("set records aside: %w", err)
	}
	s.size += int64(len(s.buf))
	s.buf = s.buf[:0]
	return nil
}

func (s *spool) create() error {
	dir, err := os.MkdirTemp(s.dir, "dosebook-fhir-")
	if err != nil {
		return fmt.Errorf("set records aside: %w", err)
	}
	s.path = dir
	if s.file, err = os.OpenFile(filepath.Join(dir, "records"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return errors.Join(fmt.Errorf("set records aside: %w", err), s.close())
	}
	if os.RemoveAll(dir) == nil { // Windows keeps an open file: close removes it
		s.path = ""
	}
	return nil
}

// readAt reads up to len(to) bytes, fewer only at the end.
func (s *spool) readAt(to []byte, at int64) (int, error) {
	if s.file == nil {
		return copy(to, s.buf[min(at, int64(len(s.buf))):]), nil
	}
	n, err := s.file.ReadAt(to, at)
	if err != nil && err != io.EOF {
		return n, fmt.Errorf("read records set aside: %w", err)
	}
	return n, nil
}

func (s *spool) close() (err error) {
	if s.file != nil {
		err = s.file.Close()
		s.file = nil
	}
	if s.path != "" {
		err = errors.Join(err, os.RemoveAll(s.path))
		s.path = ""
	}
	s.buf = nil
	return err
}
