package fhir

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/dosebook/dosebook/extract"
)

var update = flag.Bool("update", false, "write what came out to the cases' want.json")

// TestCases decodes testdata/cases/fhir-*/input.* and compares with want.json.
// A bug report becomes a folder: put the input there, run with -update and
// read what it wrote.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("../../testdata/cases/fhir-*/input.*")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases found", err)
	}
	for _, input := range files {
		dir := filepath.Dir(input)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			f, err := os.Open(input)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var result outcome
			if in, err := extract.Unpack(f); err != nil {
				result.Error = err.Error()
			} else {
				defer in.Close()
				result = readFrom(t, in, 0)
			}
			got, err := json.MarshalIndent(result, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			file := filepath.Join(dir, "want.json")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%s", got)
			}
		})
	}
}
