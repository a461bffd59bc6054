// Package control opens control.db, the SQLite file that holds the ledger,
// access and the audit.
//
// It promises that the file exists with mode 0600 in a folder of mode 0700,
// is at the newest schema, and that a committed transaction survives a power
// cut. It never holds a record of a person's dose.
package control

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"

	sqltext "github.com/dosebook/dosebook/sql"
)

// idle is how many connections stay open. A new one reads the schema: with
// database/sql's two, fifty downloads at once spent a twentieth of their time
// on that (bench/README.md, J3).
const idle = 16

// Open opens the control database of the data directory, making both where
// they are missing. Several processes may have it open: readers never wait,
// writers wait up to ten seconds for each other.
func Open(ctx context.Context, dataDir string) (_ *sql.DB, err error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("control database: %w", err)
	}
	path := filepath.Join(dataDir, "control.db")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("control database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("control database: %w", err)
	}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(10000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(on)"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("control database: %w", err)
	}
	db.SetMaxIdleConns(idle)
	if err := sqltext.Migrate(ctx, db, "control"); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("control database: %w", err)
	}
	return db, nil
}
