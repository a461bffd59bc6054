//go:build !nosnowflake

package snowflake

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

func governor(t *testing.T, c Config) *Governor {
	t.Helper()
	g, err := OpenGovernor(t.Context(), c, "ACCOUNTADMIN", Options{Getenv: env})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// applied counts what became of the statements.
func applied(t *testing.T, g *Governor, plan []Statement, o ApplyOptions) (map[string]int, error) {
	t.Helper()
	n := map[string]int{}
	o.Each = func(o Outcome) error {
		n[o.Outcome]++
		if (o.Why != "") != (o.Outcome == LeftOut) || o.Outcome == Done && o.QueryID == "" {
			t.Errorf("%s: %s, why %q, query %q", o.Slot, o.Outcome, o.Why, o.QueryID)
		}
		return nil
	}
	return n, g.Apply(t.Context(), plan, o)
}

// TestApply: in order, once, on from where it failed, again what changed; what
// the emulator can't run is said.
func TestApply(t *testing.T) {
	c := config(shared(t))
	c.Govern = governed().Govern
	plan, err := Plan(c)
	if err != nil {
		t.Fatal(err)
	}
	g := governor(t, c)
	// Nothing is left out unless it is asked for, and nothing after it is done.
	n, err := applied(t, g, plan, ApplyOptions{})
	if err == nil || !strings.Contains(err.Error(), "statement 2 of ") || !strings.Contains(err.Error(), "00_ledger.2, as SYSADMIN: run it: Snowflake error 001003") || n[Done] != 1 {
		t.Fatalf("%v, %v", n, err)
	}
	// The views need tables: the first load makes them.
	n, err = applied(t, g, plan, ApplyOptions{Emulator: true})
	if !errors.Is(err, dose.ErrDenied) || !strings.Contains(err.Error(), "11_rows.1") || !strings.Contains(err.Error(), "warehouse follow") {
		t.Fatalf("%v, %v", n, err)
	}
	before := n[Done]
	openAt(t, c, load.Lake{Dir: t.TempDir()}, Options{}).Close()
	n, err = applied(t, g, plan, ApplyOptions{Emulator: true})
	if err != nil || n[Stands] != before-3 || n[Done] < 8 {
		t.Fatalf("before %d; %v, %v", before, n, err)
	}
	n, err = applied(t, g, plan, ApplyOptions{Emulator: true})
	if err != nil || n[Done] != 3 || n[LeftOut] < 50 {
		t.Fatalf("again: %v, %v", n, err)
	}
	at := slices.IndexFunc(plan, func(s Statement) bool { return strings.HasPrefix(s.Slot, "12_publish.2") })
	changed, err := Plan(c)
	if err != nil {
		t.Fatal(err)
	}
	for i := at; i < len(changed); i++ {
		changed[i].Hash += "x"
	}
	n, err = applied(t, g, changed, ApplyOptions{Emulator: true})
	if err != nil || n[Done] < 3+5 || n[Stands] == 0 {
		t.Fatalf("changed: %v, %v", n, err)
	}
	for _, view := range []string{"DOSE_EVENT", "DOSE", "RECIPIENT", "COUNTY_DAY", "SEGMENT", "FEED_STATUS"} {
		if _, err := g.log.number(t.Context(), view, "SELECT COUNT(*) AS N FROM "+c.Database+".PUBLISH."+view); err != nil {
			t.Error(err)
		}
	}
}

// TestMapTable: grants, expiries and revocations reach the table; what it has
// too much, too little or twice is seen and mended.
func TestMapTable(t *testing.T) {
	c := config(shared(t))
	plan, err := Plan(c)
	if err != nil {
		t.Fatal(err)
	}
	g := governor(t, c)
	if _, err := g.Drift(t.Context(), nil); !errors.Is(err, dose.ErrDenied) {
		t.Fatalf("no table: %v", err)
	}
	rows := slices.IndexFunc(plan, func(s Statement) bool { return strings.HasPrefix(s.Slot, "11_") })
	if _, err := applied(t, g, plan[:rows], ApplyOptions{Emulator: true}); err != nil {
		t.Fatal(err)
	}
	from := time.Date(2024, 5, 1, 12, 0, 0, 123456000, time.UTC)
	var want []MapRow
	for i, p := range dose.Places() {
		want = append(want, MapRow{"O'NEIL@X", string(p), 2, from, from.AddDate(2, 0, 0), 1}, MapRow{"BEN", string(p), int64(i % 3), from, from.AddDate(1, 0, 0), int64(i + 2)})
	}
	step := func(what string, missing, extra int) {
		t.Helper()
		d, err := g.Sync(t.Context(), want)
		if err != nil || len(d.Missing) != missing || len(d.Extra) != extra {
			t.Fatalf("%s: %d missing, %d too much, %v", what, len(d.Missing), len(d.Extra), err)
		}
		if d, err = g.Drift(t.Context(), want); err != nil || !d.None() || d.Same != len(want) {
			t.Fatalf("%s, after it: %+v, %v", what, d, err)
		}
	}
	step("new", len(want), 0)
	step("again", 0, 0)
	for i := range want {
		if want[i].Grant == 1 {
			want[i].Until = from.Add(time.Hour) // revoked
		}
	}
	step("revoked", len(want)/2, len(want)/2)
	for _, damage := range []string{"INSERT INTO %s SELECT * FROM %[1]s WHERE GRANT_ID = 5", "UPDATE %s SET LEVEL = 2 WHERE GRANT_ID = 3",
		"INSERT INTO %s SELECT 'EVE', PLACE, LEVEL, FROM_AT, UNTIL_AT, 99 FROM %[1]s WHERE GRANT_ID = 7"} {
		if _, err := g.log.exec(t.Context(), "damage", strings.NewReplacer("%s", g.table(), "%[1]s", g.table()).Replace(damage)); err != nil {
			t.Fatal(err)
		}
	}
	step("damaged", 1, 3)
	want = want[:10]
	step("fewer", 0, 2*len(dose.Places())-10)
}
