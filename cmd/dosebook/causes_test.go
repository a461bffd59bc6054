package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/release"
	"github.com/dosebook/dosebook/synth"
)

// TestCausesOfAMonth: a synthetic month that says what it does to whom. Each
// change that was planted is told in each county that holds the row, with its
// cause, and nobody else's rows change.
func TestCausesOfAMonth(t *testing.T) {
	t.Parallel()
	in, d := t.TempDir(), newData(t)
	truth, err := synth.Write(t.Context(), in, synth.Config{Seed: 5, Rows: size(6000, 12_000, 120_000), Registries: []string{"CAIR2"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := synth.PlantMonth(t.Context(), in, truth, size(8, 12, 100)); err != nil {
		t.Fatal(err)
	}
	at := map[string]synth.File{}
	for _, f := range truth.Files {
		at[f.Path] = f
	}
	var files []arrival
	for _, p := range truth.Delivery {
		files = append(files, arrival{at[p].Registry, at[p].Action, filepath.Join(in, filepath.FromSlash(p))})
	}
	config := write(t, "dosebook.yaml", anyGate+"public: {every: never}\n")
	var ids []string
	for _, part := range [][]arrival{files[:truth.Month.From], files[truth.Month.From:]} {
		d.loadAll(t, part, false)
		d.ok(t, "release", "build", "--config", config)
		ids = append(ids, d.latest(t).ID)
	}
	got := d.changesOf(t, ids[0], ids[1])
	kinds := map[string]int{}
	for _, want := range truth.Month.Changes {
		key := want.County + " " + want.Registry + " " + want.Event
		if has := got[key]; has.says != want.Change+", "+want.Cause {
			t.Errorf("%s: %s in %s is told as %q, not %q", want.Kind, want.Event, want.County, has.says, want.Change+", "+want.Cause)
		}
		delete(got, key)
		kinds[want.Kind+", "+want.Cause]++
	}
	if len(kinds) < 11 {
		t.Errorf("only %v", kinds)
	}
	for key, has := range got { // what follows for other rows of the same people
		if !slices.Contains(truth.Month.People, has.who) || !strings.HasPrefix(has.says, "changed, other record") {
			t.Errorf("%s of %s was not planted: %s", key, has.who, has.says)
		}
	}
}

// rowTold is what a county's changes say of a row.
type rowTold struct{ says, who string }

// changesOf are the changes of all places of residence, by place, registry and
// event.
func (d data) changesOf(t *testing.T, a, b string) map[string]rowTold {
	t.Helper()
	dir := t.TempDir()
	c := changesMaker{release.Store{Dir: filepath.Join(string(d), "releases")}}
	pair := filepath.Join(dir, "pair", "pair.parquet")
	for _, p := range []string{pair, filepath.Join(dir, "changes", "x")} {
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Pair(t.Context(), a, b, pair); err != nil {
		t.Fatal(err)
	}
	out := map[string]rowTold{}
	for _, p := range dose.Places() {
		if _, county := dose.CountyByFIPS(string(p)); !county && p != dose.OutOfState && p != dose.UnknownCounty {
			continue
		}
		step := release.Step{From: a, To: b, Place: p, Pair: pair}
		if _, err := c.Changes(t.Context(), step, filepath.Join(dir, "changes", string(p)+".parquet")); err != nil {
			t.Fatal(err)
		}
	}
	files, folders, err := c.store.DiffFiles(a, b)
	if err != nil {
		t.Fatal(err)
	}
	r, err := duckdb.NewReader(t.Context(), release.DiffViews, files, append(folders, filepath.Join(dir, "changes")), queryMemoryMB)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rows, err := r.Query(t.Context(), fmt.Sprintf(`select distinct parse_filename(filename, true), registry, vax_event_id, change, cause, recip_id
		from read_parquet('%s/changes/[0OU]*.parquet', filename = true) where version = 'new' or change = 'removed'`, dir))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var place, registry, event, change, cause, who string
		if err := rows.Scan(&place, &registry, &event, &change, &cause, &who); err != nil {
			t.Fatal(err)
		}
		out[place+" "+registry+" "+event] = rowTold{change + ", " + cause, registry + " " + who}
	}
	return out
}
