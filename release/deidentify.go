package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Maker makes files that need SQL. Each call is whole: it may run beside
// others, reads the folders alone, and leaves what it could not end to the
// caller, who removes it.
type Maker interface {
	// Parquet writes the rows of a query, in its order, to a Parquet file, with
	// notes in its footer. The same rows give the same bytes.
	Parquet(ctx context.Context, query, dst string, notes [][2]string, folders ...string) error
	// Database makes a DuckDB file by statements. Its bytes may differ from run
	// to run.
	Database(ctx context.Context, statements []string, dst string, folders ...string) error
}

// Deidentify makes dst, the de-identified records of a table of the release
// at root, and returns its rows. They are the whole state's: a county's file
// tells the county by what it is (45 CFR 164.514(b)(2)(i)(B); ADR 0019).
func Deidentify(ctx context.Context, e Maker, root, table, dst string) (rows int64, err error) {
	defer dose.Wrap(&err, "de-identify %s", table)
	cols := dose.Profile(tableColumns(table), dose.Deidentified)
	query, err := sqltext.Text("queries/deidentified.sql")
	if err != nil {
		return 0, err
	}
	query = strings.NewReplacer("{columns}", deidentifiedColumns(tableColumns(table)), "{files}", list(ViewFiles(root)[table]...)).Replace(query)
	if err := e.Parquet(ctx, query, dst, notes(cols, dose.Deidentified), root); err != nil {
		return 0, err
	}
	f, p, err := openParquet(dst)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for i, field := range p.Schema().Fields() {
		if i >= len(cols) || field.Name() != cols[i].Name {
			return 0, fmt.Errorf("column %s should not be in it", field.Name())
		}
	}
	return p.NumRows(), nil
}

// deidentifiedColumns is what of each column stands in de-identified records:
// of text as reported, the codes of its value set alone, since what is none of
// them can be anything.
func deidentifiedColumns(cols []dose.Column) string {
	var out []string
	for _, c := range cols {
		made, ok := c.At(dose.Deidentified)
		if !ok {
			continue
		}
		expr := c.Name
		switch codes, coded := dose.Codes(c.Name); {
		case c.Level > dose.Deidentified && c.Below == dose.Year:
			expr = "cast(year(" + c.Name + ") as integer)"
		case c.Level > dose.Deidentified && c.Below == dose.Ninety:
			expr = fmt.Sprintf("case when %s > %d then %d else %s end", c.Name, dose.HighAge, dose.HighAge, c.Name)
		case c.Stage == dose.Reported && coded:
			var in []string
			for _, code := range codes.Codes() {
				in = append(in, quote(code.Code))
			}
			expr = fmt.Sprintf("case when upper(%s) in (%s) then %s end", c.Name, strings.Join(in, ", "), c.Name)
		case c.Stage == dose.Reported:
			expr = "cast(null as " + c.Type.SQL() + ")" // no value set: nothing can be told
		}
		out = append(out, expr+" as "+made.Name)
	}
	return strings.Join(out, ",\n  ")
}

// Sources is the hash that stands for all files something is made of.
func Sources(hashes ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(hashes, "\n")))
	return hex.EncodeToString(sum[:])
}

// folders are the folders of the given files, each once.
func folders(paths []string) (out []string) {
	seen := map[string]bool{}
	for _, p := range paths {
		if d := filepath.Dir(p); !seen[d] {
			seen[d] = true
			out = append(out, d)
		}
	}
	return out
}
