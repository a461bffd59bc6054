package serve

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// prune ends a release as retention does.
func (w *world) prune(id string) {
	w.t.Helper()
	text, err := json.Marshal(map[string]any{"body": release.Gate{ID: id, Status: release.Ready}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("releases/"+id+".gate.json", text)
	if err := w.cfg.Releases.Prune(id, day, nil, w.cfg.Made); err != nil {
		w.t.Fatal(err)
	}
}

// signed makes the key and signs what the manifests are.
func (w *world) signed(id string, dirs ...string) *release.Signer {
	w.t.Helper()
	w.cfg.Keys = release.Keys{Dir: filepath.Join(w.dir, "keys")}
	key, err := w.cfg.Keys.Open(day)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, dir := range dirs {
		name := "releases/" + id + "/" + dir + "manifest.json"
		text, err := os.ReadFile(filepath.Join(w.dir, name))
		if err != nil {
			w.t.Fatal(err)
		}
		w.write(name+".sig", key.Sign(text))
		w.write("releases/"+id+"/"+dir+"SHA256SUMS", []byte("sums of "+dir))
	}
	w.h = New(w.cfg)
	return key
}

func TestKeysAreOpen(t *testing.T) {
	w := newWorld(t)
	w.cfg.Keys = release.Keys{Dir: filepath.Join(w.dir, "keys")}
	w.h = New(w.cfg)
	if rec := w.get("/api/v1/keys", ""); rec.Code != 200 || strings.TrimSpace(rec.Body.String()) != `{"keys":[]}` {
		t.Errorf("before the first release: %d %s", rec.Code, rec.Body)
	}
	first := w.signed(id)
	if _, err := w.cfg.Keys.Rotate(day.AddDate(0, 0, 1)); err != nil {
		t.Fatal(err)
	}
	rec := w.get("/api/v1/keys", "")
	var told struct{ Keys []release.Key }
	if err := json.Unmarshal(rec.Body.Bytes(), &told); err != nil || rec.Code != 200 || len(told.Keys) != 2 || told.Keys[0].ID != first.ID || told.Keys[0].Until == nil || told.Keys[1].Until != nil {
		t.Errorf("%d %v %+v", rec.Code, err, told)
	}
	if strings.Contains(rec.Body.String(), "PRIVATE") {
		t.Error("a private key is told")
	}
	private, err := os.ReadFile(filepath.Join(w.dir, "keys/release.ed25519"))
	if err != nil {
		t.Fatal(err)
	}
	if body := strings.Split(string(private), "\n")[1]; strings.Contains(rec.Body.String(), body) {
		t.Error("a private key is told")
	}
	if err := os.WriteFile(filepath.Join(w.dir, "keys/public.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if rec := w.get("/api/v1/keys", ""); rec.Code < 400 || strings.Contains(rec.Body.String(), w.dir) {
		t.Errorf("a damaged list: %d %s", rec.Code, rec.Body)
	}
}

// TestSignaturesAreServed: what is downloaded can be proven by the keys that
// anybody can read.
func TestSignaturesAreServed(t *testing.T) {
	w := newWorld(t)
	w.signed(id, "", "counties/06019/")
	steward, epi := w.user("steward", access.Steward, dose.Identified), w.user("epi", access.Epi, dose.Identified, "06019")
	keys, err := release.ParsePublicKeys(w.get("/api/v1/keys", "").Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for dir, token := range map[string]string{base + "/" + id + "/": steward, base + "/" + id + "/counties/06019/": epi} {
		manifest, sig, sums := w.get(dir+"manifest.json", token), w.get(dir+"manifest.json.sig", token), w.get(dir+"SHA256SUMS", token)
		if sig.Code != 200 || sig.Body.Len() != ed25519.SignatureSize || !keys.Verify(manifest.Body.Bytes(), sig.Body.Bytes()) {
			t.Errorf("%s: %d, %d bytes", dir, sig.Code, sig.Body.Len())
		}
		if sig.Header().Get("Content-Type") != "application/octet-stream" || sig.Header().Get("ETag") == "" {
			t.Error(sig.Header())
		}
		if sums.Code != 200 || !strings.HasPrefix(sums.Body.String(), "sums of ") || !strings.HasPrefix(sums.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %s", dir, sums.Code, sums.Body)
		}
	}
	// At home in one place, the release's own addresses are that place's.
	if rec := w.get(base+"/"+id+"/manifest.json.sig", epi); !keys.Verify(w.get(base+"/"+id+"/manifest.json", epi).Body.Bytes(), rec.Body.Bytes()) {
		t.Error("manifest and signature of two places")
	}
	other := w.user("other", access.Epi, dose.Identified, "06037")
	for name := range proofs {
		refused(t, w.get(base+"/"+id+"/counties/06019/"+name, other), 403)
		refused(t, w.get(base+"/"+id+"/counties/06019/"+name, ""), 401)
	}
	refused(t, w.get(base+"/"+id+"/counties/06037/manifest.json.sig", other), 404) // not signed
}

func TestEndedReleasesAnswerGone(t *testing.T) {
	w := newWorld(t)
	w.signed(id, "", "counties/06019/")
	token := w.user("steward", access.Steward, dose.Identified)
	csv := file("06019", "dose.csv")
	if rec := w.get(csv, token); rec.Code != 200 {
		t.Fatal(rec.Code)
	}
	const next = "000099-89abcdef"
	w.release(next, release.Ready, "06019")
	w.write("releases/latest", []byte(next))
	w.prune(id)
	paths := []string{csv, file("06019", "dose.parquet"), base + "/" + id, base + "/" + id + "/county_day.csv"}
	for name := range proofs {
		paths = append(paths, base+"/"+id+"/"+name, file("06019", name))
	}
	for _, path := range paths {
		if p := refused(t, w.get(path, token), 410); !strings.Contains(p.Detail, id) {
			t.Errorf("%s: %s", path, p.Detail)
		}
	}
	refused(t, w.get(csv, w.user("other", access.Epi, dose.Identified, "06037")), 403) // before anything is told
	var list struct{ Releases []releaseInfo }
	if err := json.Unmarshal(w.get(base, token).Body.Bytes(), &list); err != nil || len(list.Releases) == 0 {
		t.Fatal(err, list)
	}
	for _, r := range list.Releases {
		if r.ID == id {
			t.Error("an ended release is listed")
		}
	}
}

// TestSweep: what a killed server left goes when the next one starts, but not
// what a living one is making.
func TestSweep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	left := filepath.Join(dir, id, "06019", ".part-dose.csv-123")
	plant := func() {
		if err := errors.Join(os.MkdirAll(left, 0o700), os.WriteFile(filepath.Join(left, "file"), []byte("x"), 0o600),
			os.WriteFile(filepath.Join(filepath.Dir(left), "dose.csv"), []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	there := func() string {
		_, part := os.Stat(left)
		_, whole := os.Stat(filepath.Join(filepath.Dir(left), "dose.csv"))
		return fmt.Sprint(part == nil, whole == nil)
	}
	plant()
	first, err := Sweep(dir)
	if err != nil || there() != "false true" {
		t.Fatal(err, there())
	}
	plant()
	second, err := Sweep(dir)
	if err != nil || there() != "true true" {
		t.Fatal("the first server's work was swept:", err, there())
	}
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Fatal(err)
	}
	third, err := Sweep(dir)
	if err != nil || there() != "false true" {
		t.Fatal(err, there())
	}
	if err := third.Close(); err != nil {
		t.Fatal(err)
	}
}
