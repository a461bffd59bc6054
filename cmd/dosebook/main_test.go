package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The tests of this package run the program as its users do: as processes of
// their own. The test binary is the program when childEnv is set.
const (
	childEnv   = "DOSEBOOK_TEST_MAIN"
	longEnv    = "DOSEBOOK_TEST_LONG"    // 1: larger inputs, more repeats
	requireEnv = "DOSEBOOK_TEST_REQUIRE" // all, or a list with data: missing inputs are failures
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "1" {
		os.Exit(start(os.Args[1:], os.Stdout, os.Stderr))
	}
	code := m.Run()
	if w, err := world(); err == nil {
		_ = os.RemoveAll(filepath.Dir(string(w)))
	}
	os.Exit(code)
}

func long() bool { return os.Getenv(longEnv) == "1" }

// size is a figure of a test: for -short, for every day, for the long run.
func size(short, normal, longer int) int {
	switch {
	case testing.Short():
		return short
	case long():
		return longer
	}
	return normal
}

// result is what a process left.
type result struct {
	code     int
	out, err string
}

// command is the program with args. It dies with ctx.
func command(ctx context.Context, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	c := exec.CommandContext(ctx, self, args...)
	c.WaitDelay = 10 * time.Second
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "DOSEBOOK_") {
			c.Env = append(c.Env, v)
		}
	}
	c.Env = append(c.Env, childEnv+"=1")
	return c
}

func execute(ctx context.Context, args ...string) (result, error) {
	ctx, stop := context.WithTimeout(ctx, 5*time.Minute)
	defer stop()
	c := command(ctx, args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil || err != nil && !errors.As(err, &exit) {
		return result{}, errors.Join(err, ctx.Err())
	}
	return result{c.ProcessState.ExitCode(), out.String(), errs.String()}, nil
}

// data is a data directory.
type data string

func newData(t *testing.T) data { return data(filepath.Join(t.TempDir(), "data")) }

// unpublished is a configuration without public tables.
const unpublished = "testdata/unpublished.yaml"

// try runs a command on the directory and returns whatever came of it. A
// release is built without public tables, unless a configuration is named: to
// protect those takes most of the time of a small one.
func (d data) try(t *testing.T, args ...string) result {
	t.Helper()
	if len(args) > 1 && args[0] == "release" && args[1] == "build" && !slices.Contains(args, "--config") {
		args = append(slices.Clone(args), "--config", unpublished)
	}
	r, err := execute(t.Context(), append([]string{"--data", string(d)}, args...)...)
	if err != nil {
		t.Fatalf("dosebook %s: %v", args[0], err)
	}
	return r
}

// exits runs a command that must end with the exit code.
func (d data) exits(t *testing.T, code int, args ...string) result {
	t.Helper()
	r := d.try(t, args...)
	if r.code != code {
		t.Fatalf("dosebook %s: exit %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.out, r.err)
	}
	return r
}

// ok runs a command that must succeed and returns its output.
func (d data) ok(t *testing.T, args ...string) string {
	t.Helper()
	return d.exits(t, 0, args...).out
}

// count runs a query for one value.
func (d data) count(t *testing.T, query string) string {
	t.Helper()
	lines := strings.Split(d.ok(t, "sql", "--format", "csv", query), "\r\n")
	if len(lines) != 3 {
		t.Fatalf("%s: %d lines", query, len(lines))
	}
	return lines[1]
}

// sound runs the deep check of all that is kept.
func (d data) sound(t *testing.T) {
	t.Helper()
	v := parse[verified](t, d.ok(t, "verify", "--deep", "--json"))
	if len(v.Bad) > 0 || v.Files == 0 {
		t.Fatalf("verify: %d files, bad: %q", v.Files, v.Bad)
	}
}

func parse[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %.300s", err, text)
	}
	return v
}

// world is the data directory of a demo that the tests share. It is made once
// and read, or copied, never changed.
var world = sync.OnceValues(func() (data, error) {
	dir, err := os.MkdirTemp("", "dosebook-test-")
	if err != nil {
		return "", err
	}
	d := filepath.Join(dir, "data")
	r, err := execute(context.Background(), "demo", "--no-serve", "--json", "--data", d, "--rows", fmt.Sprint(worldRows()))
	if err == nil && r.code != 0 {
		err = fmt.Errorf("demo: exit %d: %s", r.code, r.err)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "demo.json"), []byte(r.out), 0o600)
	}
	return data(d), err
})

func worldRows() int { return size(2_000, 20_000, 20_000) }

// shared returns the world, and what demo said of it.
func shared(t *testing.T) (data, told) {
	t.Helper()
	d, err := world()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(filepath.Dir(string(d)), "demo.json"))
	if err != nil {
		t.Fatal(err)
	}
	return d, parse[told](t, string(b))
}

// copyOf copies parts of a data directory, all of it without parts.
func copyOf(t *testing.T, from data, parts ...string) data {
	t.Helper()
	to := newData(t)
	if len(parts) == 0 {
		parts = []string{"control.db", "warehouse.duckdb", "raw", "lake", "releases", "keys"}
	}
	for _, part := range parts {
		err := filepath.WalkDir(filepath.Join(string(from), part), func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(string(from), path)
			if err != nil {
				return err
			}
			if e.IsDir() {
				return os.MkdirAll(filepath.Join(string(to), rel), 0o700)
			}
			return copyFile(path, filepath.Join(string(to), rel))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// hashes returns the SHA-256 of every file below the parts of the directory,
// but for what differs by design: signatures by the directory's own key, and
// the gate's records, which hold times.
func (d data) hashes(t *testing.T, parts ...string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	for _, part := range parts {
		err := filepath.WalkDir(filepath.Join(string(d), part), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || strings.HasSuffix(path, ".sig") || strings.HasSuffix(path, ".gate.json") {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(string(d), path)
			sum := sha256.Sum256(b)
			sums[filepath.ToSlash(rel)] = hex.EncodeToString(sum[:])
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return sums
}

// sameFiles compares two sets of hashes and names the files that differ.
func sameFiles(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	var bad []string
	for name, sum := range want {
		if got[name] != sum {
			bad = append(bad, name)
		}
	}
	for name := range got {
		if want[name] == "" {
			bad = append(bad, name+" (too many)")
		}
	}
	if len(want) == 0 {
		t.Fatalf("%s: there is nothing to compare", what)
	}
	if len(bad) > 0 {
		t.Fatalf("%s: %d of %d files differ, such as %q", what, len(bad), len(want), bad[:min(len(bad), 5)])
	}
}
