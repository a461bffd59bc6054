package snowflake

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/dosebook/dosebook/snowconn"
)

// session is one connection: temporary tables, stages and transactions belong
// to it. After a fault in a transaction that could not be rolled back it is
// thrown away, so that no later statement runs inside that transaction.
type session struct {
	conn   *sql.Conn
	tag    string
	open   bool // a transaction is
	bad    bool
	shaped bool   // the work tables are there
	meter  *meter // of the run under way

	patience time.Duration // DB.patience
}

// patience is how long the end of a transaction may take that the server
// still works on.
const patience = 30 * time.Second

func (d *DB) session(ctx context.Context, tag string) (*session, error) {
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return nil, told(ctx, "sign in", err)
	}
	return &session{conn: conn, tag: tag, patience: d.patience}, nil
}

func (s *session) exec(ctx context.Context, doing, statement string, args ...any) (int64, error) {
	with, done := s.metered(ctx)
	r, err := s.conn.ExecContext(snowconn.Tagged(with, s.tag), statement, args...)
	done()
	if err != nil {
		s.doubt(ctx)
		return 0, told(ctx, doing, err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return 0, nil // not every statement counts
	}
	return n, nil
}

// doubt throws the connection away at its end when ctx is over: the server may
// still work on the statement, and refuse the next one that comes this way.
func (s *session) doubt(ctx context.Context) { s.bad = s.bad || ctx.Err() != nil }

// query calls row for each row.
func (s *session) query(ctx context.Context, doing, statement string, row func(scan func(...any) error) error) error {
	with, done := s.metered(ctx)
	rows, err := s.conn.QueryContext(snowconn.Tagged(with, s.tag), statement)
	done()
	if err != nil {
		s.doubt(ctx)
		return told(ctx, doing, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return told(ctx, doing, err)
		}
	}
	return told(ctx, doing, rows.Err())
}

// number asks for one whole number.
func (s *session) number(ctx context.Context, doing, statement string) (n int64, err error) {
	err = s.query(ctx, doing, statement, func(scan func(...any) error) error { return scan(&n) })
	return n, err
}

// transaction runs f in a transaction. Its end does not depend on ctx: the
// driver would send no ROLLBACK under a context that is over, and the
// connection would go on inside the transaction.
func (s *session) transaction(ctx context.Context, f func() error) (err error) {
	whole := context.WithoutCancel(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	s.open = true
	if _, err := s.exec(whole, "begin", "BEGIN"); err != nil {
		s.bad = true // whether it began is not known
		return err
	}
	if err := f(); err != nil {
		return errors.Join(err, s.rollback(whole))
	}
	if err := ctx.Err(); err != nil {
		return errors.Join(err, s.rollback(whole))
	}
	if _, err := s.exec(whole, "commit", "COMMIT"); err != nil {
		s.bad = true // the position will tell whether it did
		return err
	}
	s.open = false
	return nil
}

// rollback ends the transaction.
func (s *session) rollback(ctx context.Context) error {
	err := insist(ctx, s.patience, func(ctx context.Context) error {
		_, err := s.exec(ctx, "roll back", "ROLLBACK")
		return err
	})
	if err != nil {
		s.bad = true
		return fmt.Errorf("the transaction was left to the server to end: %w", err)
	}
	s.open = false
	return nil
}

// insist tries f again for as long as patience says, whatever became of ctx: a
// server may still work on a statement whose context is over, and refuses
// another until then.
func insist(ctx context.Context, patience time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		err := f(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// close gives the connection back, or throws it away with whatever it has open.
func (s *session) close() error {
	if s.bad || s.open {
		err := s.conn.Raw(func(any) error { return driver.ErrBadConn })
		if err != nil && !errors.Is(err, driver.ErrBadConn) && !errors.Is(err, sql.ErrConnDone) {
			return err
		}
	}
	if err := s.conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		return err
	}
	return nil
}
