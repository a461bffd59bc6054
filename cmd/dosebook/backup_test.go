package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/release"
	"github.com/dosebook/dosebook/synth"
)

func (d data) backup(t *testing.T, to string, args ...string) backedUp {
	t.Helper()
	return parse[backedUp](t, d.ok(t, append([]string{"backup", "--json", to}, args...)...))
}

// restored is a new data directory made of a snapshot; all of it is proven.
func restoredFrom(t *testing.T, from string, args ...string) (data, restored) {
	t.Helper()
	d := newData(t)
	r := parse[restored](t, d.ok(t, append([]string{"restore", "--json", from}, args...)...))
	if v := parse[verified](t, string(r.Verify)); len(v.Bad) > 0 || v.Files == 0 {
		t.Fatalf("verify --deep after restore: %d files, %q", v.Files, v.Bad)
	}
	d.sound(t)
	return d, r
}

// TestBackupDrill: backups while a load and a build run; what each of them
// gives back is whole, and gives the same release as the store that it is of.
func TestBackupDrill(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d, to, in := copyOf(t, w), filepath.Join(t.TempDir(), "backup"), t.TempDir()
	d.token(t, "epi@example.org", "06037", "epi")
	_, err := synth.Write(t.Context(), in, synth.Config{Seed: 11, Rows: size(20_000, 60_000, 500_000), Registries: []string{"SDIR"}, RowsPerFile: 5_000}, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := d.backup(t, to)
	loading := make(chan result, 1)
	go func() {
		r, err := execute(t.Context(), "ingest", "--data", string(d), "--json", "--registry", "SDIR", filepath.Join(in, "SDIR", "add"))
		if err == nil && r.code == 0 {
			r, err = execute(t.Context(), "release", "build", "--data", string(d), "--json", "--config", write(t, "dosebook.yaml", "gate: {rise: 1000}\n"))
		}
		if err != nil {
			r.err += err.Error()
		}
		loading <- r
	}()
	taken := []backedUp{first}
	for running := true; running; {
		select {
		case r := <-loading:
			if r.code != 0 {
				t.Fatalf("the load beside the backups: exit %d %s", r.code, r.err)
			}
			running = false
		default:
			taken = append(taken, d.backup(t, to))
		}
	}
	last := d.backup(t, to)
	taken = append(taken, last)
	during := map[int64]bool{}
	for _, x := range taken {
		during[x.LedgerSeq] = true
	}
	if len(taken) < 3 || last.LedgerSeq <= first.LedgerSeq || len(last.Releases) != 2 {
		t.Fatalf("%d backups; first %+v, last %+v", len(taken), first, last)
	}
	t.Logf("%d backups at %d ledger positions", len(taken), len(during))
	if again := d.backup(t, to); again.New > 1 { // control.db: the audit has one more entry
		t.Errorf("%d files of a second backup are new", again.New)
	}
	for _, x := range []backedUp{first, taken[len(taken)/2], last} {
		r, told := restoredFrom(t, to, "--snapshot", x.ID)
		if told.LedgerSeq != x.LedgerSeq || len(told.Releases) != len(x.Releases) {
			t.Errorf("%+v is not snapshot %s", told, x.ID)
		}
		sameFiles(t, "releases of "+x.ID, r.hashes(t, "releases"), only(d.hashes(t, "releases"), x.Releases))
		if x.LedgerSeq == last.LedgerSeq {
			sameFiles(t, "everything", r.hashes(t, "raw", "lake"), d.hashes(t, "raw", "lake"))
		}
		m := parse[release.Manifest](t, r.ok(t, "release", "build", "--json", "--config", write(t, "dosebook.yaml", "gate: {rise: 1000}\n")))
		if m.LedgerSeq != x.LedgerSeq {
			t.Errorf("a build at %d, want %d", m.LedgerSeq, x.LedgerSeq)
		}
		if !strings.Contains(r.ok(t, "access", "list"), "epi@example.org") || !strings.Contains(r.ok(t, "audit", "list", "--json"), `"restore"`) {
			t.Error("access or audit is not what it was")
		}
	}
}

// only keeps what is of these releases, and the files beside them.
func only(sums map[string]string, ids []string) map[string]string {
	out := map[string]string{}
	for name, sum := range sums {
		for _, id := range ids {
			if strings.HasPrefix(name, "releases/"+id+"/") {
				out[name] = sum
			}
		}
	}
	if len(ids) > 0 {
		out["releases/latest"] = hashOf([]byte(ids[len(ids)-1]))
	}
	return out
}

func TestKilledBackup(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d, to := copyOf(t, w), filepath.Join(t.TempDir(), "backup")
	start := time.Now()
	want := d.backup(t, filepath.Join(t.TempDir(), "undisturbed"))
	whole, cut := time.Since(start), 0
	for i := range size(4, 10, 50) {
		if d.kill(t, whole*time.Duration(i)/time.Duration(size(4, 10, 50)), "backup", to) {
			cut++
		}
		if from := openBackups(to); i%3 == 2 {
			if ids, err := from.list(); err != nil {
				t.Fatal(err)
			} else if len(ids) > 0 {
				d.ok(t, "backup", "--verify", to)
			}
		}
	}
	if cut == 0 {
		t.Error("no backup was killed")
	}
	if got := d.backup(t, to); got.Count != want.Count || len(d.exits(t, 0, "backup", "--verify", to).out) == 0 {
		t.Errorf("%+v, want %+v", got, want)
	}
	if left, _ := filepath.Glob(filepath.Join(to, ".part-*")); len(left) > 0 {
		t.Error(left)
	}
	// A restore that was killed leaves nothing that looks like a data directory.
	r := newData(t)
	if r.kill(t, whole/4, "restore", to) {
		if _, err := os.Stat(filepath.Join(string(r), "control.db")); err == nil {
			r.ok(t, "warehouse", "rebuild") // it was past the files
			r.sound(t)
			return
		}
	}
	if _, err := os.Stat(string(r)); err != nil {
		r.ok(t, "restore", to)
	}
	r.sound(t)
}

func TestDamagedBackup(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d, to := copyOf(t, w), filepath.Join(t.TempDir(), "backup")
	x := d.backup(t, to)
	s, err := openBackups(to).load("")
	if err != nil {
		t.Fatal(err)
	}
	var victim kept
	for _, f := range s.Files {
		if strings.HasPrefix(f.Path, "raw/") {
			victim = f
		}
	}
	object := openBackups(to).objects.Path(victim.SHA256)
	b, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(b)
	flipped[len(b)/2] ^= 1
	if err := os.WriteFile(object, flipped, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := d.exits(t, 1, "backup", "--verify", to); !strings.Contains(r.out, victim.Path) || !strings.Contains(r.out, victim.SHA256) {
		t.Error(r.out, r.err)
	}
	r := newData(t)
	if got := r.exits(t, 1, "restore", to); !strings.Contains(got.err, victim.Path) {
		t.Error(got.err)
	}
	if _, err := os.Stat(string(r)); err == nil {
		t.Error("a damaged backup was restored")
	}
	if err := os.Remove(object); err != nil {
		t.Fatal(err)
	}
	if again := d.backup(t, to); again.New != 2 { // it, and control.db
		t.Errorf("%d new files, want 2", again.New)
	}
	restoredFrom(t, to)
	name := filepath.Join(to, "snapshots", x.ID+".json")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, bytes.Replace(text, []byte(victim.Path), []byte("raw/../../x"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	newData(t).exits(t, 2, "restore", to, "--snapshot", x.ID)
}

func TestBackupOptionsAndRefusals(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d, to := copyOf(t, w), filepath.Join(t.TempDir(), "backup")
	newData(t).exits(t, 4, "backup", to)
	newData(t).exits(t, 4, "restore", to)
	d.exits(t, 2, "backup", filepath.Join(string(d), "backup"))
	d.exits(t, 2, "backup")
	for range 3 {
		d.backup(t, to)
	}
	d.exits(t, 2, "restore", to) // the data directory is there
	d.exits(t, 4, "restore", to, "--snapshot", "20200101T000000.000Z-1")
	d.load(t, "--registry", "SDIR", write(t, "20240101_01_CAA.txt", cvrsText(row("backup-1", nil))))
	last := d.backup(t, to, "--keep", "1", "--no-private-key")
	if ids, err := openBackups(to).list(); err != nil || len(ids) != 1 || ids[0] != last.ID || last.Removed == 0 || last.PrivateKey {
		t.Errorf("%v %v %+v", ids, err, last)
	}
	d.ok(t, "backup", "--verify", to)
	r := newData(t)
	got := r.try(t, "restore", to)
	if _, err := os.Stat(filepath.Join(string(r), "keys", "release.ed25519")); err == nil || !strings.Contains(got.out, "signing key is not in this backup") {
		t.Errorf("exit %d %s %s", got.code, got.out, got.err)
	}
	r.ok(t, "release", "key", "rotate")
	r.sound(t)
	if private, err := filepath.Glob(filepath.Join(to, "objects", "*", "*")); err != nil || len(private) == 0 {
		t.Error(err)
	} else {
		for _, path := range private {
			if b, err := os.ReadFile(path); err != nil || bytes.Contains(b, []byte("PRIVATE KEY")) {
				t.Error("the private key is in the backup", err)
			}
		}
	}
}
