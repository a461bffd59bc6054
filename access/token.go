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
}

// CreateToken makes a token for a user that has been granted something, and
// returns it in plain text: the only time it is ever shown. Without an end it
// lives 90 days.
func (s *Store) CreateToken(ctx context.Context, by, user, name string, expires time.Time) (plain string, t Token, err error) {
	defer dose.Wrap(&err, "create token")
	now := s.now()
	if expires.IsZero() {
		expires = now.Add(defaultLife)
	}
	if !expires.After(now) {
		return "", t, fmt.Errorf("the token would have expired already; give a later time: %w", dose.ErrInvalid)
	}
	if len(name) > 128 {
		return "", t, fmt.Errorf("a token's name has up to 128 bytes: %w", dose.ErrInvalid)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // crypto/rand never fails: it ends the program instead
	plain = prefix + base64.RawURLEncoding.EncodeToString(secret)
	hash := sha256.Sum256([]byte(plain))
	t = Token{User: user, Name: name, Created: now, CreatedBy: by, Expires: expires}
	err = s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		if err := s.known(ctx, tx, user); err != nil {
			return Entry{}, err
		}
		const q = "insert into access_token (user, name, hash, created_at, created_by, expires_at) values (?, ?, ?, ?, ?, ?)"
		res, err := tx.ExecContext(ctx, q, user, name, hash[:], micros(now), by, micros(expires))
		if err != nil {
			return Entry{}, err
		}
		t.ID, err = res.LastInsertId()
		detail := user + " until " + expires.UTC().Format(time.RFC3339)
		return Entry{User: by, Action: "create token", Token: t.ID, Detail: detail}, err
	})
	if err != nil {
		return "", Token{}, err
	}
	return plain, t, nil
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
	text, err := sqltext.Text("queries/access_token_list.sql")
	if err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, text, user)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Token
	for rows.Next() {
		var t Token
		var created, expires int64
		var used, revoked sql.NullInt64
		if err := rows.Scan(&t.ID, &t.User, &t.Name, &created, &t.CreatedBy, &expires, &used, &revoked, &t.RevokedBy); err != nil {
			return nil, err
		}
		t.Created, t.Expires, t.LastUsed, t.Revoked = fromMicros(created), fromMicros(expires), fromNull(used), fromNull(revoked)
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
	var user string
	var kept []byte
	var revoked sql.NullInt64
	const q = "select id, user, hash, expires_at, revoked_at from access_token where hash = ?"
	err := s.db.QueryRowContext(ctx, q, hash[:]).Scan(&id, &user, &kept, &expires, &revoked)
	if errors.Is(err, sql.ErrNoRows) {
		return Principal{}, dose.ErrUnknownUser
	}
	if err != nil {
		return Principal{}, fmt.Errorf("authenticate: %w", err)
	}
	// The index compares hashes of what was sent, which nobody can steer;
	// this comparison does not depend on the index.
	if subtle.ConstantTimeCompare(kept, hash[:]) != 1 || revoked.Valid || !s.now().Before(fromMicros(expires)) {
		return Principal{}, dose.ErrUnknownUser
	}
	p, err := s.Principal(ctx, user)
	if err != nil {
		return Principal{}, err
	}
	p.Token = id
	return p, nil
}
