package access

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// A flood of refusals is counted, not copied into the audit.
func TestStrangersCannotFlood(t *testing.T) {
	s, _, now := open(t)
	note := func(remote string) {
		t.Helper()
		if err := s.NoteStranger(t.Context(), remote, "authenticate", "the token is not known", dose.ErrUnknownUser); err != nil {
			t.Fatal(err)
		}
	}
	for range 5000 {
		note("198.51.100.7")
	}
	es, err := s.ListAudit(t.Context(), Unknown, 0, 1000)
	if err != nil || len(es) != 13 { // 1, 2, 4 … 4096
		t.Fatal(len(es), err)
	}
	if e := es[12]; e.Remote != "198.51.100.7" || e.Outcome != "denied" || e.Detail != "the token is not known; refused 4096 times today" {
		t.Errorf("%+v", e)
	}
	for i := range 3000 {
		note(fmt.Sprintf("203.0.%d.%d", i/250, i%250))
	}
	for i := range 300 {
		note(fmt.Sprintf("2001:db8::%x", i)) // one network, and one of too many
	}
	es, _ = s.ListAudit(t.Context(), Unknown, 0, 10_000)
	if n := len(es); n < 1000 || n > 1040 {
		t.Errorf("%d entries of 8300 refusals", n)
	}
	*now = now.Add(24 * time.Hour)
	note("198.51.100.7")
	es, _ = s.ListAudit(t.Context(), Unknown, 0, 10_000)
	if e := es[len(es)-1]; !strings.HasSuffix(e.Detail, "refused 1 times today") {
		t.Errorf("the next day: %+v", e)
	}
	if neighbourhood("2001:db8::1") != neighbourhood("2001:db8::ffff") || neighbourhood("2001:db8:0:1::1") == neighbourhood("2001:db8::1") {
		t.Error("an IPv6 network is not one caller")
	}
}

// A token that was good once names its user and itself, to the audit alone.
func TestEndedTokensAreNamed(t *testing.T) {
	s, _, now := open(t)
	if _, err := s.Grant(t.Context(), "root", Grant{User: "ana", Role: Epi, Level: dose.Identified, Places: []dose.Place{"06001"}}); err != nil {
		t.Fatal(err)
	}
	plain, tok, err := s.CreateToken(t.Context(), "root", "ana", "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(says string) {
		t.Helper()
		_, err := s.Authenticate(t.Context(), plain)
		if !errors.Is(err, dose.ErrUnknownUser) || err.Error() != dose.ErrUnknownUser.Error() {
			t.Error(err)
		}
		if err := s.NoteStranger(t.Context(), "192.0.2.1", "authenticate", "the token is not known", err); err != nil {
			t.Fatal(err)
		}
		es, err := s.ListAudit(t.Context(), "ana", 0, 100)
		if err != nil || len(es) == 0 || es[len(es)-1].Token != tok.ID || es[len(es)-1].Outcome != "denied" || !strings.HasPrefix(es[len(es)-1].Detail, says) {
			t.Errorf("%+v %v", es, err)
		}
	}
	was := *now
	*now = tok.Expires
	refuse("the token has ended")
	*now = was
	if err := s.RevokeToken(t.Context(), "root", tok.ID); err != nil {
		t.Fatal(err)
	}
	*now = was.Add(48 * time.Hour)
	refuse("the token was revoked")
	if all, err := s.Tokens(t.Context(), "ana"); err != nil || !all[0].LastUsed.IsZero() {
		t.Errorf("a refused token counts as used: %+v %v", all, err)
	}
}
