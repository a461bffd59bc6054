package main

import (
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/release"
)

func sqlCommand(e *env) *cobra.Command {
	var id, format string
	c := &cobra.Command{
		Use:   "sql [QUERY]",
		Short: "Ask a release in SQL",
		Long: `Run one query (DuckDB's SQL) over a release, by default the newest approved
one. Without QUERY it is read from standard input. It never blocks a load and
is never blocked by one, and it can change nothing.

Views: dose_event (one row a reported event), dose (those that count),
recipient (one row a person), county_day (the state's published table),
reject (what was refused, and why), segment (what was loaded), and of quality
(docs/QUALITY.md) quality_day, quality_given, quality_county, quality_finding.`,
		Example: `  dosebook sql "select county, count(*) from dose group by all order by 2 desc limit 5"
  dosebook sql --format csv "from county_day where county = 'Alameda'" > alameda.csv
  dosebook sql "select code, remedy, count(*) from reject group by all"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			query := strings.Join(args, "")
			if query == "" {
				b, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 1<<20))
				if err != nil {
					return err
				}
				query = string(b)
			}
			if strings.TrimSpace(query) == "" {
				return fmt.Errorf("there is no query: %w", dose.ErrInvalid)
			}
			if e.json && !cmd.Flags().Changed("format") {
				format = "json"
			}
			return e.sql(cmd.Context(), id, query, format)
		},
	}
	c.Flags().StringVar(&id, "release", "", "release `ID` (default: the newest approved one)")
	c.Flags().StringVar(&format, "format", "table", "table, csv, json or parquet")
	return c
}

func (e *env) sql(ctx context.Context, id, query, format string) error {
	write, ok := map[string]func(io.Writer, *sql.Rows) error{"table": writeTable, "csv": writeCSV, "json": writeJSON, "parquet": nil}[format]
	if !ok {
		return fmt.Errorf("--format %q is not one of table, csv, json, parquet: %w", format, dose.ErrInvalid)
	}
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	r, tmp, err := e.reader(ctx, b, id)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	defer r.Close()
	if format == "parquet" {
		path := filepath.Join(tmp, "result.parquet")
		if err := r.Export(ctx, query, path); err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(e.out, f)
		return err
	}
	rows, err := r.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	return errors.Join(write(e.out, rows), rows.Err())
}

// reader opens a release for queries, with a folder for its results.
func (e *env) reader(ctx context.Context, b *book, id string) (_ *duckdb.Reader, tmp string, err error) {
	if id == "" {
		if id, err = b.store.Latest(); err != nil {
			return nil, "", err
		}
	}
	root, err := b.store.Path(id)
	if err != nil {
		return nil, "", err
	}
	if _, err := b.store.Manifest(id); err != nil {
		return nil, "", err
	}
	if tmp, err = os.MkdirTemp("", "dosebook-sql-"); err != nil {
		return nil, "", err
	}
	memory := max(e.config.Warehouse.MemoryMB, 500)
	r, err := duckdb.NewReader(ctx, "queries/release_views.sql", release.ViewFiles(root), []string{root, tmp}, memory)
	if err != nil {
		return nil, "", errors.Join(err, os.RemoveAll(tmp))
	}
	if err := qualityViews(ctx, r, root); err != nil {
		return nil, "", errors.Join(err, r.Close(), os.RemoveAll(tmp))
	}
	return r, tmp, nil
}

// qualityViews adds the views of quality. Releases of before have not got them.
func qualityViews(ctx context.Context, r *duckdb.Reader, root string) error {
	files := map[string][]string{}
	for _, t := range append(release.QualityTables[:], "quality_finding") {
		path := filepath.Join(root, t+".parquet")
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		files[t] = []string{path}
	}
	return r.Add(ctx, "queries/sql_quality_views.sql", files)
}

// eachRow calls f with the cells of each row as texts; null is nil.
func eachRow(rows *sql.Rows, f func(cells []*string) error) error {
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	values, pointers := make([]any, len(types)), make([]any, len(types))
	for i := range values {
		pointers[i] = &values[i]
	}
	cells := make([]*string, len(types))
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			return err
		}
		for i, v := range values {
			cells[i] = cell(v, types[i].DatabaseTypeName())
		}
		if err := f(cells); err != nil {
			return err
		}
	}
	return rows.Err()
}

// cell writes a value as text: ISO dates, RFC 3339 times in UTC.
func cell(v any, typ string) *string {
	if v == nil {
		return nil
	}
	var s string
	switch v := v.(type) {
	case time.Time:
		layout := time.RFC3339Nano
		if typ == "DATE" {
			layout = time.DateOnly
		}
		s = v.UTC().Format(layout)
	case []byte:
		s = string(v)
	default:
		s = fmt.Sprint(v)
	}
	return &s
}

func writeTable(w io.Writer, rows *sql.Rows) error {
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(names, "\t"))
	n := 0
	err = eachRow(rows, func(cells []*string) error {
		n++
		for i, c := range cells {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			if c != nil {
				fmt.Fprint(t, *c)
			}
		}
		_, err := fmt.Fprintln(t)
		return err
	})
	_ = t.Flush()
	fmt.Fprintf(w, "(%d rows)\n", n)
	return err
}

// writeCSV writes RFC 4180 with a header, empty for null.
func writeCSV(w io.Writer, rows *sql.Rows) error {
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	c := csv.NewWriter(w)
	c.UseCRLF = true
	if err := c.Write(names); err != nil {
		return err
	}
	record := make([]string, len(names))
	err = eachRow(rows, func(cells []*string) error {
		for i, s := range cells {
			record[i] = ""
			if s != nil {
				record[i] = *s
			}
		}
		return c.Write(record)
	})
	c.Flush()
	return errors.Join(err, c.Error())
}

// writeJSON writes an array of objects. Numbers and booleans keep their type.
func writeJSON(w io.Writer, rows *sql.Rows) error {
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	sep := "["
	err = eachRow(rows, func(cells []*string) error {
		object := sep
		sep = ",\n"
		for i, c := range cells {
			key, err := json.Marshal(names[i])
			if err != nil {
				return err
			}
			value := "null"
			if c != nil {
				value = *c
				if !bare(types[i].DatabaseTypeName()) || !json.Valid([]byte(value)) {
					text, err := json.Marshal(value)
					if err != nil {
						return err
					}
					value = string(text)
				}
			}
			object += map[bool]string{true: "{", false: ","}[i == 0] + string(key) + ":" + value
		}
		_, err := io.WriteString(w, object+"}")
		return err
	})
	if err != nil {
		return err
	}
	if sep == "[" {
		_, err = io.WriteString(w, "[")
	}
	_, err2 := io.WriteString(w, "]\n")
	return errors.Join(err, err2)
}

// bare says whether a type's text stands in JSON without quotes.
func bare(typ string) bool {
	return strings.HasSuffix(typ, "INT") || strings.HasSuffix(typ, "INTEGER") || typ == "DOUBLE" || typ == "FLOAT" || typ == "BOOLEAN" || strings.HasPrefix(typ, "DECIMAL")
}
