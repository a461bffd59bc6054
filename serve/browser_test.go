package serve

import (
	"cmp"
	"encoding/json"
	"os"
	process "os/exec"
	"path/filepath"
	"testing"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

// TestBrowserSignsIn signs in and out in a real browser, by a certified
// issuer: own county, another's, another site's form, sign-out, the old cookie.
// It needs node, chromium (or DOSEBOOK_CHROMIUM), 'npm ci' in testdata/browser
// and testdata/oidc.
func TestBrowserSignsIn(t *testing.T) {
	folder, err := filepath.Abs("../testdata/browser")
	if err != nil {
		t.Fatal(err)
	}
	_, noBrowser := process.LookPath(cmp.Or(os.Getenv("DOSEBOOK_CHROMIUM"), "/usr/bin/chromium"))
	if _, noParts := os.Stat(filepath.Join(folder, "node_modules", "playwright-core")); noBrowser != nil || noParts != nil {
		required(t, "browser", "chromium, and npm ci --prefix testdata/browser")
	}
	s := newSite(t)
	s.plantPages()
	s.grant("ana@county.example", access.Epi, dose.Identified, "06019")
	s.restart()
	c := process.CommandContext(t.Context(), "node", filepath.Join(folder, "signin.mjs"), s.server.URL, s.issuer.url)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("the walk ended: %v\n%s", err, s.log)
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
	if told.Steps < 18 {
		t.Errorf("only %d steps", told.Steps)
	}
	es, err := s.access.ListAudit(t.Context(), "ana@county.example", 0, 1000)
	if err != nil || len(es) == 0 || es[0].Action != "sign in" || es[len(es)-1].Action != "sign out" {
		t.Errorf("%v %+v", err, es)
	}
}
