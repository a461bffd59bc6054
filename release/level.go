package release

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// What a release's Parquet files say of themselves in their footer, beside
// their columns: the level they were built for, and what each column means.
const (
	levelKey   = "dosebook.level"
	columnsKey = "dosebook.columns" // a JSON object: name, meaning
)

// notes are the entries of a file's footer for the columns that it has.
func notes(cols []dose.Column, level dose.Level) [][2]string {
	var b strings.Builder
	for i, c := range cols {
		b.WriteByte("{,"[min(i, 1)])
		b.Write(appendJSON(nil, []byte(c.Name)))
		b.WriteByte(':')
		b.Write(appendJSON(nil, []byte(c.Meaning)))
	}
	b.WriteByte('}')
	return [][2]string{{levelKey, level.String()}, {columnsKey, b.String()}}
}

// Meanings returns what a released Parquet file says of its columns, and the
// level it was built for. Files of releases before schema 5 say nothing.
func Meanings(src string) (columns map[string]string, level string, err error) {
	f, p, err := openParquet(src)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	level, _ = p.Lookup(levelKey)
	text, ok := p.Lookup(columnsKey)
	if !ok {
		return nil, level, nil
	}
	if err := json.Unmarshal([]byte(text), &columns); err != nil {
		return nil, level, fmt.Errorf("what %s says of its columns is damaged: %w", filepath.Base(src), dose.ErrInvalid)
	}
	return columns, level, nil
}

// Limit makes dst, the limited data set (45 CFR 164.514(e)) of a place's
// released Parquet file: the columns that dose declares limited or less, as
// they are, each moved byte by byte; what is not declared is left out. The
// others are not in the file, nor do its statistics tell of them. It appears
// whole or not at all, and is the same bytes every time. It returns the rows.
func Limit(ctx context.Context, src, dst string) (rows int64, err error) {
	defer dose.Wrap(&err, "limit %s", filepath.Base(src))
	f, p, err := openParquet(src)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	table := strings.TrimSuffix(filepath.Base(src), ".parquet")
	if !slices.Contains(Tables(), table) {
		return 0, fmt.Errorf("%s has no limited form: %w", table, dose.ErrNotFound)
	}
	out, err := durable.Create(dst)
	if err != nil {
		return 0, err
	}
	meta, err := moveColumns(ctx, f, *p.Metadata(), dose.Profile(tableColumns(table), dose.Limited), out)
	if err != nil {
		out.Abort()
		return 0, err
	}
	return meta.NumRows, out.Commit()
}

// moveColumns writes the file that has only the given columns of f.
func moveColumns(ctx context.Context, f *os.File, meta format.FileMetaData, cols []dose.Column, w io.Writer) (*format.FileMetaData, error) {
	at := dose.Index(cols)
	var keep []int // leaves
	var kept []dose.Column
	schema := slices.Clone(meta.Schema[:1])
	for i, e := range meta.Schema[1:] { // flat: openParquet has asked
		if k, ok := at[e.Name]; ok {
			keep, kept = append(keep, i), append(kept, cols[k])
			schema = append(schema, e)
		}
	}
	if len(keep) == 0 {
		return nil, fmt.Errorf("no column is left: %w", dose.ErrInvalid)
	}
	schema[0].NumChildren = thrift.New(int32(len(keep)))
	orders := meta.ColumnOrders
	groups := meta.RowGroups
	meta.Schema, meta.RowGroups, meta.ColumnOrders, meta.KeyValueMetadata = schema, nil, nil, nil
	for _, n := range notes(kept, dose.Limited) {
		meta.KeyValueMetadata = append(meta.KeyValueMetadata, format.KeyValue{Key: n[0], Value: n[1]})
	}
	for _, i := range keep {
		if i < len(orders) {
			meta.ColumnOrders = append(meta.ColumnOrders, orders[i])
		}
	}
	out := &offsetWriter{w: w}
	if _, err := out.Write([]byte("PAR1")); err != nil {
		return nil, err
	}
	for _, g := range groups {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := moveGroup(f, &g, keep, out); err != nil {
			return nil, err
		}
		meta.RowGroups = append(meta.RowGroups, g)
	}
	return &meta, writeFooter(&meta, out)
}

// moveGroup writes the pages of the kept columns and makes g tell of them.
func moveGroup(f *os.File, g *format.RowGroup, keep []int, out *offsetWriter) error {
	all := g.Columns
	g.Columns, g.SortingColumns = nil, nil
	g.FileOffset, g.TotalByteSize, g.TotalCompressedSize = out.n, 0, 0
	for _, i := range keep {
		one := format.RowGroup{Columns: all[i : i+1]}
		from, to := extent(&one)
		move(&one, out.n-from)
		if _, err := io.Copy(out, io.NewSectionReader(f, from, to-from)); err != nil {
			return err
		}
		c := one.Columns[0]
		c.OffsetIndexOffset, c.OffsetIndexLength, c.ColumnIndexOffset, c.ColumnIndexLength = 0, 0, 0, 0
		c.MetaData.BloomFilterOffset, c.MetaData.BloomFilterLength = 0, 0
		g.Columns = append(g.Columns, c)
		g.TotalByteSize += c.MetaData.TotalUncompressedSize
		g.TotalCompressedSize += c.MetaData.TotalCompressedSize
	}
	return nil
}
