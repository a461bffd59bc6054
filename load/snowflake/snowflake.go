// Package snowflake is the shared warehouse: a second follower of the log, with
// the tables of the local one and the wide rows beside them (ADR 0013).
//
// It promises that a call of Apply counts whole or not at all, together with
// its ledger position, whatever is killed or cancelled; that two loaders never
// count a run twice; and that the answers are those of load/duckdb, from the
// same texts. What of it was only ever run against an emulator is said in
// docs/SNOWFLAKE.md. No error of it quotes a value, a statement or a secret.
package snowflake

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// Rules are the choices of docs/MATCHING.md that a registry may make, as the
// local warehouse has them; zero means the default.
type Rules struct {
	ComponentLimit  int
	ApartDays       int
	SameDayOtherLot string
}

// Options say what a store needs beside the account. Zero means the default.
type Options struct {
	Rules  Rules
	Codes  *dose.CodeTables // in force; nil: the built-in ones
	Spool  string           // folder for files on their way, which hold identifiers; empty: that for temporary files
	Lease  time.Duration    // how long a loader that died keeps others out; default twice the statement timeout
	Now    func() time.Time
	Getenv func(string) string
	// Payloads returns what the ledger says of the segments up to an entry; nil:
	// nothing is said of them there, and no refused record is sent.
	Payloads func(ctx context.Context, last int64) ([]Payload, error)
}

// DB is the store in one schema of an account. It is not for concurrent use;
// several processes may have one each.
type DB struct {
	db       *sql.DB
	lake     load.Lake
	rules    Rules
	codes    *dose.CodeTables
	spoolDir string
	lease    time.Duration
	now      func() time.Time
	shapes   map[string][]string // columns of tables that are filled by name
	after    func(string)        // a test's: called when a step is done
	mine     *session            // kept from call to call, with its work tables
	patience time.Duration
	payloads func(ctx context.Context, last int64) ([]Payload, error)
	anew     bool // the next application forgets all that was before it
}

var _ load.Warehouse = (*DB)(nil)

// Open signs in and brings the tables to the newest version.
func Open(ctx context.Context, c Config, lake load.Lake, o Options) (_ *DB, err error) {
	defer dose.Wrap(&err, "open the Snowflake warehouse")
	if err := c.Check(); err != nil {
		return nil, err
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	secret, err := c.credentials(o.Getenv)
	if err != nil {
		return nil, err
	}
	if o.Codes == nil {
		o.Codes = dose.Builtin()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Rules.ComponentLimit = cmp.Or(o.Rules.ComponentLimit, 20) // docs/MATCHING.md
	o.Rules.ApartDays = cmp.Or(o.Rules.ApartDays, 14)
	o.Rules.SameDayOtherLot = cmp.Or(o.Rules.SameDayOtherLot, "same")
	if o.Lease == 0 {
		o.Lease = 2 * defaultTimeout
	}
	db, err := pool(c, secret)
	if err != nil {
		return nil, err
	}
	d := &DB{db: db, lake: lake, rules: o.Rules, codes: o.Codes, spoolDir: o.Spool, lease: o.Lease, now: o.Now, shapes: map[string][]string{}, after: func(string) {}, patience: patience, payloads: o.Payloads}
	d.db.SetMaxIdleConns(1)
	s, err := d.own(ctx, "dosebook:open")
	if err == nil {
		err = d.prepare(ctx, s)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *DB) prepare(ctx context.Context, s *session) error {
	if err := migrate(ctx, s); err != nil {
		return err
	}
	for _, table := range []string{"event"} {
		rows, err := s.conn.QueryContext(ctx, "SELECT * FROM "+table+" LIMIT 0")
		if err != nil {
			return told(ctx, "read the columns of a table", err)
		}
		cols, err := rows.Columns()
		if err = errors.Join(err, rows.Close()); err != nil {
			return told(ctx, "read the columns of a table", err)
		}
		for i := range cols {
			cols[i] = strings.ToLower(cols[i])
		}
		d.shapes[table] = cols
	}
	return nil
}

// Close signs out.
func (d *DB) Close() error {
	var err error
	if d.mine != nil {
		err = d.mine.close()
	}
	return errors.Join(err, d.db.Close())
}

// own returns the session that is kept, or another if it is no longer fit.
func (d *DB) own(ctx context.Context, tag string) (_ *session, err error) {
	if d.mine != nil && (d.mine.bad || d.mine.open) {
		if err := d.mine.close(); err != nil {
			return nil, err
		}
		d.mine = nil
	}
	if d.mine == nil {
		if d.mine, err = d.session(ctx, tag); err != nil {
			return nil, err
		}
	}
	d.mine.tag = tag
	return d.mine, nil
}

// Position returns the seq of the last ledger entry applied.
func (d *DB) Position(ctx context.Context) (seq int64, err error) {
	if d.anew {
		return 0, nil
	}
	s, err := d.own(ctx, "dosebook:position")
	if err != nil {
		return 0, fmt.Errorf("warehouse position: %w", err)
	}
	return s.position(ctx)
}

// Anew makes the next Apply, which is to begin with the first entry, take the
// place of all that there is, in its transaction.
func (d *DB) Anew() { d.anew = true }

func (s *session) position(ctx context.Context) (int64, error) {
	return s.number(ctx, "read the position", "SELECT COALESCE(MAX(SEQ), 0) AS N FROM POSITION")
}

// products are the rows of the table of makers, from the vocabulary, so that
// both warehouses count by the same list.
func (d *DB) products() []string {
	number := map[string]int{"pfizer": 1, "moderna": 2, "janssen": 3}
	var rows []string
	for _, v := range d.codes.Vaccines() {
		n := number[dose.Maker(v.CVX)]
		if v.MVX == "NVX" {
			n = 4
		}
		rows = append(rows, fmt.Sprintf("(%d, %d, %s)", v.CVX, n, quote(v.Class)))
	}
	return rows
}

func quote(s string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), "'", "''") + "'"
}
