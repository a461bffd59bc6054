package extract

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"github.com/dosebook/dosebook/dose"
)

// Unpack returns the bytes inside f, which may be plain, gzip (one member or
// many) or a zip of one file; the first bytes decide, not the name. A packed
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
	file, err := onlyFile(z, name)
	if err != nil {
		return nil, err
	}
	r, err := file.Open()
	if err != nil {
		return nil, damaged(name, "zip", err)
	}
	return &packed{r, name, "zip"}, nil
}

// onlyFile finds the one file in a zip. Folders and what macOS adds to its
// archives do not count.
func onlyFile(z *zip.Reader, name string) (*zip.File, error) {
	var files []*zip.File
	for _, f := range z.File {
		base := f.Name[strings.LastIndexByte(f.Name, '/')+1:]
		if f.Name == "[Content_Types].xml" {
			return nil, NewFault(name, 0, "FMT_003", "the file is an Office document", "save the sheet as tab delimited text (UTF-8) and send that")
		}
		if base != "" && base != ".DS_Store" && !strings.HasPrefix(f.Name, "__MACOSX/") {
			files = append(files, f)
		}
	}
	if len(files) != 1 {
		return nil, NewFault(name, 0, "FMT_003", fmt.Sprintf("the zip holds %d files", len(files)), "send one file in each zip, or the files themselves")
	}
	if files[0].Flags&1 != 0 {
		return nil, NewFault(name, 0, "FMT_003", "the zip is protected by a password", "send it without a password over a protected channel")
	}
	return files[0], nil
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
