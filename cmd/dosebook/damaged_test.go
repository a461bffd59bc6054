package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDamagedSegment: a bit that flips in a segment never comes into a release:
// the build names the file, nothing is promoted, the last release goes on being
// the latest and whole; with the file restored, the same build goes well.
func TestDamagedSegment(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d := copyOf(t, w)
	d.load(t, "--registry", "CAIR2", write(t, "20210301_78_CAA.txt", cvrsText(row("damaged-1", nil))))
	good := readText(t, filepath.Join(string(d), "releases", "latest"))
	before := d.hashes(t, "releases")
	var files []string
	for name := range every(t, d, "lake") {
		if strings.HasSuffix(name, ".parquet") {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	for _, name := range []string{files[0], files[len(files)/2], files[len(files)-1]} {
		path := filepath.Join(string(d), filepath.FromSlash(name))
		whole := readText(t, path)
		bad := []byte(whole)
		bad[len(bad)/3] ^= 4
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		r := d.exits(t, 1, "release", "build")
		if !strings.Contains(r.err, strings.TrimPrefix(name, "lake/")) || !strings.Contains(r.err, "nothing was released") {
			t.Errorf("%s: %s", name, r.err)
		}
		if now := readText(t, filepath.Join(string(d), "releases", "latest")); now != good {
			t.Errorf("%s: latest is %s", name, now)
		}
		sameFiles(t, name, d.hashes(t, "releases"), before)
		if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.ok(t, "release", "build")
	if now := readText(t, filepath.Join(string(d), "releases", "latest")); now == good {
		t.Error("with the files restored, nothing is built")
	}
	d.ok(t, "verify")
}
