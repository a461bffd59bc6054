package main

import (
	"cmp"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/control"
)

// A browser walks the pages: finds a county, follows a figure to its rows,
// checks hashes, is refused; asks for access and has it approved, holds and
// approves a release; axe finds nothing on any page. It needs node,
// chromium (or DOSEBOOK_CHROMIUM) and 'npm ci' in testdata/browser.
// DOSEBOOK_LOOKS=4 is the long form: axe reads all of every page in each look,
// DOSEBOOK_SCREENSHOTS keeps the pictures; DOSEBOOK_PAGES says which pages.
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
	world, _ := shared(t)
	d := copyOf(t, world, "control.db", "releases", "keys", "public")
	s, who := d.signedIn(t)
	told, err := json.Marshal(map[string]any{"people": who, "release": d.latest(t).ID})
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), node, filepath.Join(folder, "walk.mjs"), s.url, cmp.Or(os.Getenv("DOSEBOOK_SCREENSHOTS"), t.TempDir()))
	c.Env = append(os.Environ(), "DOSEBOOK_WALK="+string(told))
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("the walk ended: %v", err)
	}
	walked := parse[struct {
		Steps    int
		Problems []string
	}](t, string(out))
	for _, p := range walked.Problems {
		t.Error(p)
	}
	if walked.Steps < 130 && os.Getenv("DOSEBOOK_LOOKS")+os.Getenv("DOSEBOOK_PAGES") == "" {
		t.Errorf("only %d steps", walked.Steps)
	}
}

// signedIn serves the data where people sign in, and returns the cookies of
// three who did: of a county, of the state, and somebody new. No issuer is
// asked: their sessions are begun where the server would begin them.
func (d data) signedIn(t *testing.T) (*server, map[string]string) {
	t.Helper()
	d.ok(t, "access", "grant", "county@example.org", "--county", "06037", "--role", "epi", "--expires", "1d")
	d.ok(t, "access", "grant", "steward@example.org", "--county", "all", "--role", "steward", "--expires", "1d")
	d.ok(t, "access", "organisation", "add", "Alameda County", "--agreement", "26-10847", "--signed", time.Now().AddDate(0, -1, 0).Format(time.DateOnly))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	if err := l.Close(); err != nil { // serve takes the port: a page's origin must be known before
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dosebook.yaml")
	if err := os.WriteFile(file, []byte("sign_in: {issuer: 'https://login.example', client: dosebook, url: 'http://"+at+"'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := d.serve(t, "--config", file, "--listen", at)
	db, err := control.Open(t.Context(), string(d))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	people, cookies := access.Open(db, time.Now), map[string]string{}
	for _, name := range []string{"county", "steward", "new"} {
		user := name + "@example.org"
		cookies[name], _, err = people.StartSession(t.Context(), "127.0.0.1", access.Person{User: user, Issuer: "https://login.example", Subject: user})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s, cookies
}
