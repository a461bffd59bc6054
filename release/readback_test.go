package release

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// python returns the interpreter of the virtual environment with the tools
// that read our files back.
func python(t testing.TB) string {
	t.Helper()
	venv := os.Getenv("DOSEBOOK_PYTHON_VENV")
	if venv == "" {
		venv = "../.tools/python"
	}
	path, err := filepath.Abs(filepath.Join(venv, "bin", "python"))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		need := os.Getenv("DOSEBOOK_TEST_REQUIRE")
		if strings.Contains(need, "all") || strings.Contains(need, "python") {
			t.Fatal(err)
		}
		t.Skip("no Python tools: to run this, python3 -m venv .tools/python && .tools/python/bin/pip install -r testdata/python/requirements.txt")
	}
	return path
}

// readBack compares what lies at stem in all formats by pyarrow, pandas,
// openpyxl and DuckDB. It returns what they said, and whether all was equal.
func readBack(t testing.TB, stem string) (string, bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python(t), "../testdata/python/readback.py", stem)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// allFormats puts a table into its own folder in every format.
func allFormats(t testing.TB, src string) (stem string) {
	t.Helper()
	stem = filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(src), ".parquet"))
	if err := os.Link(src, stem+".parquet"); err != nil {
		t.Fatal(err)
	}
	for _, format := range Formats() {
		if _, err := Convert(t.Context(), src, stem+"."+format, format); err != nil {
			t.Fatal(err)
		}
	}
	return stem
}

func TestOtherToolsReadBack(t *testing.T) {
	python(t)
	for seed := range seeds(4) {
		src := writeParquet(t, oneOfEach, randomRows(rand.New(rand.NewPCG(seed, 3)), 300), 70)
		if out, ok := readBack(t, allFormats(t, src)); !ok {
			t.Errorf("seed %d:\n%s", seed, out)
		} else if seed == 0 {
			t.Log("\n" + out)
		}
	}
}

// The comparison itself: one byte of one cell is found in each format.
func TestReadBackFindsAChange(t *testing.T) {
	python(t)
	rows := [][]any{{"id-seven", "Albany", 18976, -5, 1 << 60, true, 1}, {"id-eight", nil, -30000, 7, nil, nil, nil}}
	for _, format := range []string{CSV, NDJSON} {
		stem := allFormats(t, writeParquet(t, oneOfEach, rows, 2))
		b, err := os.ReadFile(stem + "." + format)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(stem+"."+format, bytes.Replace(b, []byte("Albany"), []byte("Alb=ny"), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, ok := readBack(t, stem); ok || !strings.Contains(out, "row 0, city") {
			t.Errorf("%s: a changed cell was not found:\n%s", format, out)
		}
	}
}
