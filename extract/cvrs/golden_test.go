package cvrs

import (
	"flag"
	"os"
	"testing"

	"github.com/dosebook/dosebook/extract/extracttest"
)

var update = flag.Bool("update", false, "write what came out to the cases' want.json")

func TestCases(t *testing.T) {
	extracttest.Cases(t, "cvrs-*/input.txt", *update, func(t *testing.T, f *os.File) extracttest.Outcome {
		return readFrom(t, f, 0)
	})
}
