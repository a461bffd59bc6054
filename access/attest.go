package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Attest says, before a grant expires, that it is still needed: it then runs
// until the given time, at most as long as its agreement. Nobody attests for
// themself. After its expiry, a grant is asked for anew.
func (s *Store) Attest(ctx context.Context, id int64, by string, until time.Time, training, reason string) (g Grant, err error) {
	defer dose.Wrap(&err, "attest grant %d", id)
	now := s.now()
	if !lineForm.MatchString(reason) {
		return g, fmt.Errorf("an attestation needs a reason, on one line: %w", dose.ErrInvalid)
	}
	err = s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		if g, err = grantByID(ctx, tx, id); err != nil {
			return Entry{}, err
		}
		was := g.Expires
		switch {
		case !g.Counts(now):
			return Entry{}, fmt.Errorf("it has ended; file a request for a new one: %w", dose.ErrDenied)
		case same(by, g.User):
			return Entry{}, fmt.Errorf("nobody attests a grant of their own; ask another steward: %w", dose.ErrDenied)
		case !until.After(was):
			return Entry{}, fmt.Errorf("it runs until %s already; give a later day, or revoke it: %w", stamp(was), dose.ErrInvalid)
		}
		if training != "" {
			g.Training = training
		}
		g.Expires = until
		if err := errors.Join(g.check(now), s.cover(ctx, tx, &g, true)); err != nil {
			return Entry{}, err
		}
		const q = "insert into access_attestation (grant_id, until, training, reason, at, by) values (?, ?, ?, ?, ?, ?)"
		_, err := tx.ExecContext(ctx, q, id, micros(until), g.Training, reason, micros(now), by)
		return Entry{User: by, Action: "attest", Grant: id, Detail: fmt.Sprintf("until %s; %s", stamp(until), reason)}, err
	})
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

func grantByID(ctx context.Context, tx *sql.Tx, id int64) (Grant, error) {
	all, err := grants(ctx, tx, "")
	if err != nil {
		return Grant{}, err
	}
	for _, g := range all {
		if g.ID == id {
			return g, nil
		}
	}
	return Grant{}, fmt.Errorf("there is no such grant; see 'dosebook access list': %w", dose.ErrNotFound)
}

// Due returns the grants in force that expire within span, soonest first to
// be attested or let go, and raises a notice for each, once.
func (s *Store) Due(ctx context.Context, span time.Duration) (out []Grant, err error) {
	defer dose.Wrap(&err, "due grants")
	now := s.now()
	all, err := grants(ctx, s.db, "")
	if err != nil {
		return nil, err
	}
	for _, g := range all {
		if g.Counts(now) && g.Expires.Before(now.Add(span)) {
			out = append(out, g)
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	for _, g := range out {
		says := fmt.Sprintf("grant %d of %s expires on %s; 'dosebook access attest %[1]d' if it is still needed", g.ID, g.User, g.Expires.Format(time.DateOnly))
		// The day is that of expiry, so that each end is told of once.
		if err := raise(ctx, tx, now, Notice{Kind: "expiring", Day: g.Expires.Format(time.DateOnly), About: fmt.Sprint("grant ", g.ID), Says: says}); err != nil {
			return nil, err
		}
	}
	return out, tx.Commit()
}
