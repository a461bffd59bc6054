package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// From end to end: a build that loses doses is held with exit 5 and the check
// that holds it, counties go on reading the last good release, a steward
// approves with a reason, and the copy is proven offline.
func TestHeldAndApproved(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d := copyOf(t, w)
	good := strings.TrimSpace(readText(t, filepath.Join(string(d), "releases", "latest")))
	config := write(t, "gate.yaml", "gate:\n  least: 1\n  rise: 0\n")
	d.load(t, "--registry", "CAIR2", write(t, "20210301_77_CAA.txt", cvrsText(row("gate-1", nil))))
	r := d.exits(t, 5, "--config", config, "release", "build", "--json")
	x := parse[built](t, r.out)
	if x.Status != "held" || len(x.Files) == 0 || x.Gate == nil || !strings.Contains(r.err, "doses") {
		t.Fatalf("%s, %d files, %s", x.Status, len(x.Files), r.err)
	}
	for _, c := range x.Gate.Holding() {
		if c.Name != "doses" && c.Name != "people" {
			t.Errorf("held by %s: %s", c.Name, c.Says)
		}
	}
	latest := func(want string) {
		t.Helper()
		if got := readText(t, filepath.Join(string(d), "releases", "latest")); got != want {
			t.Errorf("latest is %s, want %s", got, want)
		}
	}
	latest(good)
	d.exits(t, 2, "release", "approve", x.ID)
	d.exits(t, 2, "release", "approve", x.ID, "--reason", " ")
	d.exits(t, 4, "release", "approve", "000099-00000000", "--reason", "r")
	d.ok(t, "release", "approve", x.ID, "--reason", "told by the registry")
	latest(x.ID)
	if log := d.ok(t, "audit", "list", "--json"); !strings.Contains(log, "release approve") || !strings.Contains(log, "told by the registry") {
		t.Error("the audit has no word of the approval")
	}
	key := filepath.Join(string(d), "keys", "release.pub")
	dir := filepath.Join(string(d), "releases", x.ID)
	d.ok(t, "release", "verify", dir, "--key", key)
	d.ok(t, "release", "key", "rotate")
	d.exits(t, 1, "release", "verify", dir, "--key", key) // by the new key alone
	d.ok(t, "release", "verify", dir, "--key", write(t, "keys.json", d.ok(t, "release", "key", "list", "--json")))
	d.sound(t)
	d.ok(t, "release", "hold", x.ID, "--reason", "a second look")
	latest(good)
	if m := parse[built](t, d.ok(t, "release", "show", x.ID, "--json")); m.Status != "held" || len(m.Gate.Decisions) != 2 {
		t.Errorf("%s after %d decisions", m.Status, len(m.Gate.Decisions))
	}
	var p pruned
	if err := json.Unmarshal([]byte(d.ok(t, "release", "prune", "--dry-run", "--json")), &p); err != nil || len(p.Ended) != 0 || len(p.Kept) != 2 {
		t.Errorf("prune: %+v, %v", p, err)
	}
}

// Single bits over all that is kept: payloads, lake, releases, keys. Each is
// found by verify.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d := copyOf(t, w)
	var files []string
	for _, part := range []string{"raw", "lake", "releases", "keys"} {
		for name := range every(t, d, part) {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	random := rand.New(rand.NewPCG(3, 9))
	for range size(4, 12, 1000) {
		path := filepath.Join(string(d), filepath.FromSlash(files[random.IntN(len(files))]))
		whole := []byte(readText(t, path))
		if len(whole) == 0 {
			continue
		}
		bad := slices.Clone(whole)
		bit := random.IntN(8 * len(bad))
		bad[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if r := d.try(t, "verify"); r.code == 0 {
			t.Errorf("%s: bit %d flipped, and verify finds nothing", path, bit)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.ok(t, "verify")
}

// every lists the files below a part, those too that hashes leaves out.
func every(t *testing.T, d data, part string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir(filepath.Join(string(d), part), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(string(d), path)
			out[filepath.ToSlash(rel)] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
