package release_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	parquet "github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/load/loadtest"
	"github.com/dosebook/dosebook/release"
)

// book is a lake, a warehouse that follows it, and a store of releases.
type book struct {
	log   *loadtest.Log
	store release.Store
	w     *duckdb.DB
}

// reported is when the payloads' times begin: after the doses, in microseconds.
const reported = (day0 + 10_000) * 86_400_000_000

func newBook(t *testing.T) *book {
	t.Helper()
	l := loadtest.NewLog(filepath.Join(t.TempDir(), "lake"))
	l.From = reported
	return (&book{log: l}).again(t)
}

// again is a new warehouse and store over the same lake.
func (b *book) again(t *testing.T) *book {
	t.Helper()
	dir, l := t.TempDir(), b.log
	w, err := duckdb.Open(t.Context(), filepath.Join(dir, "warehouse.duckdb"), l.Lake, duckdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return &book{l, release.Store{Dir: filepath.Join(dir, "releases")}, w}
}

// follow brings the warehouse up to the log.
func (b *book) follow(t *testing.T) {
	t.Helper()
	at, err := b.w.Position(t.Context())
	if err == nil && at < b.log.Last() {
		_, err = b.w.Apply(t.Context(), b.log.Entries(at, b.log.Last()), b.log.Known(b.log.Last()))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (b *book) segments() []release.Segment {
	var out []release.Segment
	for _, e := range b.log.Known(b.log.Last()) {
		s := release.Segment{Entry: e, SHA256: fmt.Sprintf("%064d", e.Seq), Name: fmt.Sprintf("file%d.txt", e.Seq), Records: e.Rows}
		s.Format = "cvrs"
		out = append(out, s)
	}
	return out
}

// build makes the release of what is loaded into the store at dir of the book.
func (b *book) build(t *testing.T, o release.Options) (m *release.Manifest, root string) {
	t.Helper()
	return b.buildInto(t, b.store, o)
}

func (b *book) buildInto(t *testing.T, store release.Store, o release.Options) (m *release.Manifest, root string) {
	t.Helper()
	b.follow(t)
	m, err := release.Build(t.Context(), store, b.log.Lake, b.w, b.segments(), o)
	if err != nil {
		t.Fatal(err)
	}
	root, err = store.Path(m.ID)
	if err != nil {
		t.Fatal(err)
	}
	return m, root
}

// row is a row of a Parquet file as text, nulls left out.
type row map[string]string

// read reads a Parquet file by parquet-go.
func read(t *testing.T, path string) (rows []row, p *parquet.File) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if p, err = parquet.OpenFile(f, st.Size()); err != nil {
		t.Fatal(err)
	}
	names := p.Schema().Columns()
	for _, g := range p.RowGroups() {
		r := g.Rows()
		buf := make([]parquet.Row, 100)
		for {
			n, err := r.ReadRows(buf)
			for _, values := range buf[:n] {
				out := row{}
				for _, v := range values {
					if !v.IsNull() {
						out[names[v.Column()][0]] = v.String()
					}
				}
				rows = append(rows, out)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if int64(len(rows)) != p.NumRows() {
		t.Fatalf("%s: %d rows, its footer says %d", filepath.Base(path), len(rows), p.NumRows())
	}
	return rows, p
}

// place reads one file of a place.
func place(t *testing.T, root, code, table string) []row {
	t.Helper()
	rows, _ := read(t, filepath.Join(root, "counties", code, table+".parquet"))
	return rows
}

// ids lists the rows' events with why they are there, in the file's order.
func ids(rows []row) string {
	var out []string
	for _, r := range rows {
		out = append(out, r["vax_event_id"]+" "+r["visible_because"])
	}
	return strings.Join(out, ", ")
}

// tree returns the bytes of all files below dir by path.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, dir+"/")] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sameTree compares two folders byte by byte.
func sameTree(t *testing.T, a, b string) {
	t.Helper()
	x, y := tree(t, a), tree(t, b)
	for path := range x {
		if x[path] != y[path] {
			t.Errorf("%s differs: %d and %d bytes", path, len(x[path]), len(y[path]))
		}
	}
	if len(x) != len(y) || len(x) == 0 {
		t.Errorf("%d and %d files", len(x), len(y))
	}
}

// spoiled is a warehouse whose n-th export fails, or waits for then.
type spoiled struct {
	release.Warehouse
	n    int
	then func() error
}

func (s *spoiled) Export(ctx context.Context, query, path string) error {
	if s.n--; s.n == 0 {
		if err := s.then(); err != nil {
			return err
		}
	}
	return s.Warehouse.Export(ctx, query, path)
}

var _ release.Warehouse = (*duckdb.DB)(nil)
var _ load.Warehouse = (*duckdb.DB)(nil)
