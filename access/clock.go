package access

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// seen returns the latest time that was entered; zero before the first.
func (s *Store) seen(ctx context.Context) (time.Time, error) {
	var at int64
	err := s.db.QueryRowContext(ctx, "select seen_at from access_clock").Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return fromMicros(at), err
}

// tick moves the latest time on, to the minute: one write a minute.
func tick(ctx context.Context, tx *sql.Tx, now time.Time) error {
	const q = "insert into access_clock values (1, ?) on conflict do update set seen_at = excluded.seen_at where excluded.seen_at > seen_at"
	_, err := tx.ExecContext(ctx, q, micros(now.Truncate(time.Minute)))
	return err
}

// Clock returns the latest time that was entered, and whether the clock is so
// far behind it that every door is shut.
func (s *Store) Clock(ctx context.Context) (seen time.Time, shut bool, err error) {
	defer dose.Wrap(&err, "clock")
	seen, err = s.seen(ctx)
	return seen, s.now().Before(seen.Add(-slack)), err
}

// AcceptClock takes the present time as the right one, after the clock ran
// ahead and was put right.
func (s *Store) AcceptClock(ctx context.Context, by string) (err error) {
	defer dose.Wrap(&err, "accept clock")
	return s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		_, err := tx.ExecContext(ctx, "delete from access_clock")
		return Entry{User: by, Action: "accept clock"}, err
	})
}
