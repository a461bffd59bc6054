package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/release"
)

// TestPublicDecisions decides on two held tables from the command line: each
// stands in the list, with the release, and in the audit. One that is denied
// keeps the day back.
func TestPublicDecisions(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d := copyOf(t, w, "control.db", "releases", "keys")
	id := strings.TrimSpace(readText(t, filepath.Join(string(d), "releases", "latest")))
	d.exits(t, 4, "release", "public", "approve", "by_zip", "--reason", "r")
	body, err := json.Marshal(map[string]any{"body": release.PublicHold{Day: "2022-01-04", Release: id, Tables: []release.HeldTable{{Name: "by_zip"}, {Name: "by_county"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(string(d), "public"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(string(d), "public", "held-2022-01-04.json"), append(body, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	d.exits(t, 2, "release", "public", "approve", "by_zip")
	d.exits(t, 2, "release", "public", "approve", "by_zip", "--reason", " ")
	d.exits(t, 4, "release", "public", "approve", "by_county_demographic", "--reason", "r")
	if out := d.ok(t, "release", "public", "list"); !strings.Contains(out, "by_zip waits for a steward") {
		t.Error(out)
	}
	d.ok(t, "release", "public", "approve", "by_zip", "--reason", "counties are due")
	if _, err := os.Stat(filepath.Join(string(d), "public", "latest")); err == nil {
		t.Error("published, though another table waits")
	}
	d.ok(t, "release", "public", "deny", "by_county", "--reason", "not this day")
	x := parse[built](t, d.ok(t, "release", "show", "--json"))
	if x.Public == nil || x.Public.Tables[0].Decision.Status != release.Later || x.Public.Tables[1].Decision.Audit == nil {
		t.Errorf("%+v", x.Public)
	}
	if out := d.ok(t, "release", "show"); !strings.Contains(out, "not this day") {
		t.Error("release show has no word of it")
	}
	log := d.ok(t, "audit", "list", "--json")
	for _, want := range []string{"release public approve", "counties are due", "release public deny", "not this day"} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit has no %q", want)
		}
	}
}
