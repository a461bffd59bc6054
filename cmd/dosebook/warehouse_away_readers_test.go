//go:build !nosnowflake

package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// mute listens, takes every connection and never answers: the worst a
// Snowflake can do to those who wait for it. It counts who asks.
func mute(t *testing.T) (port int, asked *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked = &atomic.Int64{}
	var held []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			held = append(held, c)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
		for _, c := range held {
			_ = c.Close()
		}
	})
	return l.Addr().(*net.TCPAddr).Port, asked
}

// TestSnowflakeConcernsNoReader: sql and the pull client give the same whatever
// the state of a Snowflake that is configured, and never ask it.
func TestSnowflakeConcernsNoReader(t *testing.T) {
	port, asked := mute(t)
	config := snowflakeConfig(t, "127.0.0.1", port)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	m := newMonths(t, 600, 1)
	id := m.next(t) // without Snowflake
	want := m.ok(t, "sql", "--format", "csv", "select count(*) from dose")
	for name, yaml := range map[string]string{
		"silent":    string(text),
		"no secret": strings.ReplaceAll(string(text), "SNOWFLAKE_TOKEN", "NOT_SET"),
	} {
		t.Run(name, func(t *testing.T) {
			config := write(t, "dosebook.yaml", anyGate+yaml)
			if got := m.ok(t, "sql", "--format", "csv", "select count(*) from dose", "--config", config); got != want {
				t.Errorf("sql says %q, without Snowflake %q", got, want)
			}
			s := m.serve(t, "--config", config)
			p := puller{s.url, m.token(t, "epi@example.org", "06037", "epi"), "06037", filepath.Join(t.TempDir(), "copy")}
			if got := p.pull(t); got.Release != id {
				t.Errorf("pulled %+v, want %s", got, id)
			}
			p.same(t, m.data, id)
		})
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("Snowflake was asked %d times", n)
	}
}

// TestNoFolderAtHome: a command that never asks Snowflake leaves the home as it
// was; the driver would make a folder for its caches when the program starts.
func TestNoFolderAtHome(t *testing.T) {
	home := t.TempDir()
	c := command(t.Context(), "codes", "list")
	c.Env = append(slices.DeleteFunc(c.Env, func(e string) bool {
		return strings.HasPrefix(e, "SF_") || strings.HasPrefix(e, "XDG_") || strings.HasPrefix(e, "HOME=") || strings.HasPrefix(e, "DOSEBOOK_DATA=")
	}), "HOME="+home, "DOSEBOOK_DATA="+filepath.Join(t.TempDir(), "none"))
	_, _ = c.CombinedOutput()
	if code := c.ProcessState.ExitCode(); code < 0 {
		t.Fatalf("exit %d", code)
	}
	left, err := os.ReadDir(home)
	if err != nil || len(left) > 0 {
		t.Errorf("in the home: %v, %v", left, err)
	}
}

// TestWithoutDriver: a build with -tags nosnowflake links none of the driver,
// and one without the tag does.
func TestWithoutDriver(t *testing.T) {
	for tags, want := range map[string]bool{"": true, "nosnowflake": false} {
		ctx, cancel := context.WithCancel(t.Context())
		out, err := exec.CommandContext(ctx, "go", "list", "-deps", "-tags", tags, ".").Output()
		cancel()
		if err != nil {
			t.Skipf("go list: %v", err)
		}
		if got := strings.Contains(string(out), "github.com/snowflakedb/"); got != want {
			t.Errorf("-tags %q: the driver is linked: %t", tags, got)
		}
	}
}
