package access

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// MakeOwnToken makes a token for the person who signed in, by themself, up to
// 90 days. A token makes no other one: who finds one could keep it for ever.
// A session whose groups narrow the grants makes none either, since a token
// knows of no groups and would open more.
func (s *Store) MakeOwnToken(ctx context.Context, p Principal, name string, life time.Duration) (plain string, _ Token, err error) {
	now := s.now()
	switch {
	case p.User == "" || p.Session == 0:
		return "", Token{}, fmt.Errorf("a token makes no other token; sign in and make it there, or ask the data steward: %w", dose.ErrDenied)
	case life < 24*time.Hour || life > defaultLife:
		return "", Token{}, fmt.Errorf("a token lives one to 90 days: %w", dose.ErrInvalid)
	case p.Roles != nil && slices.ContainsFunc(p.Grants, func(g Grant) bool { return g.Counts(now) && !slices.Contains(p.Roles, g.Role) }):
		return "", Token{}, fmt.Errorf("your groups at the issuer open less than your grants, and a token would open all of them; ask the data steward for a narrower one: %w", dose.ErrDenied)
	}
	return s.MakeToken(ctx, p.User, Token{User: p.User, Name: name, Expires: now.Add(life)})
}

// RevokeOwnToken ends a token of the user at once; one of somebody else's is
// not found.
func (s *Store) RevokeOwnToken(ctx context.Context, p Principal, id int64) error {
	all, err := s.Tokens(ctx, p.User)
	if err != nil {
		return err
	}
	if p.User == "" || !slices.ContainsFunc(all, func(t Token) bool { return t.ID == id }) {
		return fmt.Errorf("you have no such token: %w", dose.ErrNotFound)
	}
	return s.RevokeToken(ctx, p.User, id)
}
