package fhir

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/extracttest"
)

// read decodes all of text in blocks of size, and holds that no temporary file
// is left.
func read(t testing.TB, text []byte, size int) extracttest.Outcome {
	t.Helper()
	return readFrom(t, bytes.NewReader(text), size)
}

func readFrom(t testing.TB, src io.Reader, size int) extracttest.Outcome {
	t.Helper()
	dir := t.TempDir()
	defer empty(t, dir)
	return extracttest.Read(t, func(mem memory.Allocator) (extract.Reader, error) {
		return (&Decoder{BlockSize: size, Mem: mem, Dir: dir, inHand: size}).Open(src, "in.ndjson")
	})
}

// empty holds that nothing is left in the folder of temporary files.
func empty(t testing.TB, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Fatal("left behind:", left, err)
	}
}
