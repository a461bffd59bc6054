package extract

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/dosebook/dosebook/dose"
)

// content does not compress away, so that a cut lands inside the data.
func content() []byte {
	rnd := rand.New(rand.NewPCG(1, 1))
	out := make([]byte, 200_000)
	for i := range out {
		out[i] = "0123456789abcdef\t\n"[rnd.IntN(18)]
	}
	return out
}

func gz(parts ...[]byte) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		w := gzip.NewWriter(&b)
		w.Write(p)
		w.Close()
	}
	return b.Bytes()
}

func zipOf(names ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, n := range names {
		f, _ := w.Create(n)
		if !strings.HasSuffix(n, "/") {
			f.Write(content())
		}
	}
	w.Close()
	return b.Bytes()
}

func unpack(t *testing.T, data []byte) ([]byte, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "20210330_01_CAA.txt")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := Unpack(f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestUnpack(t *testing.T) {
	c := content()
	for name, data := range map[string][]byte{
		"plain":               c,
		"gzip":                gz(c),
		"gzip of two members": gz(c[:777], c[777:]),
		"zip":                 zipOf("a/20210330_01_CAA.txt"),
		"zip from a Mac":      zipOf("a/", "a/x.txt", "__MACOSX/a/._x.txt", "a/.DS_Store"),
	} {
		got, err := unpack(t, data)
		if err != nil || !bytes.Equal(got, c) {
			t.Errorf("%s: %d bytes, want %d; %v", name, len(got), len(c), err)
		}
	}
	if got, err := unpack(t, nil); err != nil || len(got) != 0 {
		t.Errorf("an empty file is the decoder's matter: %q %v", got, err)
	}
}

func TestUnpackRefuses(t *testing.T) {
	flip := func(b []byte, at int) []byte { b = bytes.Clone(b); b[at] ^= 0x55; return b }
	g, z := gz(content()), zipOf("a.txt")
	cases := map[string]struct {
		data []byte
		want string
	}{
		"gzip with a bit turned":  {flip(g, len(g)/2), "damaged"},
		"gzip with a false sum":   {flip(g, len(g)-6), "damaged"},
		"gzip and then something": {append(bytes.Clone(g), "more"...), "cut short"},
		"zip with a bit turned":   {flip(z, len(z)/2), "damaged"},
		"zip of two":              {zipOf("a.txt", "b.txt"), "holds 2 files"},
		"zip of JSON and text":    {zipOf("a.json", "b.txt"), "holds 2 files"},
		"JSON with a bit turned":  {flip(zipOf("a.json", "b.json"), len(z)/2), "damaged"},
		"zip of none":             {zipOf(), "holds 0 files"},
		"workbook":                {zipOf("[Content_Types].xml", "xl/workbook.xml"), "Office"},
	}
	for name, c := range cases {
		_, err := unpack(t, c.data)
		if !errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "20210330_01_CAA.txt: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, packed := range [][]byte{g, z, gz(content(), content())} {
		for _, n := range []int{2, 5, 12, 100, len(packed)/2 + 5, len(packed) - 9, len(packed) - 1} {
			got, err := unpack(t, packed[:n])
			if n == 2 && packed[0] == 'P' {
				continue // "PK" alone is text
			}
			if !errors.Is(err, dose.ErrInvalid) {
				t.Errorf("cut at %d of %d: %d bytes and %v", n, len(packed), len(got), err)
			}
		}
	}
}

// Between two members is the one place where a cut can't be seen; every cut
// inside one is.
func TestUnpackEveryCut(t *testing.T) {
	whole := gz([]byte("vax_event_id\text_type\n"))
	for n := 2; n < len(whole); n++ {
		if _, err := unpack(t, whole[:n]); !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("cut at %d of %d: %v", n, len(whole), err)
		}
	}
}

// A zip of JSON files comes by name, with a line end between the files, however
// little is asked for at a time.
func TestUnpackSeveral(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, x := range [][2]string{{"d/2.NDJSON", "two\n"}, {"d/1.json", "one"}, {"d/manifest.json", "no"}, {"d/3.ndjson", ""}, {"d/4.ndjson", "four"}, {"__MACOSX/d/1.json", "no"}} {
		f, _ := w.Create(x[0])
		f.Write([]byte(x[1]))
	}
	w.Close()
	path := filepath.Join(t.TempDir(), "export.zip")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader} {
		r, err := Unpack(f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(wrap(r))
		if err != nil || string(got) != "one\ntwo\n\n\nfour" {
			t.Errorf("%q %v", got, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
