package main

import (
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A browser walks the pages: finds a county, follows a figure to its rows,
// checks hashes, is refused; axe finds nothing on any page. It needs node,
// chromium (or DOSEBOOK_CHROMIUM) and 'npm ci' in testdata/browser.
// DOSEBOOK_SCREENSHOTS keeps the pictures.
func TestBrowserWalk(t *testing.T) {
	t.Parallel()
	folder, err := filepath.Abs("../../testdata/browser")
	if err != nil {
		t.Fatal(err)
	}
	node, noNode := exec.LookPath("node")
	_, noBrowser := exec.LookPath(cmp.Or(os.Getenv("DOSEBOOK_CHROMIUM"), "/usr/bin/chromium"))
	_, noParts := os.Stat(filepath.Join(folder, "node_modules", "playwright-core"))
	if noNode != nil || noBrowser != nil || noParts != nil {
		need := os.Getenv("DOSEBOOK_TEST_REQUIRE")
		if strings.Contains(need, "all") || strings.Contains(need, "browser") {
			t.Fatal("node, chromium or the parts in testdata/browser are missing:", noNode, noBrowser, noParts)
		}
		t.Skip("needs node, chromium, and 'npm ci' in testdata/browser; DOSEBOOK_TEST_REQUIRE=browser makes this a failure")
	}
	d, _ := shared(t)
	s := d.serve(t)
	county, state := d.token(t, "epi-walk@example.org", "06037", "epi"), d.token(t, "steward-walk@example.org", "all", "steward")
	c := exec.CommandContext(t.Context(), node, filepath.Join(folder, "walk.mjs"), s.url, county, state, cmp.Or(os.Getenv("DOSEBOOK_SCREENSHOTS"), t.TempDir()))
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("the walk ended: %v", err)
	}
	var told struct {
		Steps    int
		Problems []string
	}
	if err := json.Unmarshal(out, &told); err != nil {
		t.Fatal(err)
	}
	for _, p := range told.Problems {
		t.Error(p)
	}
	if told.Steps < 70 {
		t.Errorf("only %d steps", told.Steps)
	}
}
