package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Head is the newest entry of the audit at some time, kept outside the
// database: it proves later that the chain up to there was not cut or written
// anew.
type Head struct {
	Seq  int64
	Hash string // hex
	Kept string // where it was kept, for the error text
}

// AuditHead returns the number and the hash of the newest entry.
func (s *Store) AuditHead(ctx context.Context) (seq int64, hash []byte, err error) {
	defer dose.Wrap(&err, "audit head")
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = tx.Rollback() }()
	return head(ctx, tx)
}

// VerifyAudit walks the whole chain and returns how many entries are good.
// An edit, a deletion, a reorder or a cut tail is an error that names the
// first entry that does not fit. Who can rewrite the whole file can rewrite
// the chain: that is found up to the newest of the heads, those given and
// those of s.Heads, which must all be in it.
func (s *Store) VerifyAudit(ctx context.Context, heads ...Head) (n int64, err error) {
	defer dose.Wrap(&err, "verify audit")
	if s.Heads != nil {
		kept, err := s.Heads()
		if err != nil {
			return 0, err
		}
		heads = append(kept, heads...)
	}
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one snapshot, so that highest and rows agree
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }()
	kept := make(map[int64][]Head, len(heads))
	for _, h := range heads {
		kept[h.Seq] = append(kept[h.Seq], h)
	}
	if n, err = walk(ctx, tx, kept); err != nil {
		return n, err
	}
	for _, h := range heads {
		if h.Seq > n {
			return n, fmt.Errorf("the audit ends at entry %d, but %s names entry %d: %s", n, h.Kept, h.Seq, restore)
		}
	}
	var highest int64
	if err := tx.QueryRowContext(ctx, "select coalesce(max(seq), 0) from sqlite_sequence where name = 'audit'").Scan(&highest); err != nil {
		return n, err
	}
	if highest != n {
		return n, fmt.Errorf("the audit ends at entry %d, but %d were written: %s", n, highest, restore)
	}
	return n, nil
}

const restore = "restore control.db from a backup and compare"

// walk follows the chain from its beginning and holds each kept head against
// it.
func walk(ctx context.Context, tx *sql.Tx, kept map[int64][]Head) (n int64, err error) {
	rows, err := tx.QueryContext(ctx, "select seq, entry, hash from audit order by seq")
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	before := make([]byte, sha256.Size)
	for rows.Next() {
		var seq int64
		var entry, hash []byte
		if err := rows.Scan(&seq, &entry, &hash); err != nil {
			return n, err
		}
		var e Entry
		if err := json.Unmarshal(entry, &e); err != nil || e.Seq != seq || seq != n+1 || !bytes.Equal(hash, link(before, entry)) {
			return n, fmt.Errorf("the audit is broken at entry %d: %s", n+1, restore)
		}
		for _, h := range kept[seq] {
			if h.Hash != hex.EncodeToString(hash) {
				return n, fmt.Errorf("the audit was written anew: entry %d is not the one that %s names: %s", seq, h.Kept, restore)
			}
		}
		before, n = hash, seq
	}
	return n, rows.Err()
}

// ListAudit returns up to limit entries of a user (all users when empty)
// after the number since, oldest first.
func (s *Store) ListAudit(ctx context.Context, user string, since int64, limit int) (_ []Entry, err error) {
	defer dose.Wrap(&err, "list audit")
	const q = "select entry from audit where seq > ?1 and (?2 = '' or entry ->> 'user' = ?2) order by seq limit ?3"
	rows, err := s.db.QueryContext(ctx, q, since, user, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Entry
	for rows.Next() {
		var text []byte
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		var e Entry
		if err := json.Unmarshal(text, &e); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// ExportAudit hands every entry after the number since to f as it was hashed,
// with its hash, oldest first: what a copy elsewhere can be proven with.
func (s *Store) ExportAudit(ctx context.Context, since int64, f func(entry json.RawMessage, hash string) error) (err error) {
	defer dose.Wrap(&err, "export audit")
	text, err := sqltext.Text("queries/audit_export.sql")
	if err != nil {
		return err
	}
	rows, err := s.db.QueryContext(ctx, text, since)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var entry, hash []byte
		if err := rows.Scan(&entry, &hash); err != nil {
			return err
		}
		if err := f(entry, hex.EncodeToString(hash)); err != nil {
			return err
		}
	}
	return rows.Err()
}
