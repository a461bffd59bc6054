// Package duckdb is the local warehouse: narrow tables over the keys of all
// events, in one file.
//
// It promises that a call of Apply counts whole or not at all, together with
// its ledger position, and that the answers depend on the set of segments and
// not on how they were cut into calls. The file itself is not reproducible
// byte by byte and is never served.
package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	duckdriver "github.com/duckdb/duckdb-go/v2"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Options bound what the engine may use. Zero means the default.
type Options struct {
	// MemoryMB is DuckDB's memory_limit; resident size is up to twice as
	// much. Default 400, for a promise of 1 GB (bench/README.md), and 10 for
	// each million events: a day's deletes mark pages all over the store, and
	// what is marked stays in memory until the transaction ends.
	MemoryMB int
	// Threads: one costs least CPU and memory, and is the default.
	Threads int
	Rules   Rules
	Codes   *dose.CodeTables // in force; nil: the built-in ones
}

// Rules are the choices of docs/MATCHING.md that a registry may make. Zero
// means the default.
type Rules struct {
	// ComponentLimit is the most recipient ids that the bridge rule may join;
	// more are held for review. Default 20.
	ComponentLimit int
	// ApartDays is the gap from which two doses are two, whatever else agrees.
	// Default 14: the shortest interval that counts is 17 days.
	ApartDays int
	// SameDayOtherLot is the verdict on two events of one person, day and
	// product with different lots: same (the default), different or review.
	SameDayOtherLot string
}

func (r *Rules) complete() error {
	if r.ComponentLimit == 0 {
		r.ComponentLimit = 20
	}
	if r.ApartDays == 0 {
		r.ApartDays = 14
	}
	if r.SameDayOtherLot == "" {
		r.SameDayOtherLot = "same"
	}
	if r.ComponentLimit < 2 || r.ApartDays < 1 || r.ApartDays > 24 {
		return fmt.Errorf("rules: component_limit is at least 2, apart_days 1 to 24: %w", dose.ErrInvalid)
	}
	if v := r.SameDayOtherLot; v != "same" && v != "different" && v != "review" {
		return fmt.Errorf("rules: same_day_other_lot is same, different or review: %w", dose.ErrInvalid)
	}
	return nil
}

// DB is one warehouse file. It is not for concurrent use: the lease's holder
// has it open, and nobody else.
type DB struct {
	db    *sql.DB
	conn  *sql.Conn
	lake  load.Lake
	rules Rules
	codes *dose.CodeTables

	memoryMB int
	grows    bool // memoryMB follows the size of the store
}

var _ load.Warehouse = (*DB)(nil)

// Open opens or makes the warehouse at path, which follows lake. Temporary
// pages go beside it, in a folder of mode 0700: they hold identifiers.
func Open(ctx context.Context, path string, lake load.Lake, o Options) (_ *DB, err error) {
	defer dose.Wrap(&err, "open warehouse %s", filepath.Base(path))
	grows := o.MemoryMB == 0
	if grows {
		o.MemoryMB = leastMB
	}
	if o.Threads == 0 {
		o.Threads = 1
	}
	if o.Codes == nil {
		o.Codes = dose.Builtin()
	}
	if err := o.Rules.complete(); err != nil {
		return nil, err
	}
	tmp := path + ".tmp"
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return nil, err
	}
	connector, err := duckdriver.NewConnector(path, nil)
	if err != nil {
		return nil, err
	}
	d := &DB{db: sql.OpenDB(connector), lake: lake, rules: o.Rules, codes: o.Codes, memoryMB: o.MemoryMB, grows: grows}
	d.db.SetMaxOpenConns(1) // temporary tables belong to one connection
	if err := sqltext.Migrate(ctx, d.db, "duckdb"); err != nil {
		return nil, joinClose(err, d.db)
	}
	if d.conn, err = d.db.Conn(ctx); err != nil {
		return nil, joinClose(err, d.db)
	}
	for _, s := range []string{
		fmt.Sprintf("set memory_limit = '%dMB'", o.MemoryMB),
		fmt.Sprintf("set threads = %d", o.Threads),
		"set temp_directory = " + quote(tmp),
		"set preserve_insertion_order = false",
		"set TimeZone = 'UTC'",
		"set autoinstall_known_extensions = false",
	} {
		if _, err := d.conn.ExecContext(ctx, s); err != nil {
			return nil, joinClose(err, d)
		}
	}
	if err := d.products(ctx); err != nil {
		return nil, joinClose(err, d)
	}
	return d, nil
}

func joinClose(err error, c interface{ Close() error }) error {
	_ = c.Close() // the first error is the one to tell
	return err
}

// Close writes the file out and gives it free.
func (d *DB) Close() error {
	err := d.conn.Close()
	if e := d.db.Close(); err == nil {
		err = e
	}
	return err
}

// Position returns the seq of the last ledger entry applied.
func (d *DB) Position(ctx context.Context) (seq int64, err error) {
	err = d.conn.QueryRowContext(ctx, "select coalesce(max(seq), 0) from position").Scan(&seq)
	if err != nil {
		return 0, fmt.Errorf("warehouse position: %w", err)
	}
	return seq, nil
}

// products fills the table of makers from the vocabulary, so that both count
// by the same list.
func (d *DB) products(ctx context.Context) error {
	number := map[string]int{"pfizer": 1, "moderna": 2, "janssen": 3}
	var rows []string
	for _, v := range d.codes.Vaccines() {
		n := number[dose.Maker(v.CVX)]
		if v.MVX == "NVX" {
			n = 4
		}
		rows = append(rows, fmt.Sprintf("(%d, %d, %s)", v.CVX, n, quote(v.Class)))
	}
	// One statement: row by row it is most of what a small command costs.
	_, err := d.conn.ExecContext(ctx, "begin; delete from product; insert into product values "+strings.Join(rows, ", ")+"; commit")
	return err
}

const leastMB = 400

// grow fits the memory limit to the store.
func (d *DB) grow(ctx context.Context) error {
	if !d.grows {
		return nil
	}
	var events int
	if err := d.conn.QueryRowContext(ctx, "select count(*) from event").Scan(&events); err != nil {
		return err
	}
	d.memoryMB = leastMB + events/100_000
	_, err := d.conn.ExecContext(ctx, fmt.Sprintf("set memory_limit = '%dMB'", d.memoryMB))
	return err
}

// run executes the statements of an SQL text, with {name} replaced.
func (d *DB) run(ctx context.Context, name string, replace ...string) error {
	statements, err := sqltext.Statements(name)
	if err != nil {
		return err
	}
	for _, s := range statements {
		if _, err := d.conn.ExecContext(ctx, strings.NewReplacer(replace...).Replace(s)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// list writes paths as an SQL list of texts.
func list(paths []string) string {
	q := make([]string, len(paths))
	for i, p := range paths {
		q[i] = quote(p)
	}
	return "[" + strings.Join(q, ", ") + "]"
}
