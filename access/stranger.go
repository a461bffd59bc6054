package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Unknown is the user in entries about callers whom nobody knows. No user can
// be called so (userForm).
const Unknown = "(unknown)"

// refusedToken is dose.ErrUnknownUser of a token that was good once: the
// caller is told no more than of any other, the audit is.
type refusedToken struct {
	user  string
	token int64
	why   string
}

func (e refusedToken) Error() string { return dose.ErrUnknownUser.Error() }
func (e refusedToken) Unwrap() error { return dose.ErrUnknownUser }

// maxStrangers bounds how many addresses of a day are counted one by one.
const maxStrangers = 1000

// strangers counts the refusals of a day by token or address.
type strangers struct {
	mu  sync.Mutex
	day string
	of  map[string]int64
}

// count adds one and returns the count of the day.
func (s *strangers) count(day, who string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.day != day {
		s.day, s.of = day, map[string]int64{}
	}
	if _, known := s.of[who]; !known && len(s.of) >= maxStrangers {
		who = "all others"
	}
	s.of[who]++
	return s.of[who]
}

// NoteStranger enters that a caller was refused before it was known who that
// is: action is "authenticate" or "sign in", err what Authenticate said, why
// our own words. So that nobody can flood the audit, the refusals of a token
// or an address are entered at the 1st, 2nd, 4th, 8th … of a day (UTC), and
// those of the thousandth address and all further ones under one count (ASVS
// 5.0, 16.3.1). No text of a token is known here.
func (s *Store) NoteStranger(ctx context.Context, remote, action, why string, err error) error {
	e := Entry{User: Unknown, Action: action, Remote: remote, Outcome: "denied"}
	who := neighbourhood(remote)
	var was refusedToken
	if errors.As(err, &was) {
		e.User, e.Token, why, who = was.user, was.token, was.why, fmt.Sprint("token ", was.token)
	}
	n := s.strangers.count(s.now().UTC().Format(time.DateOnly), who)
	if n&(n-1) != 0 {
		return nil
	}
	e.Detail = fmt.Sprintf("%s; refused %d times today", why, n)
	return s.Audit(ctx, e)
}

// neighbourhood is the address as it is counted: an IPv6 network's 2^64
// addresses are one caller's.
func neighbourhood(remote string) string {
	a, err := netip.ParseAddr(remote)
	if err != nil || a.Unmap().Is4() {
		return remote
	}
	p, err := a.Prefix(64)
	if err != nil {
		return remote
	}
	return p.String()
}
