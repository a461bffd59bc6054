package main

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// started runs serve with a configuration until it listens, stops it, and
// returns what it said.
func started(t *testing.T, d data, config string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dosebook.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := command(ctx, "serve", "--listen", "127.0.0.1:0", "--data", string(d), "--config", file)
	c.Env = append(c.Environ(), "DOSEBOOK_OIDC_SECRET=a-secret-of-the-client")
	pipe, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "listening on ") {
			_ = c.Process.Signal(syscall.SIGTERM)
		}
	}
	if err := c.Wait(); err != nil {
		t.Errorf("%v\n%s", err, said.String())
	}
	return said.String()
}

// The link for the first steward is printed where people sign in and there is
// no steward, another one at each start.
func TestFirstLinkIsPrinted(t *testing.T) {
	t.Parallel()
	d := newData(t)
	const signIn = "sign_in: {issuer: 'https://login.example', client: dosebook, url: 'https://doses.example', groups: {stewards: steward}}\n"
	link := regexp.MustCompile(`https://doses\.example/signin/first/([\w-]{43})\n`)
	one, two := link.FindStringSubmatch(started(t, d, signIn)), link.FindStringSubmatch(started(t, d, signIn))
	if one == nil || two == nil || one[1] == two[1] {
		t.Errorf("links %v, %v", one, two)
	}
	if said := started(t, d, "listen: 127.0.0.1:0\n"); strings.Contains(said, "signin") {
		t.Errorf("a link without sign-in: %s", said)
	}
	d.ok(t, "access", "grant", "sam@state.example", "--county", "all", "--role", "steward", "--expires", "30d")
	if said := started(t, d, signIn); strings.Contains(said, "signin/first") || strings.Contains(said, "a-secret") {
		t.Errorf("a link beside a steward: %s", said)
	}
}

// What can't work is refused before anything starts, and names the setting.
func TestWebSettings(t *testing.T) {
	t.Parallel()
	for config, says := range map[string]string{
		"sign_in: {issuer: 'http://login.example', client: d, url: 'https://d.example'}":                     "sign_in.issuer",
		"sign_in: {issuer: 'https://login.example', client: d, url: 'http://d.example'}":                     "sign_in.url",
		"sign_in: {issuer: 'https://login.example', url: 'https://d.example'}":                               "sign_in.client",
		"sign_in: {issuer: 'https://login.example', client: d, url: 'https://d.example', groups: {g: king}}": "sign_in.groups",
		"sign_in: {issuer: 'https://login.example', client: d, url: 'https://d.example', secret: x}":         "secret",
		"tls: {cert: a.pem}":  "tls needs",
		"proxies: [somebody]": "proxies",
	} {
		file := filepath.Join(t.TempDir(), "dosebook.yaml")
		if err := os.WriteFile(file, []byte(config+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := newData(t).try(t, "config", "check", "--config", file); r.code != 2 || !strings.Contains(r.err, says) {
			t.Errorf("%s: exit %d, %s", config, r.code, r.err)
		}
	}
}
