package extract

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"github.com/dosebook/dosebook/dose"
)

// Unpack returns the bytes inside f, which may be plain, gzip (one member or
// many), a zip of one file, or a zip of JSON files only, which come one behind
// the other by name; the first bytes decide, not the name of f. A packed
// file that is cut or damaged ends in an error of kind dose.ErrInvalid, never
// in io.EOF. Close does not close f: who opened it closes it.
func Unpack(f *os.File) (io.ReadCloser, error) {
	name := filepath.Base(f.Name())
	var magic [4]byte
	n, err := f.ReadAt(magic[:], 0)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	head := magic[:n]
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return unpackGzip(f, name)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return unpackZip(f, name)
	}
	return io.NopCloser(f), nil
}

func unpackGzip(f *os.File, name string) (io.ReadCloser, error) {
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, damaged(name, "gzip", err)
	}
	return &packed{z, name, "gzip"}, nil
}

func unpackZip(f *os.File, name string) (io.ReadCloser, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return nil, damaged(name, "zip", err)
	}
	z.RegisterDecompressor(zip.Deflate, flate.NewReader)
	files, err := filesOf(z, name)
	if err != nil {
		return nil, err
	}
	if len(files) > 1 {
		return &packed{&several{files: files}, name, "zip"}, nil
	}
	r, err := files[0].Open()
	if err != nil {
		return nil, damaged(name, "zip", err)
	}
	return &packed{r, name, "zip"}, nil
}

// filesOf finds the one file in a zip, or its JSON files in the order of their
// names. Folders, what macOS adds to its archives and the manifest of a FHIR
// bulk export do not count.
func filesOf(z *zip.Reader, name string) ([]*zip.File, error) {
	var files []*zip.File
	json := true
	for _, f := range z.File {
		base := strings.ToLower(f.Name[strings.LastIndexByte(f.Name, '/')+1:])
		if f.Name == "[Content_Types].xml" {
			return nil, NewFault(name, 0, "FMT_003", "the file is an Office document", "save the sheet as tab delimited text (UTF-8) and send that")
		}
		if base == "" || base == ".ds_store" || base == "manifest.json" || strings.HasPrefix(f.Name, "__MACOSX/") {
			continue
		}
		if f.Flags&1 != 0 {
			return nil, NewFault(name, 0, "FMT_003", "the zip is protected by a password", "send it without a password over a protected channel")
		}
		files = append(files, f)
		json = json && (strings.HasSuffix(base, ".ndjson") || strings.HasSuffix(base, ".json"))
	}
	if len(files) == 0 || len(files) > 1 && !json {
		return nil, NewFault(name, 0, "FMT_003", fmt.Sprintf("the zip holds %d files", len(files)), "send one file in each zip, or the files themselves")
	}
	slices.SortStableFunc(files, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// several reads files one behind the other, with a line end between them. Only
// one is open at a time.
type several struct {
	files []*zip.File
	open  io.ReadCloser
	owes  bool // a line end comes before the next file
}

func (s *several) Read(b []byte) (int, error) {
	for len(b) > 0 {
		if s.open == nil {
			if len(s.files) == 0 {
				return 0, io.EOF
			}
			if s.owes {
				s.owes, b[0] = false, '\n'
				return 1, nil
			}
			f, err := s.files[0].Open()
			if err != nil {
				return 0, err
			}
			s.open, s.files = f, s.files[1:]
		}
		n, err := s.open.Read(b)
		if err == io.EOF {
			err, s.owes = s.Close(), true
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, nil
}

func (s *several) Close() (err error) {
	if s.open != nil {
		err = s.open.Close()
		s.open = nil
	}
	return err
}

// packed turns the unpacker's errors into ours.
type packed struct {
	io.ReadCloser
	name, kind string
}

func (p *packed) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	if err != nil && err != io.EOF {
		err = damaged(p.name, p.kind, err)
	}
	return n, err
}

// damaged names what is wrong with a packed file. An error of the disk keeps
// its own kind: the file may be right.
func damaged(name, kind string, err error) error {
	var disk *os.PathError
	var corrupt flate.CorruptInputError
	switch {
	case errors.As(err, &disk):
		return fmt.Errorf("read %s: %w", name, err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return NewFault(name, 0, "FMT_003", "the "+kind+" file is cut short", "send it again, whole")
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.As(err, &corrupt),
		errors.Is(err, zip.ErrChecksum), errors.Is(err, zip.ErrFormat):
		return NewFault(name, 0, "FMT_003", "the "+kind+" file is damaged or cut short", "send it again, whole")
	case errors.Is(err, zip.ErrAlgorithm):
		return NewFault(name, 0, "FMT_003", "the zip uses a compression that can't be read", "send it as gzip, or as a zip made with deflate")
	}
	return fmt.Errorf("unpack %s as %s: %w: %w", name, kind, dose.ErrInvalid, err)
}
