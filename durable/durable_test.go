package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestFileAppearsOnCommitOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("whole"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("before commit: %v", err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "whole" {
		t.Fatalf("after commit: %q %v", b, err)
	}
}

func TestFolderIsNeverOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x", "seg")
	for i, want := range []error{nil, fs.ErrExist} {
		d, err := MkdirPart(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d.Dir, "f"), []byte{byte(i)}, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := d.Commit(); !errors.Is(err, want) {
			t.Fatalf("commit %d: %v, want %v", i, err, want)
		}
		d.Abort()
	}
	if b, err := os.ReadFile(filepath.Join(path, "f")); err != nil || b[0] != 0 {
		t.Fatalf("first folder changed: %v %v", b, err)
	}
}

func TestSweepRemovesPartsOnly(t *testing.T) {
	dir := t.TempDir()
	if err := WriteFile(filepath.Join(dir, "keep"), []byte("k")); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(filepath.Join(dir, "lost")); err != nil {
		t.Fatal(err)
	}
	if _, err := MkdirPart(filepath.Join(dir, "sub", "lost")); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(dir); err != nil {
		t.Fatal(err)
	}
	var left []string
	_ = filepath.WalkDir(dir, func(p string, _ fs.DirEntry, _ error) error { left = append(left, p); return nil })
	if len(left) != 3 { // dir, keep, sub
		t.Fatalf("left: %v", left)
	}
}
