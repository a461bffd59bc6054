package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/control"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/cvrs"
	"github.com/dosebook/dosebook/extract/fhir"
	"github.com/dosebook/dosebook/extract/hl7v2"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
	"github.com/dosebook/dosebook/release"
)

// The one place that sees both sides of the interfaces.
var (
	_ load.Warehouse    = (*duckdb.DB)(nil)
	_ release.Warehouse = (*duckdb.DB)(nil)
)

// decoder returns the decoder of a format.
func decoder(format string) (extract.Decoder, error) {
	switch format {
	case "cvrs":
		return &cvrs.Decoder{}, nil
	case "hl7v2":
		return &hl7v2.Decoder{}, nil
	case "fhir":
		return &fhir.Decoder{}, nil
	}
	return nil, fmt.Errorf("format %q is not one of auto, cvrs, hl7v2, fhir: %w", format, dose.ErrInvalid)
}

// book is an open data directory.
type book struct {
	dir    string
	db     *sql.DB
	ledger *pipelines.Ledger
	access *access.Store
	lake   load.Lake
	raw    pipelines.Raw
	store  release.Store
	codes  *dose.CodeTables // in force
}

// open opens the data directory for reading and for access; writing records
// needs the lease too.
func (e *env) open(ctx context.Context) (*book, error) {
	db, err := control.Open(ctx, e.data)
	if err != nil {
		return nil, err
	}
	codes, err := codesInForce(e.data)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	b := &book{
		dir: e.data, db: db, codes: codes, ledger: pipelines.NewLedger(db), access: access.Open(db, e.now),
		lake: load.Lake{Dir: filepath.Join(e.data, "lake")}, raw: pipelines.Raw{Dir: filepath.Join(e.data, "raw")},
		store: release.Store{Dir: filepath.Join(e.data, "releases")},
	}
	b.access.Heads = b.auditHeads
	return b, nil
}

// openExisting is open for commands that make no sense on an empty directory.
func (e *env) openExisting(ctx context.Context) (*book, error) {
	if _, err := os.Stat(filepath.Join(e.data, "control.db")); err != nil {
		return nil, fmt.Errorf("%s holds no dosebook data; give --data, or run 'dosebook ingest' first: %w", e.data, dose.ErrNotFound)
	}
	return e.open(ctx)
}

func (b *book) close() error { return b.db.Close() }

// writing holds the lease and the warehouse while f runs.
func (e *env) writing(ctx context.Context, command string, b *book, f func(*duckdb.DB) error) (err error) {
	lease, err := pipelines.Acquire(b.dir, command, e.now())
	if err != nil {
		return err
	}
	defer e.share(ctx, b, command) // after the lease is free: a Snowflake that is away keeps nobody waiting
	defer func() { err = errors.Join(err, lease.Release()) }()
	if err := b.sweep(); err != nil {
		return err
	}
	w, err := e.warehouse(ctx, b, filepath.Join(b.dir, "warehouse.duckdb"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	return f(w)
}

// sweep removes the warehouses that killed looks back (--as-of) left behind.
func (b *book) sweep() error {
	left, err := filepath.Glob(filepath.Join(b.dir, asOfPrefix+"*"))
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

func (e *env) warehouse(ctx context.Context, b *book, path string) (*duckdb.DB, error) {
	return duckdb.Open(ctx, path, b.lake, duckdb.Options{MemoryMB: e.config.Warehouse.MemoryMB, Threads: e.config.Warehouse.Threads,
		Rules: duckdb.Rules(e.config.Matching), Codes: b.codes})
}

func (e *env) runner(b *book, w load.Warehouse) *pipelines.Runner {
	return &pipelines.Runner{Raw: b.raw, Lake: b.lake, Ledger: b.ledger, Warehouses: []load.Warehouse{w},
		Decoder: decoder, Now: e.now, Codes: b.codes, Levels: e.config.levels, Workers: e.config.Workers}
}

// segments lists the log up to a position, as a release needs it.
func (b *book) segments(ctx context.Context, seq int64) ([]release.Segment, error) {
	known, err := b.ledger.List(ctx, seq)
	if err != nil {
		return nil, err
	}
	out := make([]release.Segment, len(known))
	for i, k := range known {
		out[i] = release.Segment{Entry: k.Entry, SHA256: k.SHA256, Name: k.Name, Format: k.Format, Records: k.Records, Rejects: k.Rejects, Files: k.Files}
	}
	return out, nil
}
