package cvrs

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/extracttest"
)

// read decodes all of text in blocks of size.
func read(t testing.TB, text []byte, size int) extracttest.Outcome {
	t.Helper()
	return readFrom(t, bytes.NewReader(text), size)
}

func readFrom(t testing.TB, src io.Reader, size int) extracttest.Outcome {
	t.Helper()
	return extracttest.Read(t, func(mem memory.Allocator) (extract.Reader, error) {
		return (&Decoder{BlockSize: size, Mem: mem}).Open(src, "in.txt")
	})
}

// sample reads one of CDC's own files, which lie beside the repository.
func sample(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("../../../shared/data/cvrs/samples/" + name)
	if err != nil {
		need := os.Getenv("DOSEBOOK_TEST_REQUIRE")
		if strings.Contains(need, "all") || strings.Contains(need, "data") {
			t.Fatal(err)
		}
		t.Skip("put CDC's sample files (CVRS open tools, src/test/resources) into ../shared/data/cvrs/samples beside the repository to run this")
	}
	return text
}

// line makes a record of 45 cells, all empty but those given by name.
func line(cells ...string) string {
	at := dose.Index(dose.Raw())
	out := make([]string, dose.CVRSColumns)
	for i := 0; i < len(cells); i += 2 {
		out[at[cells[i]]] = cells[i+1]
	}
	return strings.Join(out, "\t")
}
