package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// prefix starts every token, so that scanners for secrets can find one that
// was left in a file.
const prefix = "dbk_"

// defaultLife is how long a token lives when nobody says.
const defaultLife = 90 * 24 * time.Hour

// Token is what is kept of a token.
type Token struct {
	ID        int64     `json:"id"`
	User      string    `json:"user"`
	Name      string    `json:"name"`
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by"`
	Expires   time.Time `json:"expires"`
	LastUsed  time.Time `json:"last_used,omitzero"` // to the minute
	Revoked   time.Time `json:"revoked,omitzero"`
	RevokedBy string    `json:"revoked_by,omitempty"`
	Within    *Limits   `json:"within,omitempty"`   // its own scope; nil: all that the user may
	Replaces  int64     `json:"replaces,omitempty"` // the token it was rotated from
}

// CreateToken makes a token for a user that has been granted something, and
// returns it in plain text: the only time it is ever shown. Without an end it
// lives 90 days. It may do what the user may.
func (s *Store) CreateToken(ctx context.Context, by, user, name string, expires time.Time) (plain string, t Token, err error) {
	return s.MakeToken(ctx, by, Token{User: user, Name: name, Expires: expires})
}

// MakeToken is CreateToken for a token that may do less: t names the user,
// and may have a name, an end and a scope.
func (s *Store) MakeToken(ctx context.Context, by string, t Token) (plain string, _ Token, err error) {
	defer dose.Wrap(&err, "create token")
	if t.Expires.IsZero() {
		t.Expires = s.now().Add(defaultLife)
	}
	if err := t.check(s.now()); err != nil {
		return "", Token{}, err
	}
	err = s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		if err := s.known(ctx, tx, t.User); err != nil {
			return Entry{}, err
		}
		plain, t, err = s.addToken(ctx, tx, by, t)
		return Entry{User: by, Action: "create token", Token: t.ID, Detail: t.User + " until " + stamp(t.Expires) + t.Within.summary()}, err
	})
	if err != nil {
		return "", Token{}, err
	}
	return plain, t, nil
}

// RotateToken makes a token that takes another's place, with its name and
// scope, as long a life unless expires says, and lets the old one live for
// overlap, so that programs can change over.
func (s *Store) RotateToken(ctx context.Context, by string, id int64, expires time.Time, overlap time.Duration) (plain string, t Token, err error) {
	defer dose.Wrap(&err, "rotate token %d", id)
	now := s.now()
	if overlap < 0 || overlap > 7*24*time.Hour {
		return "", t, fmt.Errorf("the old token may live up to seven days more: %w", dose.ErrInvalid)
	}
	err = s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		all, err := tokens(ctx, tx, "")
		if err != nil {
			return Entry{}, err
		}
		at := slices.IndexFunc(all, func(t Token) bool { return t.ID == id })
		if at < 0 {
			return Entry{}, dose.ErrNotFound
		}
		if t = all[at]; !t.Revoked.IsZero() || !now.Before(t.Expires) {
			return Entry{}, fmt.Errorf("it has ended; make a new one: %w", dose.ErrDenied)
		}
		if slices.ContainsFunc(all, func(other Token) bool { return other.Replaces == id }) {
			return Entry{}, fmt.Errorf("it was rotated already: %w", dose.ErrDenied)
		}
		if expires.IsZero() {
			expires = now.Add(t.Expires.Sub(t.Created))
		}
		old := min(micros(t.Expires), micros(now.Add(overlap)))
		if _, err := tx.ExecContext(ctx, "update access_token set expires_at = ? where id = ?", old, id); err != nil {
			return Entry{}, err
		}
		t.Replaces, t.Expires = id, expires
		if err := t.check(now); err != nil {
			return Entry{}, err
		}
		plain, t, err = s.addToken(ctx, tx, by, t)
		return Entry{User: by, Action: "rotate token", Token: t.ID, Detail: fmt.Sprintf("%s until %s, for token %d, which ends %s", t.User, stamp(t.Expires), id, stamp(fromMicros(old)))}, err
	})
	if err != nil {
		return "", Token{}, err
	}
	return plain, t, nil
}

func (t *Token) check(now time.Time) error {
	if !t.Expires.After(now) {
		return fmt.Errorf("the token would have expired already; give a later time: %w", dose.ErrInvalid)
	}
	if t.Name != "" && (len(t.Name) > 128 || !lineForm.MatchString(t.Name)) {
		return fmt.Errorf("a token's name has up to 128 bytes, on one line: %w", dose.ErrInvalid)
	}
	if t.Within == nil {
		return nil
	}
	for _, p := range t.Within.Places {
		if _, err := dose.ParsePlace(string(p)); err != nil {
			return err
		}
	}
	for _, k := range t.Within.Kinds {
		if !slices.Contains(asks[Read], k) && !slices.Contains(asks[Match], k) {
			return fmt.Errorf("kind %q is not one of place files, state files, records, roster match, audit, grants: %w", k, dose.ErrInvalid)
		}
	}
	_, err := dose.ParseLevel(t.Within.Level.String())
	return err
}

func (s *Store) addToken(ctx context.Context, tx *sql.Tx, by string, t Token) (plain string, _ Token, err error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // crypto/rand never fails: it ends the program instead
	plain = prefix + base64.RawURLEncoding.EncodeToString(secret)
	hash := sha256.Sum256([]byte(plain))
	t.Created, t.CreatedBy, t.LastUsed, t.Revoked, t.RevokedBy = s.now(), by, time.Time{}, time.Time{}, ""
	text, err := sqltext.Text("queries/access_token_add.sql")
	if err != nil {
		return "", t, err
	}
	places, level, kinds := t.Within.columns()
	res, err := tx.ExecContext(ctx, text, t.User, t.Name, hash[:], micros(t.Created), by, micros(t.Expires), places, level, kinds, t.Replaces)
	if err != nil {
		return "", t, err
	}
	t.ID, err = res.LastInsertId()
	return plain, t, err
}

// RevokeToken ends a token at once.
func (s *Store) RevokeToken(ctx context.Context, by string, id int64) (err error) {
	defer dose.Wrap(&err, "revoke token %d", id)
	return s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		const q = "update access_token set revoked_at = coalesce(revoked_at, ?), revoked_by = coalesce(revoked_by, ?) where id = ?"
		return Entry{User: by, Action: "revoke token", Token: id}, one(tx.ExecContext(ctx, q, micros(s.now()), by, id))
	})
}

// Tokens returns the tokens of a user, or of all users when user is empty,
// ended ones included, oldest first.
func (s *Store) Tokens(ctx context.Context, user string) (_ []Token, err error) {
	defer dose.Wrap(&err, "list tokens")
	return tokens(ctx, s.db, user)
}

func tokens(ctx context.Context, db querier, user string) ([]Token, error) {
	text, err := sqltext.Text("queries/access_token_list.sql")
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, text, user)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Token
	for rows.Next() {
		var t Token
		var created, expires int64
		var used, revoked sql.NullInt64
		var places, level, kinds string
		err := rows.Scan(&t.ID, &t.User, &t.Name, &created, &t.CreatedBy, &expires, &used, &revoked, &t.RevokedBy, &places, &level, &kinds, &t.Replaces)
		if err != nil {
			return nil, err
		}
		t.Created, t.Expires, t.LastUsed, t.Revoked = fromMicros(created), fromMicros(expires), fromNull(used), fromNull(revoked)
		if t.Within, err = readLimits(places, level, kinds); err != nil {
			return nil, fmt.Errorf("token %d is damaged (%v); revoke it and make another: %w", t.ID, err, dose.ErrDenied)
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// Authenticate returns the principal that the bearer token stands for, with
// its grants as they are now. Whatever is wrong with the token, the error is
// dose.ErrUnknownUser and says no more; another error means that the control
// database did not answer.
func (s *Store) Authenticate(ctx context.Context, bearer string) (Principal, error) {
	secret, ok := strings.CutPrefix(bearer, prefix)
	if !ok || len(secret) != base64.RawURLEncoding.EncodedLen(32) {
		return Principal{}, dose.ErrUnknownUser
	}
	hash := sha256.Sum256([]byte(bearer))
	var id, expires int64
	var user, places, level, kinds string
	var kept []byte
	var revoked sql.NullInt64
	const q = "select id, user, hash, expires_at, revoked_at, places, level, kinds from access_token where hash = ?"
	err := s.db.QueryRowContext(ctx, q, hash[:]).Scan(&id, &user, &kept, &expires, &revoked, &places, &level, &kinds)
	if errors.Is(err, sql.ErrNoRows) {
		return Principal{}, dose.ErrUnknownUser
	}
	if err != nil {
		return Principal{}, fmt.Errorf("authenticate: %w", err)
	}
	// The index compares hashes of what was sent, which nobody can steer;
	// this comparison does not depend on the index.
	switch {
	case subtle.ConstantTimeCompare(kept, hash[:]) != 1:
		return Principal{}, dose.ErrUnknownUser
	case revoked.Valid:
		return Principal{}, refusedToken{user, id, "the token was revoked"}
	case !s.now().Before(fromMicros(expires)):
		return Principal{}, refusedToken{user, id, "the token has ended"}
	}
	p, err := s.Principal(ctx, user)
	if err != nil {
		return Principal{}, err
	}
	if p.Within, err = readLimits(places, level, kinds); err != nil {
		// Not %w: a damaged row is a refusal, not somebody's wrong input.
		return Principal{}, fmt.Errorf("token %d is damaged (%v); revoke it and make another: %w", id, err, dose.ErrDenied)
	}
	p.Token = id
	return p, nil
}
