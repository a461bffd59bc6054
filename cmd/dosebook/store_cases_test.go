package main

import (
	"database/sql"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var onlyCase = flag.String("case", "*", "the cases testdata/cases/store-`GLOB` to run, alone in their store")

// fewestCases is how many cases there must be at least.
const fewestCases = 60

// The truth table of the store: every case is loaded into one store, step by
// step beside all others, and judged on its own rows of one release.
func TestStoreCases(t *testing.T) {
	t.Parallel()
	cases := storeCases(t, *onlyCase)
	if *onlyCase == "*" && len(cases) < fewestCases {
		t.Errorf("%d cases, fewer than %d", len(cases), fewestCases)
	}
	byConfig := map[string][]*storeCase{}
	for _, c := range cases {
		byConfig[c.config] = append(byConfig[c.config], c)
	}
	for _, config := range slices.Sorted(maps.Keys(byConfig)) {
		name := "default"
		if config != "" {
			name = config
		}
		t.Run(name, func(t *testing.T) { t.Parallel(); runStore(t, config, byConfig[config]) })
	}
}

// runStore loads cases of one configuration, then asks the same of a store
// that got the steps of any-order cases backwards, and holds the release
// against those from rebuilt warehouses.
func runStore(t *testing.T, config string, cases []*storeCase) {
	d := loadStore(t, config, cases, false)
	all := d.tables(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.judge(t, all) })
	}
	if testing.Short() {
		return
	}
	want := d.hashes(t, "releases")
	t.Run("rebuilt at once", func(t *testing.T) {
		r := copyOf(t, data(d.data), "control.db", "raw", "lake")
		d.on(r).ok(t, "warehouse", "rebuild")
		d.on(r).ok(t, "release", "build")
		sameFiles(t, "a release of the warehouse rebuilt at once", r.hashes(t, "releases"), want)
	})
	t.Run("rebuilt entry by entry", func(t *testing.T) {
		r := copyOf(t, data(d.data), "control.db", "raw", "lake")
		followOneByOne(t, d.on(r))
		d.on(r).ok(t, "release", "build")
		sameFiles(t, "a release of the warehouse rebuilt entry by entry", r.hashes(t, "releases"), want)
	})
	t.Run("backwards", func(t *testing.T) {
		free := slices.DeleteFunc(slices.Clone(cases), func(c *storeCase) bool { return !c.anyOrder })
		if len(free) == 0 {
			t.Skip("no case holds in any order")
		}
		back := loadStore(t, config, free, true).tables(t)
		for _, c := range free {
			t.Run(c.name, func(t *testing.T) { c.judge(t, back); c.same(t, back, all) })
		}
	})
}

// store is a data directory with a configuration.
type store struct {
	data
	config string // path, or empty
}

func (s store) on(d data) store { return store{d, s.config} }

func (s store) exits(t *testing.T, code int, args ...string) result {
	t.Helper()
	if s.config != "" {
		args = append([]string{"--config", s.config}, args...)
	}
	return s.data.exits(t, code, args...)
}

func (s store) ok(t *testing.T, args ...string) string { t.Helper(); return s.exits(t, 0, args...).out }

// loadStore loads step k of every case before step k+1 of any, the last step
// first where it goes back, and builds a release.
func loadStore(t *testing.T, config string, cases []*storeCase, back bool) store {
	t.Helper()
	s := store{data: newData(t)}
	if config != "" {
		s.config = write(t, "dosebook.yaml", config+"\n")
	}
	most := 0
	for _, c := range cases {
		most = max(most, len(c.steps))
	}
	for k := range most {
		calls := map[string][]string{} // flags and exit code → paths
		for _, c := range cases {
			if k >= len(c.steps) {
				continue
			}
			step := c.steps[k]
			if back {
				step = c.steps[len(c.steps)-1-k]
			}
			if step.kind == "decide" {
				s.ok(t, step.args...)
				continue
			}
			text, err := c.text(step)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			call := fmt.Sprint(step.exit) + "\n" + strings.Join(append([]string{"--registry", step.registry}, step.args...), "\n")
			calls[call] = append(calls[call], write(t, step.name, text))
		}
		for _, call := range slices.Sorted(maps.Keys(calls)) {
			words := strings.Split(call, "\n")
			var code int
			_, _ = fmt.Sscan(words[0], &code)
			args := append([]string{"ingest", "--json", "--reject-limit", "1"}, words[1:]...)
			s.exits(t, code, append(append(args, "--"), calls[call]...)...)
		}
	}
	s.ok(t, "release", "build")
	return s
}

// followOneByOne makes the warehouse from the lake, one ledger entry a call.
func followOneByOne(t *testing.T, s store) {
	t.Helper()
	e := &env{data: string(s.data), configFile: s.config, out: io.Discard, err: io.Discard, now: time.Now}
	if err := e.readConfig(nil); err != nil {
		t.Fatal(err)
	}
	b, err := e.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	w, err := e.warehouse(t.Context(), b, filepath.Join(b.dir, "warehouse.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	last, err := b.ledger.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for seq := int64(1); seq <= last; seq++ {
		if err := e.runner(b, w).FollowTo(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	if bad, err := w.Check(t.Context()); err != nil || len(bad) > 0 {
		t.Errorf("invariants: %v %v", bad, err)
	}
}

// tables reads what the cases look at: views of the release, the county files
// and, from the warehouse, the pairs that were judged.
func (s store) tables(t *testing.T) map[string][]fields {
	t.Helper()
	out := map[string][]fields{}
	for table, query := range map[string]string{
		"dose_event": "from dose_event", "dose": "from dose", "recipient": "from recipient",
		"seen":     "select *, parse_filename(parse_dirpath(filename)) as file from read_parquet('{root}/counties/*/dose_event.parquet', filename = true)",
		"seen_who": "select *, parse_filename(parse_dirpath(filename)) as file from read_parquet('{root}/counties/*/recipient.parquet', filename = true)",
	} {
		query = strings.ReplaceAll(query, "{root}", filepath.Join(string(s.data), "releases", s.latest(t).ID))
		r := csv.NewReader(strings.NewReader(s.ok(t, "sql", "--format", "csv", query)))
		lines, err := r.ReadAll()
		if err != nil || len(lines) < 2 {
			t.Fatalf("%s: %d lines, %v", table, len(lines), err)
		}
		for _, l := range lines[1:] {
			f := fields{}
			for i, name := range lines[0] {
				f[name] = l[i]
			}
			out[table] = append(out[table], f)
		}
	}
	out["pair"] = s.pairs(t)
	return out
}

// pairs reads the judged pairs, by id.
func (s store) pairs(t *testing.T) []fields {
	t.Helper()
	db, err := sql.Open("duckdb", filepath.Join(string(s.data), "warehouse.duckdb")+"?access_mode=read_only")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `select a.registry, a.vax_event_id, b.registry, b.vax_event_id, p.gap, p.score, p.vote, p.rule, p.verdict
		from dose_pair p join event a on a.event_key = p.a join event b on b.event_key = p.b`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []fields
	for rows.Next() {
		var ra, a, rb, b, rule, verdict string
		var gap, vote int
		var score float64
		if err := rows.Scan(&ra, &a, &rb, &b, &gap, &score, &vote, &rule, &verdict); err != nil {
			t.Fatal(err)
		}
		if b < a { // a file's rows are as old as each other: which comes first is a matter of hashes
			ra, a, rb, b = rb, b, ra, a
		}
		out = append(out, fields{"registry": ra, "vax_event_id": a, "registry_b": rb, "b": b, "gap": fmt.Sprint(gap),
			"score": fmt.Sprintf("%.3f", score), "vote": fmt.Sprintf("%+d", vote), "rule": rule, "verdict": verdict})
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// of is the case's own rows of a table.
func (c *storeCase) of(all map[string][]fields, table string) []fields {
	var out []fields
	for _, f := range all[table] {
		id := f["vax_event_id"]
		if table == "recipient" || table == "seen_who" {
			id = f["recip_id"]
		}
		if strings.HasPrefix(id, c.prefix()) {
			out = append(out, f)
		}
	}
	return out
}

// show is a cell as the cases write it.
func (c *storeCase) show(f fields, col string, names map[string]string) string {
	name := func(registry, id string) string {
		id = strings.TrimPrefix(id, c.prefix())
		if registry != "CAIR2" {
			return registry + "/" + id
		}
		return id
	}
	switch col {
	case "event", "a":
		return name(f["registry"], f["vax_event_id"])
	case "b":
		return name(f["registry_b"], f["b"])
	case "recip_id":
		return strings.TrimPrefix(f[col], c.prefix())
	case "person", "dose":
		if n, ok := names[col+f[col+"_id"]]; ok {
			return n
		}
		return "?"
	}
	v, ok := f[col]
	if !ok {
		return "no such column"
	}
	return v
}

// labels binds the labels of dose_event to ids: equal labels, equal ids.
func (c *storeCase) labels(t *testing.T, all map[string][]fields) map[string]string {
	t.Helper()
	names, ids := map[string]string{}, map[string]string{}
	w := c.want["dose_event"]
	at := slices.Index(w.cols, "event")
	for _, f := range c.of(all, "dose_event") {
		i := slices.IndexFunc(w.rows, func(r []string) bool { return at >= 0 && r[at] == c.show(f, "event", nil) })
		if i < 0 {
			continue
		}
		for k, col := range w.cols {
			if col != "person" && col != "dose" {
				continue
			}
			label, id := w.rows[i][k], col+f[col+"_id"]
			if was, ok := ids[col+label]; ok && was != id {
				t.Errorf("%s %s is two", col, label)
			}
			if was, ok := names[id]; ok && was != label {
				t.Errorf("%s %s and %s are one", col, was, label)
			}
			ids[col+label], names[id] = id, label
		}
	}
	return names
}

// judge compares the case's tables with its rows.
func (c *storeCase) judge(t *testing.T, all map[string][]fields) {
	t.Helper()
	names := c.labels(t, all)
	for table, w := range c.want {
		var got, want []string
		for _, f := range c.of(all, table) {
			var cells []string
			for _, col := range w.cols {
				cells = append(cells, c.show(f, col, names))
			}
			got = append(got, strings.Join(cells, " | "))
		}
		for _, r := range w.rows {
			want = append(want, strings.Join(r, " | "))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %s\ngot\n  %s\nwant\n  %s", table, strings.Join(w.cols, " | "), strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
	}
}

// same compares the case's rows of two stores in full, ids and all.
func (c *storeCase) same(t *testing.T, got, want map[string][]fields) {
	t.Helper()
	for table := range want {
		text := func(rows []fields) (out []string) {
			for _, f := range rows {
				line := ""
				for _, k := range slices.Sorted(maps.Keys(f)) {
					if k != "filename" && k != "up_to_date_date" { // the season is that of the store's last dose
						line += k + "=" + f[k] + " "
					}
				}
				out = append(out, line)
			}
			slices.Sort(out)
			return out
		}
		if a, b := text(c.of(got, table)), text(c.of(want, table)); !slices.Equal(a, b) {
			t.Errorf("%s depends on the order of arrival\n%s\n---\n%s", table, strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
	}
}
