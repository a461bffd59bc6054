package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/pipelines"
)

// cdcDownload writes a CVX and a product table in CDC's text form: what is
// built in, and CVX 340, which is new.
func cdcDownload(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var cvx, trade strings.Builder
	for _, v := range dose.Vaccines() {
		if v.Status != "" {
			cvx.WriteString(strings.Join([]string{strings.Repeat(" ", 2) + strconv.Itoa(v.CVX), v.Short, "full", "", v.Status, "1", "False", v.Updated}, "|") + "\r\n")
		}
	}
	cvx.WriteString("340|COVID-19, mRNA, new|full|Pfizer Fall Seasonal|Active|2|False|2026/09/01\r\n")
	for _, n := range dose.Builtin().TradeNames() {
		trade.WriteString(strings.Join([]string{n.Name, "x", strconv.Itoa(n.CVX), "x", n.MVX, "Active", n.Status, n.Updated}, "|") + "\n")
	}
	trade.WriteString("NEWVAX|COVID-19|340|Pfizer, Inc|PFR|Active|Active|9/1/2026\n")
	for name, text := range map[string]string{"cvx.txt": cvx.String(), "TRADENAME.txt": trade.String(), "readme.md": "not CDC's"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCodes(t *testing.T) {
	t.Parallel()
	d, dir := newData(t), cdcDownload(t)

	// Without a data directory the built-in tables are in force.
	if out := d.ok(t, "codes", "show", "208"); !strings.Contains(out, "in the column of pfizer") || !strings.Contains(out, "59267-1000-01") {
		t.Errorf("show 208: %s", out)
	}
	for _, code := range []string{"59267-1000-1", "5926710001", "pfr", "998"} {
		d.ok(t, "codes", "show", code)
	}
	d.exits(t, 4, "codes", "show", "340")
	d.exits(t, 2, "codes", "list", "--set", "lots")
	d.exits(t, 2, "codes", "update", t.TempDir())
	d.exits(t, 4, "codes", "update", dir, "--write")

	// A row with a code that nobody knows yet.
	file := write(t, "a.txt", cvrsText(row("e1", fields{"admin_date": "2024-10-01", "cvx": "340", "mvx": ""})))
	d.ok(t, "ingest", "--registry", "CAIR2", file)
	if same := parse[pipelines.Remap](t, d.ok(t, "replay", "--dry-run", "--json")); same.Rows != 1 || same.Changed != 0 {
		t.Errorf("the same rules: %+v", same)
	}
	before := d.hashes(t, "lake", "raw")

	// Looking writes nothing; --write puts the tables in force once.
	for i, flags := range [][]string{{}, {"--write"}, {"--write"}} {
		u := parse[codesUpdate](t, d.ok(t, append([]string{"codes", "update", dir, "--json"}, flags...)...))
		if wrote := u.Written != ""; wrote != (i == 1) || (len(u.Changes) > 0) != (i < 2) || u.Stored.Changed != 1 {
			t.Errorf("update %d: %+v", i, u)
		}
	}
	d.ok(t, "codes", "show", "340")
	r := parse[pipelines.Remap](t, d.ok(t, "replay", "--dry-run", "--json"))
	if r.Changed != 1 || len(r.Columns) != 3 {
		t.Errorf("replay: %+v", r)
	}
	sameFiles(t, "the lake after codes and replays", d.hashes(t, "lake", "raw"), before)
	d.exits(t, 2, "replay")
	d.exits(t, 4, "replay", "--dry-run", "--registry", "SDIR")

	// So does validate, where the data directory is named.
	odd := func(args ...string) bool {
		out := parse[struct {
			Files []struct{ Issues []finding }
		}](t, d.try(t, append([]string{"validate", "--json", file}, args...)...).out)
		return slices.ContainsFunc(out.Files[0].Issues, func(x finding) bool { return x.Code == "DATA007" && x.Field == "cvx" })
	}
	if odd() || !odd("--data", t.TempDir()) {
		t.Error("validate does not go by the tables in force")
	}

	// What is loaded from now on goes by them.
	again := write(t, "b.txt", cvrsText(row("e2", fields{"admin_date": "2024-10-02", "cvx": "340", "mvx": ""})))
	d.ok(t, "ingest", "--registry", "CAIR2", again)
	if r := parse[pipelines.Remap](t, d.ok(t, "replay", "--dry-run", "--json")); r.Rows != 2 || r.Changed != 1 {
		t.Errorf("after a second file: %+v", r)
	}

	// A table that was tampered with is refused, not passed over.
	if err := os.WriteFile(filepath.Join(string(d), "codes", "2026-09-01", "mvx.tsv"), []byte("# 2026-09-01: x\nPFR\tx\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := d.exits(t, 1, "codes", "list"); !strings.Contains(out.err, "other bytes") {
		t.Errorf("a changed table: %s", out.err)
	}
	d.exits(t, 1, "verify")
}

func TestCodesUpdateHoldsCutFiles(t *testing.T) {
	t.Parallel()
	d, dir := newData(t), cdcDownload(t)
	d.ok(t, "ingest", "--registry", "CAIR2", write(t, "a.txt", cvrsText(row("e1", fields{"admin_date": "2024-10-01", "cvx": "309", "mvx": ""}))))
	text, err := os.ReadFile(filepath.Join(dir, "cvx.txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	cut := strings.Join(lines[:200], "") + lines[len(lines)-2]
	if err := os.WriteFile(filepath.Join(dir, "cvx.txt"), []byte(cut), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := d.exits(t, 5, "codes", "update", dir, "--write"); !strings.Contains(out.err, "look cut") {
		t.Errorf("cut file: %s", out.err)
	}
	if _, err := os.Stat(filepath.Join(string(d), "codes")); !os.IsNotExist(err) {
		t.Errorf("something was written: %v", err)
	}
}
