package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/control"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/load/snowflake"
)

// ruled is the moment that all questions are asked at.
var ruled = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// seenRow is a row as the policies see it.
type seenRow struct{ home, city, given string }

// ruleWorld has a user for each role, level, state of a grant and place, and
// some with several grants; asks says which rows each is asked about.
type ruleWorld struct {
	grants []string
	asks   map[string][]seenRow
}

var (
	ruleRoles  = []access.Role{access.Steward, access.Epi, access.Reporter, access.Analyst, access.Plan, access.Auditor}
	ruleStates = []string{"active", "expired", "revoked", "future"}
)

func (w *ruleWorld) grant(user, state string, role access.Role, level dose.Level, places string) {
	from, until, revoked := ruled.AddDate(-1, 0, 0), ruled.AddDate(1, 0, 0), "null"
	switch state {
	case "expired":
		until = ruled // the end itself is out
	case "revoked":
		revoked = fmt.Sprint(ruled.Add(-time.Second).UnixMicro())
	case "future":
		from = ruled.Add(time.Hour)
	}
	w.grants = append(w.grants, fmt.Sprintf("('%s', '%s', '%s', '%s', %d, '', '', '', %d, 'root', %s, null)",
		user, role, places, level, until.UnixMicro(), from.UnixMicro(), revoked))
}

func newRuleWorld() *ruleWorld {
	w := &ruleWorld{asks: map[string][]seenRow{}}
	var rows []seenRow
	for _, p := range dose.Places() {
		r := seenRow{home: string(p), city: string(p)}
		if p[0] >= 'a' { // a city: judged by itself
			r.home = ""
		}
		rows = append(rows, r)
	}
	add := func(state string, role access.Role, level dose.Level, places string) string {
		user := fmt.Sprintf("u%d", len(w.grants))
		w.grant(user, state, role, level, places)
		w.asks[user] = rows
		return user
	}
	for _, role := range ruleRoles {
		for level := range dose.Identified + 1 {
			for _, state := range ruleStates {
				add(state, role, level, "all")
				for _, p := range dose.Places()[:61] {
					add(state, role, level, string(p))
				}
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		user := ""
		places := dose.Places()
		var own []seenRow
		for range 60 {
			r := seenRow{home: string(places[rng.IntN(63)]), given: string(places[rng.IntN(58)])}
			switch r.city = r.home; r.home {
			case "berkeley":
				r.home = "06001"
			case "long-beach", "pasadena":
				r.home = "06037"
			}
			own = append(own, r, seenRow{home: r.home, city: r.city})
		}
		for range 1 + rng.IntN(4) {
			p := []string{string(places[rng.IntN(61)]), string(places[rng.IntN(61)])}
			state, role, level := ruleStates[rng.IntN(3)], ruleRoles[rng.IntN(6)], dose.Level(rng.IntN(3))
			if user == "" {
				user = add(state, role, level, strings.Join(p, " "))
			} else {
				w.grant(user, state, role, level, strings.Join(p, " "))
			}
		}
		w.asks[user] = own
	}
	return w
}

// write makes the control database and the two files: lines of the mapping
// table, and questions with the answers of access.Decide.
func (w *ruleWorld) write(t *testing.T, dir string) (asked int) {
	t.Helper()
	db, err := control.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	users := map[string]bool{}
	for part := range slices.Chunk(w.grants, 500) {
		for _, g := range part {
			user := strings.Split(g, "'")[1]
			if !users[user] {
				if _, err := db.Exec("insert into access_user values (?, 0, 'root')", user); err != nil {
					t.Fatal(err)
				}
			}
			users[user] = true
		}
		const into = "insert into access_grant (user, role, places, level, expires_at, agreement, training, purpose, created_at, created_by, revoked_at, revoked_by) values "
		if _, err := db.Exec(into + strings.Join(part, ", ")); err != nil {
			t.Fatal(err)
		}
	}
	s := access.Open(db, func() time.Time { return ruled })
	rows, left, err := s.Map(t.Context())
	if err != nil || len(left) > 0 {
		t.Fatal(left, err)
	}
	cells(t, filepath.Join(dir, "map.csv"), func(line func(...any)) {
		for _, r := range rows {
			line(r.Principal, r.Place, int(r.Level), r.From.Format(time.DateTime), r.Until.Format(time.DateTime), r.Grant)
		}
	})
	all, err := s.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	principals := map[string]*access.Principal{}
	for _, g := range all {
		p := principals[g.User]
		if p == nil {
			p = &access.Principal{User: g.User}
			principals[g.User] = p
		}
		p.Grants = append(p.Grants, g)
		if p.Seen.Before(g.Created) {
			p.Seen = g.Created // its entry in the audit: before it the clock is wrong
		}
	}
	cells(t, filepath.Join(dir, "ask.csv"), func(line func(...any)) {
		for user, rows := range w.asks {
			asked += len(rows)
			p := *principals[user]
			memo := map[access.Resource]bool{}
			may := func(r access.Resource) bool {
				yes, ok := memo[r]
				if !ok {
					_, err := access.Decide(p, access.Read, r, ruled)
					yes = err == nil
					memo[r] = yes
				}
				return yes
			}
			state := may(access.Resource{Kind: access.StateFiles, Level: dose.Deidentified})
			for _, r := range rows {
				var want [3]bool
				for level := range want {
					for _, place := range []string{r.home, r.city, r.given} {
						want[level] = want[level] || place != "" && may(access.Resource{Kind: access.PlaceFiles, Place: dose.Place(place), Level: dose.Level(level)})
					}
				}
				line(strings.ToUpper(user), r.home, r.city, r.given, want[0], want[1], want[2], state)
			}
		}
	})
	return asked
}

func cells(t *testing.T, path string, f func(line func(...any))) {
	t.Helper()
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	b := bufio.NewWriter(out)
	f(func(all ...any) {
		for i, c := range all {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprint(b, c)
		}
		b.WriteByte('\n')
	})
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// rules takes the rules out of the plan's own statements, as predicates on a
// question, in DuckDB's words.
func rules(t *testing.T) map[string]string {
	t.Helper()
	plan, err := snowflake.Plan(snowflake.Config{Account: "A-B", User: "L", Role: "L", Warehouse: "W", Database: "D", KeyEnv: "K"})
	if err != nil {
		t.Fatal(err)
	}
	body := func(policy string) string {
		for _, s := range plan {
			if _, text, ok := strings.Cut(s.Text, "policy D.GOVERN."+policy+" set body -> "); ok {
				return strings.NewReplacer("D.GOVERN.ACCESS_MAP", "access_map", "current_user()", "ask.who", "current_account()", "ask.account",
					"sysdate()", "timestamp '"+ruled.Format(time.DateTime)+"'").Replace(text)
			}
		}
		t.Fatalf("the plan sets no body of %s", policy)
		return ""
	}
	row := body("PLACE_ROWS")
	out := map[string]string{
		"want1": row, "want0": strings.ReplaceAll(row, "m.level >= 1", "m.level >= 0"), "want_state": body("STATE_ROWS"),
		"want2":                           body("MASK_IDENTIFIED_VARCHAR"),
		"want1 /* a limited column */":    body("MASK_LIMITED_VARCHAR"),
		"want1 /* a limited timestamp */": body("MASK_LIMITED_TIMESTAMP_NTZ"),
	}
	for want, rule := range out {
		if strings.Contains(rule, " val ") {
			out[want] = "(" + strings.ReplaceAll(rule, " val ", " 1 ") + ") is not null"
		}
	}
	// What a lower level sees of a date and an age.
	out["want1 /* a day */"] = "(" + strings.ReplaceAll(strings.ReplaceAll(body("MASK_LIMITED_DATE_YEAR"), " val ", " date '2021-03-05' "), "'year', val", "'year', date '2021-03-05'") + ") = date '2021-03-05'"
	out["want1 /* an age */"] = "(" + strings.ReplaceAll(strings.ReplaceAll(body("MASK_LIMITED_INTEGER_NINETY"), " val ", " 97 "), "(val,", "(97,") + ") = 97"
	return out
}

// TestRule: what Snowflake's policies say, by the text of the plan and over the
// mapping table that grants make, is what access.Decide says: 58 counties and 3
// cities, OOS and UNK, all roles, levels, and states of a grant; rows of two
// places and users of several grants too.
func TestRule(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newRuleWorld()
	asked := w.write(t, dir)
	read := func(file, cols string) string {
		return fmt.Sprintf("select * from read_csv('%s', header = false, nullstr = '', columns = {%s})", filepath.Join(dir, file), cols)
	}
	statements := []string{
		"create table access_map as " + read("map.csv", "principal: 'varchar', place: 'varchar', level: 'integer', from_at: 'timestamp', until_at: 'timestamp', grant_id: 'bigint'"),
		"create table ask as select *, null::varchar as account from (" + read("ask.csv", "who: 'varchar', home: 'varchar', city: 'varchar', given: 'varchar', want0: 'boolean', want1: 'boolean', want2: 'boolean', want_state: 'boolean'") + ")",
		// Accounts outside have no user: some of the same questions, asked by an account.
		"insert into access_map select 'ACCOUNT.' || principal, place, level, from_at, until_at, grant_id from access_map",
		"insert into ask by name select * replace (null as who, who as account) from ask where hash(who) % 40 = 0",
		"insert into ask by name select * replace (null as who, null as account, false as want0, false as want1, false as want2, false as want_state) from ask limit 100",
		"create table answer (rule varchar, wrong bigint, yes bigint, n bigint)",
	}
	all := rules(t)
	for want, rule := range all {
		statements = append(statements, fmt.Sprintf("insert into answer select '%s', count(*) filter (said is distinct from want), count(*) filter (said), count(*) from (select %s as want, (%s) as said from ask)", want, want, rule))
	}
	path := filepath.Join(dir, "rule.duckdb")
	if err := duckdb.Catalog(t.Context(), path, statements); err != nil {
		t.Fatal(err)
	}
	r, err := duckdb.OpenCatalog(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rows, err := r.Query(t.Context(), "select rule, wrong, yes, n from answer")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	answers := 0
	for rows.Next() {
		var rule string
		var wrong, yes, n int
		if err := rows.Scan(&rule, &wrong, &yes, &n); err != nil {
			t.Fatal(err)
		}
		answers++
		if wrong != 0 || yes < 300 || n <= asked {
			t.Errorf("%s: %d of %d answers are not those of access.Decide, %d yes", rule, wrong, n, yes)
		}
		t.Logf("%s: %d questions, %d yes", rule, n, yes)
	}
	if err := rows.Err(); err != nil || answers != len(all) {
		t.Fatal(answers, err)
	}
}
