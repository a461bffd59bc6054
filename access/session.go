package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// How long a session lives: idle and in all. NIST SP 800-63B-4 §2.2.3 (AAL2)
// asks for at most an hour idle and a day in all; a working day is enough.
const (
	sessionIdle = 30 * time.Minute
	sessionLife = 12 * time.Hour
)

// Person is somebody whom the issuer has named.
type Person struct {
	User    string // name that grants go by
	Issuer  string
	Subject string // the issuer's own, which it never gives to another
	Roles   []Role // that the person's groups open; nil: all
}

// Session is what is kept of a signed-in person.
type Session struct {
	ID      int64     `json:"id"`
	User    string    `json:"user"`
	Roles   []Role    `json:"roles,omitempty"`
	Created time.Time `json:"created"`
	Idle    time.Time `json:"idle_until"`
	Expires time.Time `json:"expires"`
}

// StartSession signs a person in, and returns the cookie's value: the only
// time it is ever seen. A user's name belongs to the first person who signed
// in under it; for another it is dose.ErrDenied.
func (s *Store) StartSession(ctx context.Context, remote string, p Person) (plain string, _ Session, err error) {
	defer dose.Wrap(&err, "sign in")
	if !userForm.MatchString(p.User) || p.Issuer == "" || p.Subject == "" {
		return "", Session{}, fmt.Errorf("the issuer's name for you can't be a user's name here; ask the data steward: %w", dose.ErrDenied)
	}
	now := s.now()
	err = s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		if err := bind(ctx, tx, now, p); err != nil {
			return Entry{}, err
		}
		plain, err = s.addSession(ctx, tx, now, p)
		return Entry{User: p.User, Action: "sign in", Remote: remote}, err
	})
	if err != nil {
		return "", Session{}, err
	}
	return plain, Session{User: p.User, Roles: p.Roles, Created: now, Idle: now.Add(sessionIdle), Expires: now.Add(sessionLife)}, nil
}

func (s *Store) addSession(ctx context.Context, tx *sql.Tx, now time.Time, p Person) (plain string, err error) {
	plain, hash := secret()
	const q = "insert into access_session (user, hash, roles, created_at, expires_at, used_at) values (?, ?, ?, ?, ?, ?)"
	_, err = tx.ExecContext(ctx, q, p.User, hash, joinRoles(p.Roles), micros(now), micros(now.Add(sessionLife)), micros(now))
	return plain, err
}

// secret returns 256 random bits as text, and its hash.
func secret() (plain string, hash []byte) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // crypto/rand never fails: it ends the program instead
	plain = base64.RawURLEncoding.EncodeToString(b)
	sum := sha256.Sum256([]byte(plain))
	return plain, sum[:]
}

// bind ties the user's name to the person, both ways.
func bind(ctx context.Context, tx *sql.Tx, now time.Time, p Person) error {
	var issuer, subject string
	err := tx.QueryRowContext(ctx, "select issuer, subject from access_identity where user = ? and ended_at is null", p.User).Scan(&issuer, &subject)
	if errors.Is(err, sql.ErrNoRows) {
		// A person who got another name leaves the old one.
		const end = "update access_identity set ended_at = ? where issuer = ? and subject = ? and ended_at is null"
		if _, err := tx.ExecContext(ctx, end, micros(now), p.Issuer, p.Subject); err != nil {
			return err
		}
		const add = "insert into access_identity (user, issuer, subject, created_at) values (?, ?, ?, ?)"
		_, err = tx.ExecContext(ctx, add, p.User, p.Issuer, p.Subject, micros(now))
		return err
	}
	if err == nil && (issuer != p.Issuer || subject != p.Subject) {
		err = fmt.Errorf("this user's name belongs to another person of the issuer; the data steward frees it with 'dosebook access revoke': %w", dose.ErrDenied)
	}
	return err
}

// ResumeSession returns the principal of a session's cookie, with its grants
// as they are now; a person without a grant has none. Whatever is wrong with
// the cookie, the error is dose.ErrUnknownUser and says no more.
func (s *Store) ResumeSession(ctx context.Context, cookie string) (Principal, Session, error) {
	if len(cookie) != base64.RawURLEncoding.EncodedLen(32) {
		return Principal{}, Session{}, dose.ErrUnknownUser
	}
	hash := sha256.Sum256([]byte(cookie))
	var is Session
	var roles string
	var created, expires, used int64
	var ended sql.NullInt64
	const q = "select id, user, roles, created_at, expires_at, used_at, ended_at from access_session where hash = ?"
	err := s.db.QueryRowContext(ctx, q, hash[:]).Scan(&is.ID, &is.User, &roles, &created, &expires, &used, &ended)
	if errors.Is(err, sql.ErrNoRows) {
		return Principal{}, Session{}, dose.ErrUnknownUser
	}
	if err != nil {
		return Principal{}, Session{}, fmt.Errorf("session: %w", err)
	}
	now := s.now()
	is.Created, is.Expires, is.Idle = fromMicros(created), fromMicros(expires), fromMicros(used).Add(sessionIdle)
	if ended.Valid || !now.Before(is.Expires) || !now.Before(is.Idle) || now.Before(is.Created.Add(-slack)) {
		return Principal{}, Session{}, dose.ErrUnknownUser
	}
	if is.Roles, err = splitRoles(roles); err != nil {
		return Principal{}, Session{}, fmt.Errorf("session %d is damaged; sign in again: %w", is.ID, dose.ErrDenied)
	}
	p, err := s.person(ctx, is.User)
	if err != nil {
		return Principal{}, Session{}, err
	}
	p.Session, p.Roles = is.ID, is.Roles
	if now.Sub(fromMicros(used)) >= time.Minute { // one write a minute, not one a request
		is.Idle = now.Add(sessionIdle)
		const touch = "update access_session set used_at = ? where id = ? and used_at < ? and ended_at is null"
		if _, err := s.db.ExecContext(ctx, touch, micros(now), is.ID, micros(now)); err != nil {
			return Principal{}, Session{}, fmt.Errorf("session: %w", err)
		}
	}
	return p, is, nil
}

// person is Principal for somebody who may have no grant.
func (s *Store) person(ctx context.Context, user string) (Principal, error) {
	p, err := s.Principal(ctx, user)
	if errors.Is(err, dose.ErrUnknownUser) {
		return Principal{User: user}, nil
	}
	return p, err
}

// EndSession signs the person of p out, at once.
func (s *Store) EndSession(ctx context.Context, remote string, p Principal) (err error) {
	defer dose.Wrap(&err, "sign out")
	return s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		const q = "update access_session set ended_at = coalesce(ended_at, ?) where id = ? and user = ?"
		return Entry{User: p.User, Session: p.Session, Action: "sign out", Remote: remote}, one(tx.ExecContext(ctx, q, micros(s.now()), p.Session, p.User))
	})
}

// endSessions ends all sessions of a user and frees the name for whom the
// issuer next gives it.
func endSessions(ctx context.Context, tx *sql.Tx, now time.Time, user string) error {
	for _, table := range []string{"access_session", "access_identity"} {
		if _, err := tx.ExecContext(ctx, "update "+table+" set ended_at = ? where user = ? and ended_at is null", micros(now), user); err != nil {
			return err
		}
	}
	return nil
}

// joinRoles is the column's text: without a mapping of groups, '*'; a mapping
// that opens nothing is empty.
func joinRoles(roles []Role) string {
	if roles == nil {
		return "*"
	}
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ",")
}

// splitRoles reads the column; anything it does not know is an error.
func splitRoles(text string) ([]Role, error) {
	if text == "*" {
		return nil, nil
	}
	roles := []Role{}
	for name := range strings.SplitSeq(text, ",") {
		if text == "" {
			break
		}
		r, err := ParseRole(name)
		if err != nil {
			return nil, err
		}
		roles = append(roles, r)
	}
	return roles, nil
}
