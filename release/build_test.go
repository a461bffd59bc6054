package release_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/load/loadtest"
	"github.com/dosebook/dosebook/release"
)

func TestBuildTwice(t *testing.T) {
	b := small(t)
	first, root := b.build(t, release.Options{})
	before := tree(t, root)
	again, _ := b.build(t, release.Options{})
	if again.ID != first.ID || again.LedgerSeq != 2 || !maps.Equal(before, tree(t, root)) {
		t.Errorf("%s after %s", again.ID, first.ID)
	}
	if ids, err := b.store.List(); err != nil || len(ids) != 1 {
		t.Errorf("%v, %v", ids, err)
	}
	b.log.Add(t, "CAIR2", "A", 3000, loadtest.Row{ID: "11", Day: day0, CVX: 208, County: "06001"})
	next, _ := b.build(t, release.Options{})
	latest, err := b.store.Latest()
	if ids, _ := b.store.List(); err != nil || next.ID == first.ID || latest != next.ID || !slices.Equal(ids, []string{first.ID, next.ID}) {
		t.Errorf("latest %s of %v, %v; want %s", latest, ids, err, next.ID)
	}
	if !maps.Equal(before, tree(t, root)) {
		t.Error("a later build changed an earlier release")
	}
}

// TestRebuilt: a warehouse made anew, fed in other portions, gives the same release.
func TestRebuilt(t *testing.T) {
	b := mixed(t, 300)
	b.follow(t)
	b.log.Retime(3, -5)
	_, first := b.build(t, release.Options{})
	other := b.again(t)
	for to := int64(1); to <= b.log.Last(); to++ {
		if _, err := other.w.Apply(t.Context(), b.log.Entries(to-1, to), b.log.Known(to)); err != nil {
			t.Fatal(err)
		}
	}
	_, root := other.build(t, release.Options{})
	sameTree(t, first, root)
}

func TestNothingLoaded(t *testing.T) {
	b := newBook(t)
	_, err := release.Build(t.Context(), b.store, b.log.Lake, b.w, nil, release.Options{})
	if !errors.Is(err, dose.ErrNotFound) {
		t.Errorf("%v is not of kind ErrNotFound", err)
	}
	if _, err := b.store.Latest(); !errors.Is(err, dose.ErrNotFound) {
		t.Errorf("latest: %v", err)
	}
}

// TestFailedBuild: whatever stops a build, no release is there, latest stays,
// and the next build clears the remains away.
func TestFailedBuild(t *testing.T) {
	broken := errors.New("broken")
	b := small(t)
	good, _ := b.build(t, release.Options{})
	b.log.Add(t, "CAIR2", "A", 3000, loadtest.Row{ID: "11", Recip: "r11", Day: day0, CVX: 208, County: "06001"})
	b.follow(t)
	for _, n := range []int{1, 4} {
		w := &spoiled{b.w, n, func() error { return broken }}
		if _, err := release.Build(t.Context(), b.store, b.log.Lake, w, b.segments(), release.Options{}); !errors.Is(err, broken) {
			t.Errorf("export %d failed, and Build says %v", n, err)
		}
		b.stands(t, good.ID)
	}
	for _, n := range []int{2, 5} {
		ctx, cancel := context.WithCancel(t.Context())
		w := &spoiled{b.w, n, func() error { cancel(); return nil }}
		if _, err := release.Build(ctx, b.store, b.log.Lake, w, b.segments(), release.Options{Workers: 2}); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at export %d, and Build says %v", n, err)
		}
		b.stands(t, good.ID)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := release.Build(ctx, b.store, b.log.Lake, b.w, b.segments(), release.Options{Progress: func(_, _ int64) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled between segments, and Build says %v", err)
	}
	b.stands(t, good.ID)
	// What a killed process leaves.
	if _, err := durable.MkdirPart(filepath.Join(b.store.Dir, "000003-00000000")); err != nil {
		t.Fatal(err)
	}
	next, root := b.build(t, release.Options{})
	b.stands(t, next.ID, good.ID)
	for path := range tree(t, root) {
		if strings.Contains(path, durable.Prefix) {
			t.Errorf("the release holds %s", path)
		}
	}
}

// stands: these releases and nothing else are there, and the first is the latest.
func (b *book) stands(t *testing.T, latest string, others ...string) {
	t.Helper()
	got, err := b.store.Latest()
	if err != nil || got != latest {
		t.Errorf("latest is %s, %v, want %s", got, err, latest)
	}
	entries, err := os.ReadDir(b.store.Dir)
	if err != nil {
		t.Fatal(err)
	}
	want := append(others, latest, "latest")
	for _, id := range append(slices.Clone(others), latest) {
		want = append(want, id+".gate.json")
	}
	slices.Sort(want)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, want) {
		t.Errorf("the folder holds %v, want %v", names, want)
	}
}

// TestDiskError: a folder that can't be written to.
func TestDiskError(t *testing.T) {
	b := small(t)
	b.follow(t)
	if err := os.WriteFile(b.store.Dir, []byte("a file, no folder"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := release.Build(t.Context(), b.store, b.log.Lake, b.w, b.segments(), release.Options{}); err == nil {
		t.Fatal("built into a file")
	}
	if err := os.Remove(b.store.Dir); err != nil {
		t.Fatal(err)
	}
	// A file in the way of a county's folder, put there in the middle.
	w := &spoiled{b.w, 5, func() error {
		part, err := filepath.Glob(filepath.Join(b.store.Dir, durable.Prefix+"*"))
		if err == nil {
			err = os.WriteFile(filepath.Join(part[0], "counties"), nil, 0o600)
		}
		return err
	}}
	if _, err := release.Build(t.Context(), b.store, b.log.Lake, w, b.segments(), release.Options{}); err == nil {
		t.Fatal("built over a file")
	}
	if entries, err := os.ReadDir(b.store.Dir); err != nil || len(entries) != 0 {
		t.Errorf("a failed build left %v, %v", entries, err)
	}
	b.build(t, release.Options{})
}

// TestVerify finds what happened to a release's files.
func TestVerify(t *testing.T) {
	b := small(t)
	m, root := b.build(t, release.Options{})
	bad, files, bytes, err := b.store.Verify(m.ID)
	if err != nil || len(bad) != 0 || files != len(m.Files) || bytes == 0 {
		t.Fatalf("%v, %d files, %d bytes, %v", bad, files, bytes, err)
	}
	path := filepath.Join(root, "counties", "06001", "dose.parquet")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(whole)
	flipped[len(flipped)/2] ^= 4
	foreign := filepath.Join(root, "counties", "06001", "notes.txt")
	for name, c := range map[string]struct {
		do   func() error
		says string
	}{
		"flipped": {func() error { return os.WriteFile(path, flipped, 0o600) }, "other bytes"},
		"cut":     {func() error { return os.WriteFile(path, whole[:len(whole)-1], 0o600) }, "bytes, the manifest says"},
		"missing": {func() error { return os.Remove(path) }, "can't be read"},
		"foreign": {func() error { return os.WriteFile(foreign, nil, 0o600) }, "notes.txt is not in the manifest"},
	} {
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		bad, _, _, err := b.store.Verify(m.ID)
		if err != nil || len(bad) != 1 || !strings.Contains(bad[0], c.says) || !strings.Contains(bad[0], "counties/06001/") {
			t.Errorf("%s: %v, %v", name, bad, err)
		}
		if err := errors.Join(os.WriteFile(path, whole, 0o600), os.RemoveAll(foreign)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, _, err := b.store.Verify("000009-00000000"); !errors.Is(err, dose.ErrNotFound) {
		t.Errorf("unknown release: %v", err)
	}
}

// TestManifests: the root manifest lists every file, each place's manifest
// that place's, and all say the same of a file.
func TestManifests(t *testing.T) {
	b := small(t)
	m, root := b.build(t, release.Options{})
	listed := map[string]bool{"manifest.json": true, "SHA256SUMS": true}
	for _, f := range m.Files {
		if listed[f.Path] {
			t.Errorf("%s is listed twice", f.Path)
		}
		listed[f.Path] = true
		if sub, ok := strings.CutSuffix(f.Path, "manifest.json"); ok {
			listed[sub+"SHA256SUMS"] = true
		}
	}
	for path := range tree(t, root) {
		if !listed[path] {
			t.Errorf("%s is in no manifest", path)
		}
		delete(listed, path)
	}
	if len(listed) > 0 {
		t.Errorf("listed and not there: %v", slices.Sorted(maps.Keys(listed)))
	}
	for _, p := range dose.Places() {
		pm, err := b.store.PlaceManifest(m.ID, p)
		if err != nil {
			t.Fatal(err)
		}
		if pm.ID != m.ID || pm.LedgerSeq != m.LedgerSeq || pm.Schema != m.Schema || pm.Status != release.Ready || pm.Place != string(p) || len(pm.Files) != 3 {
			t.Errorf("%s: %+v", p, pm)
		}
		for _, f := range pm.Files {
			in, ok := m.File(f.Path)
			rows, _ := read(t, filepath.Join(root, f.Path))
			if !ok || in != f || int64(len(rows)) != f.Rows || !strings.HasPrefix(f.Path, "counties/"+string(p)+"/") {
				t.Errorf("%s: the place says %+v, the root %+v, the file has %d rows", p, f, in, len(rows))
			}
		}
		if f, ok := m.File("counties/" + string(p) + "/manifest.json"); !ok || f.Rows != 0 {
			t.Errorf("%s: its manifest is listed as %+v", p, f)
		}
	}
	var plain map[string]any
	text, err := os.ReadFile(filepath.Join(root, "manifest.json"))
	if err == nil {
		err = json.Unmarshal(text, &plain)
	}
	if err != nil || strings.Contains(string(text), b.store.Dir) || plain["place"] != nil {
		t.Errorf("%v in %.200s", err, text)
	}
}
