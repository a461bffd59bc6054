package access

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Entry is one line of the audit. It names files, never what is in them.
type Entry struct {
	Seq     int64     `json:"seq"`
	Time    time.Time `json:"time"`
	User    string    `json:"user"`
	Token   int64     `json:"token,omitempty"`   // its id
	Session int64     `json:"session,omitempty"` // of a signed-in person
	Remote  string    `json:"remote,omitempty"`
	Grant   int64     `json:"grant,omitempty"`
	Purpose string    `json:"purpose,omitempty"`
	Action  string    `json:"action"`
	Release string    `json:"release,omitempty"`
	Place   string    `json:"place,omitempty"`
	File    string    `json:"file,omitempty"`
	Rows    int64     `json:"rows,omitempty"`
	Bytes   int64     `json:"bytes,omitempty"` // of the whole file, however much of it was asked for
	Outcome string    `json:"outcome"`         // allowed, denied, done; of an end: whole, part, cut
	Of      int64     `json:"of,omitempty"`    // of an end: the entry that allowed it
	Detail  string    `json:"detail,omitempty"`
}

// maxBatch bounds how many entries share one transaction.
const maxBatch = 512

// patience bounds a transaction that the caller can no longer stop.
const patience = 30 * time.Second

// queue holds entries that wait for the disk. Whoever gets the turn writes
// all of them in one transaction: many downloads at once cost one fsync.
type queue struct {
	turn    chan struct{} // of one
	mu      sync.Mutex
	waiting []*pending
}

type pending struct {
	entry Entry
	done  chan error // of one; entry.Seq is set before
}

// Audit writes the entry and returns once it has reached the disk. On an
// error nothing may be handed out. Seq and, where it is zero, Time are set
// here.
func (s *Store) Audit(ctx context.Context, e Entry) error {
	_, err := s.Begin(ctx, e)
	return err
}

// Begin is Audit, and returns the entry's number: the end of a download names
// it.
func (s *Store) Begin(ctx context.Context, e Entry) (seq int64, err error) {
	defer dose.Wrap(&err, "audit")
	if e.User == "" || e.Action == "" || e.Outcome == "" {
		return 0, fmt.Errorf("an entry needs user, action and outcome: %w", dose.ErrInvalid)
	}
	p := &pending{entry: e, done: make(chan error, 1)}
	q := &s.audit
	q.mu.Lock()
	q.waiting = append(q.waiting, p)
	q.mu.Unlock()
	for {
		select {
		case err := <-p.done:
			return p.entry.Seq, err
		case <-ctx.Done():
			q.leave(p)
			return 0, ctx.Err()
		case q.turn <- struct{}{}:
			s.writeWaiting(ctx)
			<-q.turn
		}
	}
}

// leave takes an entry back that nobody has begun to write.
func (q *queue) leave(p *pending) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, p); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
}

func (q *queue) take() []*pending {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), maxBatch)
	batch := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	return batch
}

// writeWaiting writes a batch for others too, so the end of the caller's
// request must not end it.
func (s *Store) writeWaiting(ctx context.Context) {
	batch := s.audit.take()
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	entries := make([]Entry, len(batch))
	for i, p := range batch {
		entries[i] = p.entry
	}
	err := s.write(ctx, entries)
	for i, p := range batch {
		p.entry.Seq = entries[i].Seq
		p.done <- err
	}
}

func (s *Store) write(ctx context.Context, entries []Entry) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	now := s.now()
	if err := appendAudit(ctx, tx, now, entries); err != nil {
		return err
	}
	if err := errors.Join(markUsed(ctx, tx, now, entries), s.markRead(ctx, tx, now, entries)); err != nil {
		return err
	}
	return tx.Commit()
}

// appendAudit adds entries to the chain, and sets their numbers and times. The
// transaction holds the write
// lock, so that no other process can add between the look and the insert.
func appendAudit(ctx context.Context, tx *sql.Tx, now time.Time, entries []Entry) error {
	seq, hash, err := head(ctx, tx)
	if err != nil {
		return err
	}
	insert, err := tx.PrepareContext(ctx, "insert into audit (seq, entry, hash) values (?, ?, ?)")
	if err != nil {
		return err
	}
	defer insert.Close()
	for i := range entries {
		e := &entries[i]
		seq++
		e.Seq = seq
		if e.Time.IsZero() {
			e.Time = now
		}
		e.Time = e.Time.UTC().Truncate(time.Microsecond)
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		hash = link(hash, text)
		if _, err := insert.ExecContext(ctx, seq, string(text), hash); err != nil {
			return err
		}
	}
	return tick(ctx, tx, now)
}

func link(before, entry []byte) []byte {
	h := sha256.New()
	h.Write(before)
	h.Write(entry)
	return h.Sum(nil)
}

// head returns the last row of the chain; without one, 32 zero bytes.
func head(ctx context.Context, tx *sql.Tx) (seq int64, hash []byte, err error) {
	err = tx.QueryRowContext(ctx, "select seq, hash from audit order by seq desc limit 1").Scan(&seq, &hash)
	if err == sql.ErrNoRows {
		return 0, make([]byte, sha256.Size), nil
	}
	return seq, hash, err
}

// markUsed notes when a token was last used, to the minute: one write a
// token and minute, not one a request. A token that was refused was not used.
func markUsed(ctx context.Context, tx *sql.Tx, now time.Time, entries []Entry) error {
	seen := make(map[int64]bool)
	minute := micros(now.Truncate(time.Minute))
	for _, e := range entries {
		if e.Token == 0 || seen[e.Token] || e.Action == "authenticate" {
			continue
		}
		seen[e.Token] = true
		const q = "update access_token set last_used_at = ? where id = ? and coalesce(last_used_at, 0) < ?"
		if _, err := tx.ExecContext(ctx, q, minute, e.Token, minute); err != nil {
			return err
		}
	}
	return nil
}
