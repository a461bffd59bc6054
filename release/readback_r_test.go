package release

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

// readInR prints the cells of a file, a line a row, as R reads them: text by
// base R (packed or not), a workbook by readxl, which Debian has. No reader of
// Parquet is there without CRAN.
const readInR = `
path <- commandArgs(TRUE)[1]
d <- if (grepl("xlsx$", path)) {
  x <- readxl::read_excel(path, col_types = "text", na = "", trim_ws = FALSE)
  as.data.frame(x, optional = TRUE)
} else read.csv(path, colClasses = "character", na.strings = NULL, check.names = FALSE, encoding = "UTF-8", strip.white = FALSE)
cell <- function(x) { x[is.na(x)] <- ""; gsub("\r\n|\r|\n", "\\\\n", x) }
cat(paste(cell(names(d)), collapse = "\x1f"), "\n", sep = "")
rows <- do.call(paste, c(unname(lapply(d, cell)), sep = "\x1f"))
cat(paste0(rows, "\n"), sep = "")
`

// TestRReadsBack: R reads the cells that were written, all as text.
func TestRReadsBack(t *testing.T) {
	if _, err := exec.LookPath("Rscript"); err != nil {
		need := os.Getenv("DOSEBOOK_TEST_REQUIRE")
		if strings.Contains(need, "all") || strings.Contains(need, "R,") {
			t.Fatal(err)
		}
		t.Skip("no R: to run this, apt-get install --no-install-recommends r-base-core r-cran-readxl")
	}
	script := filepath.Join(t.TempDir(), "read.R")
	if err := os.WriteFile(script, []byte(readInR), 0o600); err != nil {
		t.Fatal(err)
	}
	for seed := range seeds(2) {
		src := writeParquet(t, oneOfEach, randomRows(rand.New(rand.NewPCG(seed, 5)), 200), 70)
		stem := allFormats(t, src)
		text, err := os.ReadFile(stem + ".csv")
		if err != nil {
			t.Fatal(err)
		}
		want := readCSV(t, text, CSV)
		for _, format := range []string{CSV, CSVGz, XLSX} {
			cmd := exec.CommandContext(t.Context(), "Rscript", "--vanilla", script, stem+"."+format)
			cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			sameInR(t, format, string(out), want)
		}
	}
}

func sameInR(t *testing.T, format, out string, want [][]string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%s: R reads %d lines, there are %d", format, len(lines), len(want))
	}
	// R's text connections end a line at a bare CR too, also within quotes.
	escape := strings.NewReplacer("\r\n", `\n`, "\n", `\n`, "\r", `\n`)
	for i, line := range lines {
		got := strings.Split(line, "\x1f")
		for k, w := range want[i] {
			if typ := oneOfEach[k].Type; i > 0 && format == XLSX && typ != dose.Text && typ != dose.LongTxt && typ != dose.Big {
				continue // readxl gives numbers of days and the like
			}
			if len(got) != len(want[i]) || got[k] != escape.Replace(w) {
				t.Fatalf("%s: line %d has %q in R, not %q", format, i, got, want[i])
			}
		}
	}
}
