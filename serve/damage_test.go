package serve

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// damages are what can happen to a file of a release.
var damages = map[string]func(path string) error{
	"missing":    os.Remove,
	"cut":        func(path string) error { return os.Truncate(path, 40) },
	"no Parquet": func(path string) error { return os.WriteFile(path, []byte("PAR1\xff\xff\xff\x7fPAR1"), 0o600) },
	"a folder":   func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	"a loop":     func(path string) error { return errors.Join(os.Remove(path), os.Symlink(path, path)) },
	"unreadable footer": func(path string) error {
		b, err := os.ReadFile(path)
		for i := len(b) - 60; i < len(b)-8; i++ {
			b[i] ^= 0x55
		}
		return errors.Join(err, os.WriteFile(path, b, 0o600))
	},
}

// Whatever is made of a damaged file is refused as damage, with the remedy:
// not as a fault of the question, and without a path of this machine (refused
// looks for one). The log names the file.
func TestDamagedSourcesNameNoPath(t *testing.T) {
	w := newWorld(t)
	w.plantPages()
	w.cfg.Convert = release.Convert
	w.h = New(w.cfg)
	token := w.user("steward", access.Steward, dose.Identified)
	path := filepath.Join(w.dir, "releases", id, "counties/06019/dose.parquet")
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range damages {
		if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, was, 0o600), spoil(path)); err != nil {
			t.Fatal(name, err)
		}
		for _, format := range release.ExtractFormats() {
			w.damaged(name+" POST "+format, func() string {
				return refused(t, w.post(`{"county":"06019","table":"dose","format":"`+format+`"}`, token), 409).Detail
			})
			if format != "parquet" || name != "unreadable footer" { // of the same size: verify finds it
				w.damaged(name+" GET "+format, func() string { return refused(t, w.get(file("06019", "dose."+format), token), 409).Detail })
			}
		}
		w.damaged(name+" limited", func() string { return refused(t, w.get(file("06019", "limited/dose.csv"), token), 409).Detail })
		w.damaged(name+" page", func() string {
			return refused(t, w.get("/releases/"+id+"/counties/06019/rows?table=dose", token), 409).Detail
		})
	}
	if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, was, 0o600)); err != nil {
		t.Fatal(err)
	}
	w.permalinkOf(`{"county":"06019","table":"dose"}`, token)
}

// damaged asserts that the detail says what to do, and the log which file.
func (w *world) damaged(name string, ask func() string) {
	w.t.Helper()
	w.log.Reset()
	if detail := ask(); !strings.HasPrefix(detail, "damaged file: ") || !strings.Contains(detail, "verify --deep") {
		w.t.Errorf("%s: %s", name, detail)
	}
	if log := w.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "dose") {
		w.t.Errorf("%s: the log has %s", name, log)
	}
}

// An extract that nobody waits for tells of damage when it is looked at.
func TestDamageIsToldLater(t *testing.T) {
	w := newWorld(t)
	w.plantPages()
	token := w.user("steward", access.Steward, dose.Identified)
	if err := os.Remove(filepath.Join(w.dir, "releases", id, "counties/06019/dose.parquet")); err != nil {
		t.Fatal(err)
	}
	rec := w.post(`{"county":"06019","table":"dose"}`, token, "Prefer", "respond-async")
	if rec.Code == 202 {
		to := rec.Header().Get("Location")
		waitFor(t, func() bool { return w.state(to, token).Status == "failed" })
		if s := w.state(to, token); !strings.HasPrefix(s.Detail, "damaged file: ") || strings.Contains(s.Detail, w.dir) {
			t.Errorf("%+v", s)
		}
	} else {
		refused(t, rec, 409)
	}
}
