package snowflake

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// held is a lease on the store. Snowflake enforces no keys and has no locks to
// ask for: without the lease two loads of one run could both insert.
type held struct {
	d      *DB
	holder string
	until  time.Time
}

// hold takes the lease, or says dose.ErrLocked.
func (d *DB) hold(ctx context.Context, s *session) (*held, error) {
	h := &held{d: d, holder: rand.Text()}
	now := d.now()
	h.until = now.Add(d.lease)
	n, err := s.exec(ctx, "take the lease", "UPDATE LOAD_LEASE SET HOLDER = ?, UNTIL_AT = ? WHERE HOLDER IS NULL OR UNTIL_AT < ?", h.holder, h.until.UnixMicro(), now.UnixMicro())
	if err != nil {
		// Two that ask at once: an emulator refuses one, Snowflake lets it wait.
		other, look := s.number(ctx, "read the lease", "SELECT COUNT(*) AS N FROM LOAD_LEASE WHERE HOLDER IS NOT NULL")
		if look != nil || other == 0 || ctx.Err() != nil {
			// Cancelled, it may have been carried out all the same.
			return nil, errors.Join(err, h.release(ctx))
		}
		n = 0
	}
	if n == 0 {
		return nil, fmt.Errorf("another load into Snowflake is running, or died less than %s ago: %w", d.lease, dose.ErrLocked)
	}
	return h, nil
}

// keep lengthens the lease when a third of it is over, from a connection of
// its own: the load's is inside its transaction.
func (h *held) keep(ctx context.Context) (err error) {
	now := h.d.now()
	if h.until.Sub(now) > h.d.lease*2/3 {
		return nil
	}
	s, err := h.d.session(ctx, "dosebook:lease")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	until := now.Add(h.d.lease)
	n, err := s.exec(ctx, "keep the lease", "UPDATE LOAD_LEASE SET UNTIL_AT = ? WHERE HOLDER = ?", until.UnixMicro(), h.holder)
	if err == nil && n == 0 {
		err = fmt.Errorf("another load took the lease, which had run out: %w", dose.ErrLocked)
	}
	h.until = until
	return err
}

// release gives the lease back, also when ctx is over.
func (h *held) release(ctx context.Context) error {
	return insist(ctx, h.d.patience, func(ctx context.Context) error {
		s, err := h.d.own(ctx, "dosebook:lease")
		if err != nil {
			return err
		}
		_, err = s.exec(ctx, "give the lease back", "UPDATE LOAD_LEASE SET HOLDER = NULL, UNTIL_AT = 0 WHERE HOLDER = ?", h.holder)
		return err
	})
}
