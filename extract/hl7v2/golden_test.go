package hl7v2

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write what came out to the cases' want.json")

// TestCases decodes testdata/cases/hl7-*/input.hl7 and compares with
// want.json. A bug report becomes a folder: put the input there, run with
// -update and read what it wrote.
func TestCases(t *testing.T) {
	dirs, err := filepath.Glob("../../testdata/cases/hl7-*")
	if err != nil || len(dirs) == 0 {
		t.Fatal("no cases found", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			input, err := os.ReadFile(filepath.Join(dir, "input.hl7"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(read(t, input, 0), "", "  ")
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
