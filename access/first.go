package access

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// firstLife is how long the link for the first steward opens.
const firstLife = time.Hour

// errFirst says no more, whatever is wrong with the link.
var errFirst = fmt.Errorf("this link is used, too old, or there is a steward already; a new one is printed when the server starts without a steward: %w", dose.ErrDenied)

// FirstLink returns a secret by which one signed-in person becomes the first
// steward, once and within an hour; links made before end. With a steward in
// force it returns nothing.
func (s *Store) FirstLink(ctx context.Context) (plain string, err error) {
	defer dose.Wrap(&err, "first steward")
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = tx.Rollback() }()
	if has, err := s.hasSteward(ctx, tx); err != nil || has {
		return "", err
	}
	now := s.now()
	plain, hash := secret()
	const end = "update access_first set expires_at = ? where used_at is null and expires_at > ?"
	if _, err := tx.ExecContext(ctx, end, micros(now), micros(now)); err != nil {
		return "", err
	}
	const add = "insert into access_first (hash, created_at, expires_at) values (?, ?, ?)"
	if _, err := tx.ExecContext(ctx, add, hash, micros(now), micros(now.Add(firstLife))); err != nil {
		return "", err
	}
	return plain, tx.Commit()
}

// BecomeFirst makes the user, who has just signed in, the first steward of
// all places by the link's secret. It works once.
func (s *Store) BecomeFirst(ctx context.Context, remote, user, plain string) (err error) {
	defer dose.Wrap(&err, "first steward")
	g := Grant{User: user, Role: Steward, Level: dose.Identified, All: true, Purpose: "first steward, by the link of the server's start"}
	if err := g.check(s.now()); err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(plain))
	return s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		now := micros(s.now())
		const q = "update access_first set used_at = ? where hash = ? and used_at is null and expires_at > ?"
		if err := one(tx.ExecContext(ctx, q, now, hash[:], now)); errors.Is(err, dose.ErrNotFound) {
			return Entry{}, errFirst
		} else if err != nil {
			return Entry{}, err
		}
		if has, err := s.hasSteward(ctx, tx); err != nil || has {
			return Entry{}, errors.Join(err, errFirst)
		}
		err := s.add(ctx, tx, "first link", &g, false)
		return Entry{User: user, Remote: remote, Action: "first steward", Grant: g.ID, Detail: g.summary()}, err
	})
}

// hasSteward says whether a steward of all places is in force.
func (s *Store) hasSteward(ctx context.Context, tx querier) (bool, error) {
	all, err := grants(ctx, tx, "")
	if err != nil {
		return false, err
	}
	now := s.now()
	for _, g := range all {
		if g.steward(now) {
			return true, nil
		}
	}
	return false, nil
}

func (g Grant) steward(now time.Time) bool { return g.Role == Steward && g.All && g.Counts(now) }
