package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/load"
	sqltext "github.com/dosebook/dosebook/sql"
)

// schemaVersion counts the shapes a release's files have had.
const schemaVersion = 7

// Warehouse is what a build needs: the position it stands at, and results of
// queries as Parquet. Builds call Position first, then Prepare, Export, Rest,
// from one goroutine.
type Warehouse interface {
	Position(ctx context.Context) (int64, error)
	// Prepare makes what several queries of a release share.
	Prepare(ctx context.Context) error
	// Export writes the rows of query to a Parquet file at path.
	Export(ctx context.Context, query, path string) error
	// Rest gives memory back: the pass over the segments needs it.
	Rest(ctx context.Context) error
}

// Segment is one segment of the log, as a release lists it.
type Segment struct {
	load.Entry
	SHA256  string
	Name    string
	Format  string
	Records int64
	Rejects int64
	Files   []load.File // as the ledger has them, relative to the lake
}

// Options of a build. Zero means the default.
type Options struct {
	Workers  int // goroutines; the files do not depend on it
	Rows     int // rows held for all county files together; bounds memory
	Progress func(done, total int64)
	Key      *Signer // signs the manifests and the gate's record; nil: unsigned
	Judge    Judge
}

// Build makes the release of the warehouse's ledger position, asks the gate,
// and makes it the latest if that says ready, unless the latest is of a newer
// position. segments are all segments up to there, in ledger order, with the
// source time that counts. A release that is there already stays as it is,
// and is asked again while it is held; one that failed is made anew. The
// caller holds the lease.
func Build(ctx context.Context, store Store, lake load.Lake, w Warehouse, segments []Segment, o Options) (_ *Manifest, err error) {
	defer dose.Wrap(&err, "build release")
	seq, err := w.Position(ctx)
	if err != nil {
		return nil, err
	}
	if seq == 0 {
		return nil, fmt.Errorf("nothing has been loaded yet; run 'dosebook ingest': %w", dose.ErrNotFound)
	}
	id := identify(seq, segments)
	if err := durable.Sweep(store.Dir); err != nil {
		return nil, err
	}
	if err := store.clear(id); err != nil {
		return nil, err
	}
	if m, err := store.Manifest(id); err == nil {
		return m, store.judge(ctx, w, m, segments, o)
	} else if !errors.Is(err, dose.ErrNotFound) && !errors.Is(err, dose.ErrGone) {
		return nil, err
	}
	if err := proveSegments(ctx, lake, segments, o.Workers); err != nil {
		return nil, err
	}
	folder, err := durable.MkdirPart(filepath.Join(store.Dir, id))
	if err != nil {
		return nil, err
	}
	defer folder.Abort()
	b := builder{dir: folder.Dir, lake: lake, warehouse: w, segments: segments, options: o}
	m := &Manifest{ID: id, LedgerSeq: seq, Schema: schemaVersion, Feeds: feedsOf(segments)}
	if m.Files, err = b.build(ctx, m); err != nil {
		return nil, err
	}
	if _, err := writeManifest(folder.Dir, "", m, o.Key); err != nil {
		return nil, err
	}
	if err := folder.Commit(); err != nil {
		return nil, err
	}
	debug.FreeOSMemory() // of the rows that were held: the gate's queries need as much
	return m, store.judge(ctx, w, m, segments, o)
}

// identify names a release by its ledger position and all that it is made of.
func identify(seq int64, segments []Segment) string {
	h := sha256.New()
	fmt.Fprintln(h, "schema", schemaVersion)
	for _, s := range segments {
		fmt.Fprintln(h, s.Seq, s.Registry, s.Segment, s.SHA256, s.SourceTime)
	}
	return fmt.Sprintf("%06d-%s", seq, hex.EncodeToString(h.Sum(nil))[:8])
}

type builder struct {
	dir       string
	lake      load.Lake
	warehouse Warehouse
	segments  []Segment
	options   Options
}

// build writes all files into the folder and returns them for the root
// manifest.
func (b *builder) build(ctx context.Context, m *Manifest) ([]File, error) {
	// Facts are for this pass only; they never become part of the release.
	facts := filepath.Join(b.dir, durable.Prefix+"facts")
	people := filepath.Join(b.dir, durable.Prefix+"recipients")
	renamed := filepath.Join(b.dir, durable.Prefix+"renamed")
	if err := b.warehouse.Prepare(ctx); err != nil {
		return nil, err
	}
	for path, query := range map[string]string{facts: "models/50_release_facts.sql", people: "models/51_release_recipients.sql",
		renamed: "models/55_release_renamed.sql"} {
		if err := b.export(ctx, query, path); err != nil {
			return nil, err
		}
	}
	files, err := b.tables(ctx)
	if err != nil {
		return nil, err
	}
	quality, err := b.quality(ctx)
	if err != nil {
		return nil, err
	}
	files = append(files, quality...)
	if err := b.warehouse.Rest(ctx); err != nil {
		return nil, err
	}
	places, err := b.counties(ctx, facts, people, renamed)
	if err != nil {
		return nil, err
	}
	for i, p := range dose.Places() {
		pm := *m
		pm.Place, pm.Files = string(p), places[i]
		f, err := writeManifest(b.dir, "counties/"+string(p)+"/", &pm, b.options.Key)
		if err != nil {
			return nil, err
		}
		files = append(append(files, places[i]...), f)
	}
	limited, err := b.limited(ctx, m, places)
	if err != nil {
		return nil, err
	}
	files = append(files, limited...)
	return files, errors.Join(os.Remove(facts), os.Remove(people), os.Remove(renamed))
}

// counties makes the county files in one pass over the segments.
func (b *builder) counties(ctx context.Context, facts, people, renamed string) (_ [][]File, err error) {
	entries := make([]load.Entry, len(b.segments))
	var total, done int64
	for i, s := range b.segments {
		entries[i] = s.Entry
		total += s.Rows
	}
	code, err := readFacts(facts, entries)
	if err != nil {
		return nil, err
	}
	x, err := openExports(people, renamed)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, x.close()) }()
	w, err := newWriter(b.dir, b.options)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.abort()
		}
	}()
	for _, e := range entries {
		if !e.HoldsRecords() {
			continue
		}
		folder, err := b.lake.Folder(e.Registry, e.Segment)
		if err != nil {
			return nil, err
		}
		if err := w.segment(ctx, filepath.Join(folder, load.EventFile), e, code[e.Seq], x); err != nil {
			return nil, fmt.Errorf("segment %s/%s: %w", e.Registry, e.Segment, err)
		}
		delete(code, e.Seq)
		done += e.Rows
		if b.options.Progress != nil {
			b.options.Progress(done, total)
		}
	}
	return w.finish(ctx)
}

// tables makes the tables of the whole release.
func (b *builder) tables(ctx context.Context) ([]File, error) {
	var files []File
	var counties, lines, rejects []string
	counties = append(counties, "(0, 'UNK', 'Unknown', 'Not in California')", "(1, 'OOS', 'Outside California', 'Not in California')")
	for _, c := range dose.Counties() {
		n, err := strconv.Atoi(c.FIPS)
		if err != nil {
			return nil, err
		}
		counties = append(counties, fmt.Sprintf("(%d, %s, %s, 'California')", n, quote(c.FIPS), quote(c.Name)))
	}
	for _, s := range b.segments {
		if s.Rejects > 0 {
			folder, err := b.lake.Folder(s.Registry, s.Segment)
			if err != nil {
				return nil, err
			}
			path := filepath.Join(folder, load.RejectFile)
			rejects = append(rejects, quote(path))
			lines = append(lines, fmt.Sprintf("(%s, %d, %s, %s, %s)", quote(path), s.Seq, quote(s.Registry), quote(s.Segment), quote(s.Name)))
		}
	}
	reject := "52_release_rejects.sql"
	if len(rejects) == 0 {
		reject = "53_release_no_rejects.sql"
	}
	for _, t := range []struct{ file, query string }{
		{"county_day.parquet", "41_county_day.sql"}, {"county_demographic_day.parquet", "42_county_demographic_day.sql"}, {"reject.parquet", reject}, {"segment.parquet", "54_release_segments.sql"},
	} {
		path := filepath.Join(b.dir, t.file)
		err := b.export(ctx, "models/"+t.query, path, "{counties}", strings.Join(counties, ", "), "{population}", populationValues(),
			"{files}", "["+strings.Join(rejects, ", ")+"]", "{rejects}", strings.Join(lines, ", "), "{segments}", b.segmentValues())
		if err != nil {
			return nil, err
		}
		f, err := describe(b.dir, t.file)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func populationValues() string {
	all := dose.Populations()
	rows := make([]string, len(all))
	for i, p := range all {
		rows[i] = fmt.Sprintf("(%s, %s, %s, %d)", quote(p.FIPS), quote(p.Category), quote(p.Value), p.People)
	}
	return strings.Join(rows, ", ")
}

func (b *builder) segmentValues() string {
	rows := make([]string, len(b.segments))
	for i, s := range b.segments {
		rows[i] = fmt.Sprintf("(%d, %s, %s, %s, %s, %s, %s, %d, %d, %d, %d)", s.Seq, quote(s.Registry), quote(s.Segment), quote(s.SHA256),
			quote(s.Name), quote(s.Format), quote(s.Action), s.SourceTime, s.Records, s.Rows, s.Rejects)
	}
	return strings.Join(rows, ", ")
}

func (b *builder) export(ctx context.Context, query, path string, replace ...string) error {
	text, err := sqltext.Text(query)
	if err != nil {
		return err
	}
	return b.exportText(ctx, strings.NewReplacer(replace...).Replace(text), path)
}

func (b *builder) exportText(ctx context.Context, query, path string) error {
	if err := b.warehouse.Export(ctx, query, path); err != nil {
		return err
	}
	return os.Chmod(path, 0o600)
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// describe hashes a file of the folder and counts its rows.
func describe(dir, name string) (File, error) {
	f, p, err := openParquet(filepath.Join(dir, name))
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, io.NewSectionReader(f, 0, 1<<62))
	return File{Path: name, Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil)), Rows: p.NumRows()}, err
}
