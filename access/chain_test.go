package access

import (
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

// edit is one way to change the audit behind our back. It returns false when
// it would change nothing.
type edit struct {
	name string
	do   func(t *testing.T, db *sql.DB, r *rand.Rand, n int64) bool
}

func must(t *testing.T, db *sql.DB, q string, args ...any) {
	t.Helper()
	if _, err := db.Exec(q, args...); err != nil {
		t.Fatal(q, err)
	}
}

// relink computes all hashes anew from seq on, as who knows the rule can.
func relink(t *testing.T, db *sql.DB) {
	t.Helper()
	rows, err := db.Query("select seq, entry from audit order by seq")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	before, hashes := make([]byte, 32), map[int64][]byte{}
	for rows.Next() {
		var seq int64
		var entry []byte
		if err := rows.Scan(&seq, &entry); err != nil {
			t.Fatal(err)
		}
		before = link(before, entry)
		hashes[seq] = before
	}
	rows.Close()
	for seq, h := range hashes {
		must(t, db, "update audit set hash = ? where seq = ?", h, seq)
	}
}

var edits = []edit{
	{"a byte of an entry", func(t *testing.T, db *sql.DB, r *rand.Rand, n int64) bool {
		seq := r.Int64N(n) + 1
		var entry []byte
		if err := db.QueryRow("select entry from audit where seq = ?", seq).Scan(&entry); err != nil {
			t.Fatal(err)
		}
		entry[r.IntN(len(entry))] ^= byte(1 + r.IntN(127))
		must(t, db, "update audit set entry = ? where seq = ?", string(entry), seq)
		return true
	}},
	{"a byte of a hash", func(t *testing.T, db *sql.DB, r *rand.Rand, n int64) bool {
		seq := r.Int64N(n) + 1
		var h []byte
		if err := db.QueryRow("select hash from audit where seq = ?", seq).Scan(&h); err != nil {
			t.Fatal(err)
		}
		h[r.IntN(len(h))] ^= byte(1 + r.IntN(255))
		must(t, db, "update audit set hash = ? where seq = ?", h, seq)
		return true
	}},
	{"an outcome", func(t *testing.T, db *sql.DB, r *rand.Rand, n int64) bool {
		must(t, db, `update audit set entry = replace(entry, '"allowed"', '"denied"') where seq = ?`, r.Int64N(n)+1)
		return true
	}},
	{"deletion", func(t *testing.T, db *sql.DB, r *rand.Rand, n int64) bool {
		must(t, db, "delete from audit where seq = ?", r.Int64N(n)+1)
		return true
	}},
	{"deletion, renumbered", func(t *testing.T, db *sql.DB, r *rand.Rand, n int64) bool {
		seq := r.Int64N(n) + 1
		must(t, db, "delete from audit where seq = ?", seq)
		must(t, db, "update audit set seq = -seq where seq > ?", seq)
		must(t, db, "update audit set seq = -seq - 1 where seq < 0")
		must(t, db, "update sqlite_sequence set seq = ? where name = 'audit'", n-1)
		return true
	}},
	{"two entries swapped", func(t *testing.T, db *sql.DB, r *rand.Rand, n int64) bool {
		a, b := r.Int64N(n)+1, r.Int64N(n)+1
		must(t, db, "update audit set seq = -seq where seq in (?, ?)", a, b)
		must(t, db, "update audit set seq = ? where seq = ?", b, -a)
		must(t, db, "update audit set seq = ? where seq = ?", a, -b)
		return a != b
	}},
	{"cut", func(t *testing.T, db *sql.DB, r *rand.Rand, n int64) bool {
		must(t, db, "delete from audit where seq > ?", r.Int64N(n))
		return true
	}},
	{"cut, the counter too", func(t *testing.T, db *sql.DB, r *rand.Rand, n int64) bool {
		keep := r.Int64N(n)
		must(t, db, "delete from audit where seq > ?", keep)
		must(t, db, "update sqlite_sequence set seq = ? where name = 'audit'", keep)
		return true
	}},
	{"an entry too many", func(t *testing.T, db *sql.DB, r *rand.Rand, n int64) bool {
		must(t, db, "insert into audit (entry, hash) select entry, hash from audit where seq = ?", r.Int64N(n)+1)
		return true
	}},
	{"an entry changed, all hashes made anew", func(t *testing.T, db *sql.DB, r *rand.Rand, n int64) bool {
		must(t, db, `update audit set entry = replace(entry, '"user":"u"', '"user":"v"') where seq = ?`, r.Int64N(n)+1)
		relink(t, db)
		return true
	}},
}

// A thousand edits of the audit, of ten kinds: all found (issue 8). What only
// a kept head can show, a cut with its counter and a chain written anew, is
// shown by it; the last entry deleted is such a cut.
func TestThousandEdits(t *testing.T) {
	s, db, _ := open(t)
	db.SetMaxOpenConns(1)
	must(t, db, "pragma synchronous = off")
	const n = 24
	for i := range n {
		if err := s.Audit(t.Context(), Entry{User: "u", Action: "read", File: fmt.Sprint("f", i), Rows: int64(i), Outcome: "allowed"}); err != nil {
			t.Fatal(err)
		}
	}
	seq, hash, err := s.AuditHead(t.Context())
	if err != nil || seq != n {
		t.Fatal(seq, err)
	}
	kept := Head{Seq: seq, Hash: hex.EncodeToString(hash), Kept: "release 7"}
	must(t, db, "drop trigger audit_no_update; drop trigger audit_no_delete; create table good as select * from audit")
	r := rand.New(rand.NewPCG(8, 8))
	done, missed, alone := 0, map[string]int{}, map[string]int{}
	for done < 1000 {
		e := edits[done%len(edits)]
		if e.do(t, db, r, n) {
			done++
			if _, err := s.VerifyAudit(t.Context(), kept); err == nil {
				missed[e.name]++
			}
			if _, err := s.VerifyAudit(t.Context()); err == nil {
				alone[e.name]++
			}
		}
		must(t, db, "delete from audit; insert into audit select * from good; update sqlite_sequence set seq = 24 where name = 'audit'")
	}
	if m, err := s.VerifyAudit(t.Context(), kept); err != nil || m != n {
		t.Fatal("the restored audit is not whole:", m, err)
	}
	if len(missed) > 0 {
		t.Errorf("not found: %v", missed)
	}
	for name := range alone {
		if !strings.HasPrefix(name, "cut, ") && !strings.HasSuffix(name, "anew") && name != "deletion, renumbered" {
			t.Errorf("found by the kept head alone: %s", name)
		}
	}
	t.Logf("%d edits found; without the kept head %v would pass", done, alone)
}

func TestHeadsOfAnotherAudit(t *testing.T) {
	s, _, _ := open(t)
	if err := s.Audit(t.Context(), Entry{User: "u", Action: "read", Outcome: "allowed"}); err != nil {
		t.Fatal(err)
	}
	for _, h := range []Head{{Seq: 1, Hash: "00", Kept: "release x"}, {Seq: 2, Hash: "00", Kept: "release x"}} {
		if _, err := s.VerifyAudit(t.Context(), h); err == nil || !strings.Contains(err.Error(), "release x") {
			t.Errorf("%+v: %v", h, err)
		}
	}
}

func TestExportProvesItself(t *testing.T) {
	s, _, _ := open(t)
	for i := range 5 {
		if err := s.Audit(t.Context(), Entry{User: "u", Action: "read", File: fmt.Sprint(i), Outcome: "allowed"}); err != nil {
			t.Fatal(err)
		}
	}
	before, n := make([]byte, 32), 0
	err := s.ExportAudit(t.Context(), 0, func(entry json.RawMessage, hash string) error {
		before = link(before, entry)
		if n++; hex.EncodeToString(before) != hash {
			t.Errorf("entry %d", n)
		}
		return nil
	})
	if err != nil || n != 5 {
		t.Error(n, err)
	}
	stop := errors.New("stop")
	if err := s.ExportAudit(t.Context(), 3, func(json.RawMessage, string) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestWhoSawAPlace(t *testing.T) {
	s, _, now := open(t)
	read := func(user, place, file string, rows int64, outcome string) {
		t.Helper()
		e := Entry{User: user, Action: "read", Release: "r1", Place: place, File: file, Rows: rows, Outcome: outcome}
		if err := s.Audit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	read("ana", "06001", "dose.csv", 10, "allowed")
	read("ana", "06001", "dose.csv", 10, "allowed") // again: once
	read("ben", "berkeley", "dose.csv", 4, "allowed")
	read("cy", "06037", "dose.csv", 9, "allowed")
	read("dan", "06001", "dose.csv", 10, "denied")
	read("eve", "", "reject.csv", 3, "allowed")
	*now = day.AddDate(0, 0, 1)
	read("ana", "06001", "dose.csv", 10, "allowed")
	for _, c := range []struct {
		place dose.Place
		since string
		want  string
	}{
		{"06001", "", "ana06001 benberkeley eve ana06001"}, {"berkeley", "", "ana06001 benberkeley eve ana06001"}, {"06037", "", "cy06037 eve"},
		{"pasadena", "", "cy06037 eve"}, {"06003", "", "eve"}, {"06001", "2024-05-02", "ana06001"},
	} {
		got, err := s.WhoSaw(t.Context(), c.place, c.since, 100)
		var names []string
		for _, r := range got {
			names = append(names, r.User+r.Place)
		}
		if err != nil || strings.Join(names, " ") != c.want {
			t.Errorf("%s since %q: %v %v", c.place, c.since, names, err)
		}
	}
	if _, err := s.WhoSaw(t.Context(), "06002", "", 1); !errors.Is(err, dose.ErrInvalid) {
		t.Error(err)
	}
}

func TestUnusualDaysAreTold(t *testing.T) {
	s, _, now := open(t)
	s.Unusual = Unusual{Rows: 100, Times: 3, Denied: 4}
	read := func(file string, rows int64, outcome string) int {
		t.Helper()
		if err := s.Audit(t.Context(), Entry{User: "ana", Action: "read", Release: "r", Place: "06001", File: file, Rows: rows, Outcome: outcome}); err != nil {
			t.Fatal(err)
		}
		all, err := s.Notices(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	if n := read("a", 99, "allowed"); n != 0 {
		t.Error("few rows are told")
	}
	if n := read("a", 99, "allowed"); n != 0 {
		t.Error("the same file counts twice")
	}
	*now = day.AddDate(0, 0, 1)
	if n := read("a", 296, "allowed"); n != 0 {
		t.Error("less than three times the busiest day is told")
	}
	if n := read("b", 1, "allowed"); n != 1 {
		t.Error("three times the busiest day is not told")
	}
	if n := read("c", 500, "allowed"); n != 1 {
		t.Error("a day is told twice")
	}
	for range 3 {
		read("d", 0, "denied")
	}
	if n := read("d", 0, "denied"); n != 2 {
		t.Error("refusals are not told")
	}
	unsent, err := s.Unsent(t.Context(), "mail")
	if err != nil || len(unsent) != 2 || unsent[0].Kind != "volume" || unsent[1].Kind != "denied" {
		t.Fatalf("%+v %v", unsent, err)
	}
	if err := s.Sent(t.Context(), unsent[0].ID, "mail"); err != nil {
		t.Fatal(err)
	}
	if unsent, _ = s.Unsent(t.Context(), "mail"); len(unsent) != 1 || unsent[0].Kind != "denied" {
		t.Errorf("%+v", unsent)
	}
}
