package serve

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/control"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// spoilt are the errors that can come up on the way to a decision, with the
// status that the doors then answer.
var spoilt = map[string]struct {
	spoil  func(t *testing.T, w *world)
	status int
}{
	"clock set back":   {func(t *testing.T, w *world) { w.now = day.Add(-48 * time.Hour) }, 403},
	"no clock":         {func(t *testing.T, w *world) { w.now = time.Time{} }, 403},
	"closed":           {func(t *testing.T, w *world) { w.db.Close() }, 500},
	"locked":           {lock, 500},
	"corrupt":          {corrupt, 500},
	"no grants":        {exec("drop table access_attestation; drop table access_request; drop table access_grant"), 500},
	"no agreements":    {exec("alter table access_agreement rename to gone"), 500},
	"no attestations":  {exec("alter table access_attestation rename to gone"), 500},
	"no clock kept":    {exec("drop table access_clock"), 500},
	"no audit":         {exec("drop table audit"), 500},
	"no readings":      {exec("drop table access_reading"), 500},
	"audit full":       {exec("create trigger full before insert on audit begin select raise(abort, 'disk full'); end"), 500},
	"damaged grant":    {exec("update access_grant set level = 'all'"), 403},
	"damaged end":      {exec("update access_grant set expires_at = 'never'"), 500},
	"damaged token":    {exec("update access_token set places = 'all'"), 403},
	"damaged life":     {exec("update access_token set expires_at = 'never'"), 500},
	"damaged clock":    {exec("update access_clock set seen_at = 'now'"), 500},
	"user's tokens":    {exec("update access_token set user = 'nobody'"), 401},
	"agreement ended":  {exec("insert into access_agreement values ('A', 'X', '2024-01-01', 9e15, 0, 'root', 1, 'root'); update access_grant set agreement = 'A'"), 403},
	"agreement passed": {exec("insert into access_agreement values ('A', 'X', '2020-01-01', 1, 0, 'root', null, null); update access_grant set agreement = 'A'"), 403},
}

// door is one address with what it answers while nothing is spoilt.
type door struct {
	address
	user, token, body string
	was               int
}

func (d door) ask(w *world) *httptest.ResponseRecorder {
	if d.body != "" {
		return w.post(d.body, d.token)
	}
	return w.ask(d.method, d.path, d.token)
}

// doors are all addresses of the route table that are not for everybody, for
// one place, as a reader of that place and as the steward.
func doors(t *testing.T, w *world) (all []door) {
	t.Helper()
	steward, epi := w.user("steward", access.Steward, dose.Identified), w.user("epi", access.Epi, dose.Identified, "06019")
	const question = `{"county":"06019","table":"dose"}`
	to := w.permalinkOf(question, epi)
	list := addresses(t, w, func(_, policy string) bool { return policy != "open" })
	for _, path := range []string{to, to[:strings.LastIndex(to, "/")], "/releases/" + id + "/counties/06019/rows?table=dose"} {
		list = append(list, address{method: "GET", path: path, policy: "read place files, limited"})
	}
	for _, a := range list {
		if a.place != "" && a.place != "06019" {
			continue
		}
		d := door{address: a}
		if a.method == "POST" && a.path == extracts {
			d.body = question
		}
		for d.user, d.token = range map[string]string{"steward": steward, "epi": epi} {
			d.was = d.ask(w).Code
			all = append(all, d)
		}
	}
	return all
}

// judgeSpoilt says what is wrong with an answer while name is spoilt.
func (d door) judgeSpoilt(name string, want int, rec *httptest.ResponseRecorder) string {
	reads := d.policy != "user" && d.was < 400
	if name == "no readings" { // that table is written for files with rows alone
		if reads && strings.HasSuffix(d.template, "/counties/{fips}/{file}") && strings.HasPrefix(d.template, "/api/") && rec.Code != want {
			return "the reading could not be noted"
		}
		if rec.Code < 400 {
			return ""
		}
	}
	if rec.Code == http.StatusSeeOther && rec.Body.Len() < 200 { // tells where, and that address is asked too
		return ""
	}
	body := rec.Body.String()
	switch {
	case strings.Contains(body, "rows of") || strings.Contains(body, "counties/06019/") || figureOf.MatchString(body) || strings.HasPrefix(body, "PAR1"):
		return "a record, a count or a file's name"
	case reads && rec.Code != want:
		return fmt.Sprintf("want %d", want)
	case d.policy != "user" && rec.Code < 400:
		return "not refused"
	}
	return ""
}

// Every error on the way to a decision, at every address of the route table
// that is not for everybody: not a byte of a record, no count, and no file's
// name in an answer that a client could keep.
func TestEveryErrorIsARefusal(t *testing.T) {
	whole := newWorld(t)
	whole.plantPages()
	whole.cfg.Convert, whole.cfg.Limits = release.Convert, Limits{PerSecond: 1e6, Burst: 1e6}
	whole.h = New(whole.cfg)
	all := doors(t, whole)
	open := 0
	for _, d := range all {
		if d.was < 400 {
			open++
		}
	}
	if len(all) < 120 || open < 90 {
		t.Fatalf("%d doors, %d of them open", len(all), open)
	}
	must(t, whole.db, "pragma wal_checkpoint(truncate)")
	kept, err := os.ReadFile(filepath.Join(whole.dir, "control.db"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range spoilt {
		t.Run(name, func(t *testing.T) {
			w := whole.withControl(t, kept)
			if c.status == 401 {
				must(t, w.db, "pragma foreign_keys = off; insert into access_user values ('nobody', 0, 'root')")
			}
			c.spoil(t, w)
			for _, d := range all {
				rec := d.ask(w)
				if wrong := d.judgeSpoilt(name, c.status, rec); wrong != "" {
					t.Errorf("%s %s as %s (%d before): %d, %s: %.200s", d.method, d.path, d.user, d.was, rec.Code, wrong, rec.Body)
				}
			}
		})
	}
}

// withControl is the same server on a copy of its control database.
func (w *world) withControl(t *testing.T, kept []byte) *world {
	t.Helper()
	c := &world{t: t, now: w.now, log: w.log, dir: t.TempDir(), cfg: w.cfg, convert: w.convert}
	c.write("control.db", kept)
	db, err := control.Open(t.Context(), c.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	c.db, c.access = db, access.Open(db, func() time.Time { return c.now })
	c.fast()
	c.cfg.Access, c.cfg.Now = c.access, func() time.Time { return c.now }
	c.h = New(c.cfg)
	return c
}

func exec(q string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) { must(t, w.db, "pragma foreign_keys = off; "+q) }
}

func must(t *testing.T, db *sql.DB, q string) {
	t.Helper()
	db.SetMaxOpenConns(1) // so that the pragma holds
	if _, err := db.Exec(q); err != nil {
		t.Fatal(err)
	}
}

// lock holds the write lock in another connection. Waiting for it is cut
// short: ten seconds are for production.
func lock(t *testing.T, w *world) {
	must(t, w.db, "pragma busy_timeout = 20")
	other, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, "control.db")+"?_txlock=exclusive")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(tx.Rollback(), other.Close()) })
}

// corrupt overwrites all but the first page.
func corrupt(t *testing.T, w *world) {
	must(t, w.db, "pragma wal_checkpoint(truncate)")
	path := filepath.Join(w.dir, "control.db")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(b); i++ {
		b[i] = 0xA5
	}
	w.db.Close()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w.cfg.Access = access.Open(db, func() time.Time { return w.now })
	w.h = New(w.cfg)
}
