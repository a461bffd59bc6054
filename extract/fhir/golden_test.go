package fhir

import (
	"flag"
	"os"
	"testing"

	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/extracttest"
)

var update = flag.Bool("update", false, "write what came out to the cases' want.json")

func TestCases(t *testing.T) {
	extracttest.Cases(t, "fhir-*/input.*", *update, func(t *testing.T, f *os.File) extracttest.Outcome {
		in, err := extract.Unpack(f)
		if err != nil {
			return extracttest.Outcome{Error: err.Error()}
		}
		defer in.Close()
		return readFrom(t, in, 0)
	})
}
