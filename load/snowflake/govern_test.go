package snowflake

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

var update = flag.Bool("update", false, "write the golden files again")

// governed is a configuration that has all there is.
func governed() Config {
	return Config{Account: "ORG-ACCOUNT", User: "DOSEBOOK_LOADER", Role: "DOSEBOOK_LOADER", Warehouse: "DOSEBOOK_LOAD", Database: "DOSEBOOK", KeyEnv: "K",
		Govern: Govern{Network: []string{"192.0.2.0/24"}, ShareWith: []string{"CAIR.ALAMEDA"}, ReaderAccounts: []ReaderAccount{{"SAN_MATEO", "ADMIN", "SAN_MATEO_PASSWORD"}}}}
}

// printed is the plan as people read it.
func printed(plan []Statement) string {
	var b strings.Builder
	role := ""
	for i, s := range plan {
		if s.Role != role {
			role = s.Role
			fmt.Fprintf(&b, "use role %s;\n\n", role)
		}
		fmt.Fprintf(&b, "-- %d of %d, %s\n%s;\n\n", i+1, len(plan), s.Slot, s.Text)
	}
	return b.String()
}

// TestPlan compares the whole plan with the reviewed text.
func TestPlan(t *testing.T) {
	plan, err := Plan(governed())
	if err != nil {
		t.Fatal(err)
	}
	got := printed(plan)
	const golden = "testdata/plan.sql"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("line %d differs from the reviewed plan; if it is meant: go test ./load/snowflake -run 'TestPlan$' -update, and read the difference\ngot  %q\nwant %q", i+1, g[min(i, len(g)-1)], w[min(i, len(w)-1)])
		}
	}
	slots, hashes := map[string]bool{}, map[string]bool{}
	for _, s := range plan {
		if slots[s.Slot] || hashes[s.Hash] {
			t.Errorf("%s stands twice", s.Slot)
		}
		slots[s.Slot], hashes[s.Hash] = true, true
	}
}

// TestPlanFollows: a change alters the hash of its statement and of all that
// follow, and none before.
func TestPlanFollows(t *testing.T) {
	c := governed()
	was, err := Plan(c)
	if err != nil {
		t.Fatal(err)
	}
	c.Govern.ReadCredits = 7
	is, err := Plan(c)
	if err != nil || len(is) != len(was) {
		t.Fatal(len(is), len(was), err)
	}
	changed := slices.IndexFunc(is, func(s Statement) bool { return strings.Contains(s.Text, "credit_quota = 7") })
	for i := range is {
		if same := is[i].Hash == was[i].Hash; same != (i < changed) {
			t.Errorf("%s: same %v", is[i].Slot, same)
		}
	}
}

// TestPlanCovers: what the declarations of dose say of a column stands in the
// plan: the column in the view, a mask where its level asks for one, none where
// not.
func TestPlanCovers(t *testing.T) {
	plan, err := Plan(governed())
	if err != nil {
		t.Fatal(err)
	}
	text := func(part string) string {
		i := slices.IndexFunc(plan, func(s Statement) bool { return strings.Contains(s.Text, part) })
		if i < 0 {
			t.Fatalf("no statement has %q", part)
		}
		return plan[i].Text
	}
	for view, cols := range map[string][]dose.Column{"GOVERN.DOSE_EVENT_ROWS (": dose.ReleaseColumns(), "GOVERN.RECIPIENT_ROWS (": dose.Recipient()} {
		view := text("view DOSEBOOK." + view)
		if !strings.Contains(view, "with row access policy DOSEBOOK.GOVERN.PLACE_ROWS on (row_home, row_city, row_given)") {
			t.Error("no row access policy")
		}
		for _, c := range cols {
			masked := strings.Contains(view, " using ("+c.Name+", mask_home, mask_city, mask_given)")
			if want := c.Level > dose.Deidentified && !(c.Name == seenBecause && len(cols) == len(dose.ReleaseColumns())); masked != want {
				t.Errorf("%s: masked %v", c.Name, masked)
			}
			if m := maskOf(c); masked && !strings.Contains(view, "GOVERN."+m.name()+" using ("+c.Name+",") {
				t.Errorf("%s has another mask than %s", c.Name, m.name())
			}
		}
	}
	for _, name := range []string{"DOSE_EVENT", "DOSE", "RECIPIENT", "COUNTY_DAY", "SEGMENT", "FEED_STATUS", "REJECT"} {
		if !strings.Contains(text("view DOSEBOOK.PUBLISH."+name+" "), "create or replace secure view") {
			t.Errorf("%s is not secure", name)
		}
	}
	// Refused records are for who sees the state's at level identified.
	counts, records := text("STATE_ROWS set body"), text("STATE_RECORDS set body")
	if want := strings.NewReplacer("STATE_ROWS", "STATE_RECORDS", "m.level >= 0", "m.level >= 2").Replace(counts); records != want || want == counts {
		t.Errorf("%s, want %s", records, want)
	}
	if !strings.Contains(text("view DOSEBOOK.PUBLISH.REJECT "), "with row access policy DOSEBOOK.GOVERN.STATE_RECORDS on (registry)") {
		t.Error("REJECT is open to more")
	}
	// The columns that the view takes from the table are there.
	table, err := sqltext.Text("migrations/snowflake/0001_store.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ = strings.Cut(table, "create table if not exists segment_row")
	for _, c := range dose.Only(dose.ReleaseColumns(), dose.Reported, dose.Row) {
		if !strings.Contains(table, "    "+c.Name+" "+c.Type.SQL()) {
			t.Errorf("segment_row has no %s %s", c.Name, c.Type.SQL())
		}
	}
}

func TestGovernCheck(t *testing.T) {
	for text, g := range map[string]Govern{
		"governor":       {Governor: "a b"},
		"credits":        {ReadCredits: -1},
		"network":        {Network: []string{"0.0.0.0/0'); drop"}},
		"share_with":     {ShareWith: []string{"X; drop"}},
		"reader account": {ReaderAccounts: []ReaderAccount{{"A B", "C", "D"}}},
	} {
		c := governed()
		c.Govern = g
		if _, err := Plan(c); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
	c := governed()
	c.User = "load@dose"
	plan, err := Plan(c)
	if err != nil || !slices.ContainsFunc(plan, func(s Statement) bool { return s.Text == `grant role DOSEBOOK_LOADER to user "load@dose"` }) {
		t.Error("a user's name that is no plain one must be quoted", err)
	}
	for _, s := range plan {
		if strings.Contains(s.Text, "{") && s.Secret == "" {
			t.Errorf("%s: something was not filled in", s.Slot)
		}
	}
}
