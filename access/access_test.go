package access

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dosebook/dosebook/control"
	"github.com/dosebook/dosebook/dose"
)

var day = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

func open(t testing.TB) (*Store, *sql.DB, *time.Time) {
	t.Helper()
	db, err := control.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	now := day
	return Open(db, func() time.Time { return now }), db, &now
}

func grant(t testing.TB, s *Store, user string, role Role, level dose.Level, places ...dose.Place) Grant {
	t.Helper()
	g, err := s.Grant(t.Context(), "root", Grant{User: user, Role: role, Level: level, All: len(places) == 0, Places: places})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func token(t testing.TB, s *Store, user string) (string, Token) {
	t.Helper()
	plain, tok, err := s.CreateToken(t.Context(), "root", user, "laptop", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return plain, tok
}

func TestTokenLife(t *testing.T) {
	s, db, now := open(t)
	if _, _, err := s.CreateToken(t.Context(), "root", "ana", "", time.Time{}); !errors.Is(err, dose.ErrNotFound) {
		t.Fatalf("token for nobody: %v", err)
	}
	g := grant(t, s, "ana", Epi, dose.Identified, "06001")
	plain, tok := token(t, s, "ana")
	p, err := s.Authenticate(t.Context(), plain)
	if err != nil || p.User != "ana" || p.Token != tok.ID || len(p.Grants) != 1 || p.Grants[0].ID != g.ID {
		t.Fatalf("%+v, %v", p, err)
	}
	var kept string
	if err := db.QueryRow("select group_concat(hex(hash) || name || user) from access_token").Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(kept, plain) || !strings.Contains(kept, fmt.Sprintf("%X", sha256.Sum256([]byte(plain)))) {
		t.Fatal("the token must stand as its SHA-256 only")
	}
	bad := map[string]string{"empty": "", "prefix only": prefix, "other prefix": "xyz_" + plain[4:], "longer": plain + "A",
		"last letter": plain[:len(plain)-1] + string('A'+(plain[len(plain)-1]-'A'+4)%26), "case": strings.ToUpper(plain), "quote": prefix + "' or 1=1 --"}
	for name, b := range bad {
		_, err := s.Authenticate(t.Context(), b)
		if !errors.Is(err, dose.ErrUnknownUser) || b != "" && strings.Contains(err.Error(), b) {
			t.Errorf("%s: %v", name, err)
		}
	}
	*now = tok.Expires
	if _, err := s.Authenticate(t.Context(), plain); !errors.Is(err, dose.ErrUnknownUser) {
		t.Errorf("expired: %v", err)
	}
	*now = day
	if err := s.RevokeToken(t.Context(), "root", tok.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), plain); !errors.Is(err, dose.ErrUnknownUser) {
		t.Errorf("revoked: %v", err)
	}
	if err := s.RevokeToken(t.Context(), "root", 99); !errors.Is(err, dose.ErrNotFound) {
		t.Errorf("unknown token: %v", err)
	}
}

func TestRevocationIsInForceAtOnce(t *testing.T) {
	s, _, _ := open(t)
	g := grant(t, s, "ana", Epi, dose.Identified, "06001")
	plain, _ := token(t, s, "ana")
	ask := func() error {
		p, err := s.Authenticate(t.Context(), plain)
		if err != nil {
			return err
		}
		_, err = Decide(p, Read, Resource{PlaceFiles, "06001", dose.Identified}, day)
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if err := s.Revoke(t.Context(), "root", g.ID); err != nil {
		t.Fatal(err)
	}
	if err := ask(); !errors.Is(err, dose.ErrDenied) {
		t.Fatalf("after revoke: %v", err)
	}
	grant(t, s, "ana", Epi, dose.Identified, "06001")
	if err := errors.Join(ask(), s.RevokeUser(t.Context(), "root", "ana")); err != nil {
		t.Fatal(err)
	}
	if err := ask(); !errors.Is(err, dose.ErrUnknownUser) {
		t.Fatalf("after revoke user: %v", err)
	}
	if gs, err := s.List(t.Context(), ""); err != nil || len(gs) != 2 || gs[1].RevokedBy != "root" || gs[1].Revoked.IsZero() {
		t.Fatalf("%+v %v", gs, err)
	}
	if ts, err := s.Tokens(t.Context(), "ana"); err != nil || len(ts) != 1 || ts[0].Revoked.IsZero() {
		t.Fatalf("%+v %v", ts, err)
	}
}

func TestGrantRefusesNonsense(t *testing.T) {
	s, _, _ := open(t)
	ok := Grant{User: "ana", Role: Epi, Places: []dose.Place{"06001"}, Level: dose.Identified}
	for name, change := range map[string]func(*Grant){
		"no user":     func(g *Grant) { g.User = "" },
		"user form":   func(g *Grant) { g.User = "ana\nroot" },
		"role":        func(g *Grant) { g.Role = "king" },
		"level":       func(g *Grant) { g.Level = 9 },
		"no place":    func(g *Grant) { g.Places = nil },
		"all and one": func(g *Grant) { g.All = true },
		"state":       func(g *Grant) { g.Places = []dose.Place{"OOS"} },
		"malformed":   func(g *Grant) { g.Places = []dose.Place{"06001 06003"} },
		"training":    func(g *Grant) { g.Training = "May 1" },
		"past":        func(g *Grant) { g.Expires = day },
	} {
		g := ok
		change(&g)
		if _, err := s.Grant(t.Context(), "root", g); !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	g, err := s.Grant(t.Context(), "root", ok)
	if err != nil || g.Expires.Sub(day) != defaultTerm || g.ID == 0 || g.CreatedBy != "root" {
		t.Errorf("%+v %v", g, err)
	}
	if g := grant(t, s, "ana", Analyst, dose.Identified); g.Level != dose.Deidentified {
		t.Errorf("analyst at %v", g.Level)
	}
}

func TestDamagedGrantIsARefusal(t *testing.T) {
	for _, change := range []string{"places = ''", "places = '06001 99999'", "places = 'ALL'", "role = 'Steward'", "level = 'full'"} {
		s, db, _ := open(t)
		grant(t, s, "ana", Steward, dose.Identified)
		plain, _ := token(t, s, "ana")
		if _, err := db.Exec("update access_grant set " + change); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Authenticate(t.Context(), plain); !errors.Is(err, dose.ErrDenied) {
			t.Errorf("%s: %v", change, err)
		}
	}
}

func TestClosedDatabaseIsARefusal(t *testing.T) {
	s, db, _ := open(t)
	grant(t, s, "ana", Steward, dose.Identified)
	plain, _ := token(t, s, "ana")
	db.Close()
	if p, err := s.Authenticate(t.Context(), plain); err == nil || p.User != "" {
		t.Errorf("%+v, %v", p, err)
	}
	if err := s.Audit(t.Context(), Entry{User: "ana", Action: "read", Outcome: "allowed"}); err == nil {
		t.Error("audit without a database")
	}
}

func TestAuditFromManyAtOnce(t *testing.T) {
	s, _, _ := open(t)
	grant(t, s, "ana", Epi, dose.Identified, "06001")
	_, tok := token(t, s, "ana")
	const clients, each = 32, 20
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := range each {
				e := Entry{User: "ana", Token: tok.ID, Action: "read", File: fmt.Sprint(c, "-", i), Outcome: "allowed"}
				if err := s.Audit(t.Context(), e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	const want = 2 + clients*each // the grant and the token are there too
	if n, err := s.VerifyAudit(t.Context()); err != nil || n != want {
		t.Fatal(n, err)
	}
	es, err := s.ListAudit(t.Context(), "ana", 0, 10000)
	if err != nil || len(es) != clients*each {
		t.Fatal(len(es), err)
	}
	files := make(map[string]bool)
	for _, e := range es {
		files[e.File] = true
	}
	if len(files) != clients*each {
		t.Fatal("an entry was written twice or lost")
	}
	if ts, _ := s.Tokens(t.Context(), ""); !ts[0].LastUsed.Equal(day) {
		t.Errorf("last used %v", ts[0].LastUsed)
	}
}

func TestAuditOfACancelledRequest(t *testing.T) {
	s, _, _ := open(t)
	s.audit.turn <- struct{}{} // somebody is writing
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Audit(ctx, Entry{User: "a", Action: "read", Outcome: "allowed"}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(s.audit.waiting) != 0 {
		t.Fatal("the entry still waits")
	}
	<-s.audit.turn
	if err := s.Audit(t.Context(), Entry{User: "a", Action: "read", Outcome: "allowed"}); err != nil {
		t.Fatal(err)
	}
}

func TestAuditChainFindsTampering(t *testing.T) {
	for name, change := range map[string]string{
		"edit":         "update audit set entry = replace(entry, 'f3', 'f4') where seq = 3",
		"edit hash":    "update audit set hash = (select hash from audit where seq = 2) where seq = 3",
		"delete":       "delete from audit where seq = 3",
		"delete first": "delete from audit where seq = 1",
		"delete last":  "delete from audit where seq = 6",
		"delete all":   "delete from audit",
		"reorder":      "update audit set seq = case seq when 2 then -3 when 3 then -2 end where seq in (2, 3); update audit set seq = -seq where seq < 0",
		"renumber":     "delete from audit where seq = 3; update audit set seq = seq - 1 where seq > 3; update sqlite_sequence set seq = 5 where name = 'audit'",
		"insert":       "insert into audit (entry, hash) select replace(entry, '\"seq\":6', '\"seq\":7'), hash from audit where seq = 6",
	} {
		t.Run(name, func(t *testing.T) {
			s, db, _ := open(t)
			for i := range 6 {
				if err := s.Audit(t.Context(), Entry{User: "u", Action: "read", File: fmt.Sprint("f", i+1), Outcome: "allowed"}); err != nil {
					t.Fatal(err)
				}
			}
			if n, err := s.VerifyAudit(t.Context()); n != 6 || err != nil {
				t.Fatal(n, err)
			}
			if name != "insert" {
				if _, err := db.Exec(change); err == nil {
					t.Error("the triggers let it through")
				}
			}
			if _, err := db.Exec("drop trigger audit_no_update; drop trigger audit_no_delete; " + change); err != nil {
				t.Fatal(err)
			}
			if n, err := s.VerifyAudit(t.Context()); err == nil {
				t.Errorf("found nothing wrong in %d entries", n)
			}
		})
	}
}

func BenchmarkAudit(b *testing.B) {
	for _, clients := range []int{1, 50} {
		b.Run(fmt.Sprint("clients=", clients), func(b *testing.B) {
			s, _, _ := open(b)
			b.SetParallelism(max(1, clients/2))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := s.Audit(context.Background(), Entry{User: "u", Action: "read", Outcome: "allowed"}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	s, _, _ := open(b)
	grant(b, s, "ana", Epi, dose.Identified, "06001")
	plain, _ := token(b, s, "ana")
	b.SetParallelism(25)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Authenticate(context.Background(), plain); err != nil {
				b.Error(err)
			}
		}
	})
}
