package main

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/pipelines"
)

func (d data) rejects(t *testing.T, args ...string) rejectList {
	t.Helper()
	return parse[rejectList](t, d.ok(t, append([]string{"rejects", "list", "--json", "--limit", "0"}, args...)...))
}

func (d data) replay(t *testing.T, args ...string) pipelines.ReplayReport {
	t.Helper()
	return parse[pipelines.ReplayReport](t, d.ok(t, append([]string{"rejects", "replay", "--json"}, args...)...))
}

// adds holds the ledger's account of rejects against the wanted one.
func (d data) adds(t *testing.T, refused, replayed int64) {
	t.Helper()
	v := parse[verified](t, d.ok(t, "verify", "--deep", "--json"))
	if v.Refused != refused || v.Replayed != replayed || v.Waiting != refused-replayed || len(v.Bad) > 0 {
		t.Errorf("verify: refused %d, replayed %d, waiting %d, want %d, %d; bad: %q", v.Refused, v.Replayed, v.Waiting, refused, replayed, v.Bad)
	}
}

// content is what an analyst sees, but for where the rows lie.
func (d data) content(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for table, columns := range map[string]string{"county_day": "*", "dose_event": "* exclude (segment, line)", "dose": "* exclude (segment, line)", "recipient": "*"} {
		out[table] = strings.Split(d.ok(t, "sql", "--format", "csv", "select "+columns+" from "+table+" order by all"), "\r\n")
	}
	return out
}

// spoil copies files of CVRS and breaks share of their rows so that they are
// refused; it returns the copies and how many it broke. Known bytes that come
// again are broken alike.
func spoil(t *testing.T, files []arrival, share float64) (out []arrival, broken int) {
	t.Helper()
	date, cvx, ndc := slices.Index(header(), "admin_date"), slices.Index(header(), "cvx"), slices.Index(header(), "ndc")
	for _, f := range files {
		text, err := os.ReadFile(f.path)
		if err != nil {
			t.Fatal(err)
		}
		sum := fnv.New64a()
		sum.Write(text)
		rnd := rand.New(rand.NewPCG(3, sum.Sum64()))
		lines := strings.SplitAfter(string(text), "\n")
		for k := range lines[1:] {
			cells := strings.Split(lines[k+1], "\t")
			if len(cells) != dose.CVRSColumns || rnd.Float64() >= share {
				continue
			}
			broken++
			switch {
			case f.action == "delete" || rnd.IntN(3) == 0:
				cells[0] = ""
			case rnd.IntN(2) == 0:
				cells[date] = "2021-02-30"
			default:
				cells[cvx], cells[ndc] = "", ""
			}
			lines[k+1] = strings.Join(cells, "\t")
		}
		f.path = filepath.Join(t.TempDir(), filepath.Base(f.path))
		if err := os.WriteFile(f.path, []byte(strings.Join(lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out, broken
}

// correct takes an export and puts in the rows of the right files.
func correct(t *testing.T, d data, registry string, files []arrival) string {
	t.Helper()
	where := map[string]rejected{}
	for _, r := range d.rejects(t, "--registry", registry, "--state", "waiting").Rejects {
		where[r.Ref] = r
	}
	right := map[string][]string{}
	for _, f := range files {
		if f.registry == registry {
			text, err := os.ReadFile(f.path)
			if err != nil {
				t.Fatal(err)
			}
			right[filepath.Base(f.path)+f.action] = strings.Split(string(text), "\n")
		}
	}
	out := strings.Split(d.ok(t, "rejects", "export", "--registry", registry), "\n")
	for i, line := range out {
		ref, _, _ := strings.Cut(line, "\t")
		r, ok := where[ref]
		if !ok {
			continue
		}
		action := "add"
		if _, suffix, ok := strings.Cut(r.Segment, "-"); ok {
			action = suffix
		}
		out[i] = ref + "\t" + strings.TrimSuffix(right[r.Path+action][r.Line-1], "\r")
	}
	return write(t, "fix.txt", strings.Join(out, "\n"))
}

// Issue 6.4: a load with 2 % rejects, a fix, a replay: the ledger adds up
// before and after, and the store is that of correct files from the start.
func TestReplayEqualsCorrectFromTheStart(t *testing.T) {
	t.Parallel()
	w, _ := cvrsWorld(t)
	files := deliveryOf(t, w)
	files = slices.DeleteFunc(files, func(a arrival) bool { return !strings.HasPrefix(a.path, string(w)) })
	files = files[:size(8, 20, len(files))]
	bad, broken := spoil(t, files, 0.02)
	good := newData(t)
	good.loadAll(t, files, false)
	good.ok(t, "release", "build")
	want := good.content(t)
	lasting := int64(good.rejects(t).Total)

	d := newData(t)
	late := len(bad) / 4 // some files come after the replay
	d.loadAll(t, bad[late:], false)
	registries := []string{}
	for _, f := range files {
		if !slices.Contains(registries, f.registry) {
			registries = append(registries, f.registry)
		}
	}
	rejects := int64(d.rejects(t).Total)
	d.adds(t, rejects, 0)
	fix := func() (refused, replayed int64) {
		for _, r := range registries {
			if d.rejects(t, "--registry", r, "--state", "waiting").Total == 0 {
				continue
			}
			path := correct(t, d, r, files)
			rep := d.replay(t, path)
			refused, replayed = refused+rep.Refused(), replayed+rep.Totals.Records
			position := d.position(t)
			if again := d.replay(t, path); again.Loaded() != 0 || d.position(t) != position {
				t.Errorf("the file again: %+v", again)
			}
		}
		return refused, replayed
	}
	refused, replayed := fix()
	d.adds(t, rejects+refused, replayed)
	d.loadAll(t, bad[:late], false)
	more, again := fix()
	total := d.rejects(t)
	d.adds(t, int64(total.Total), replayed+again)
	if refused+more != 0 || replayed+again < int64(broken)*9/10 || int64(total.Total)-replayed-again != lasting {
		t.Errorf("%d broken, %d+%d replayed, %d+%d refused again, %d wait; of the right files %d are refused", broken, replayed, again, refused, more, int64(total.Total)-replayed-again, lasting)
	}
	d.ok(t, "release", "build")
	sameDump(t, "after the replay", d.content(t), want)
	if n := d.count(t, "select count(*) from reject where state = 'replayed'"); n != fmt.Sprint(replayed+again) {
		t.Errorf("the release says that %s were replayed", n)
	}
	before := d.hashes(t, "releases")
	if err := os.RemoveAll(filepath.Join(string(d), "releases")); err != nil {
		t.Fatal(err)
	}
	d.ok(t, "warehouse", "rebuild")
	d.ok(t, "release", "build")
	sameFiles(t, "from a rebuilt warehouse", d.hashes(t, "releases"), before)
}

// A replayed record stands where it would have stood: neither over what came
// after it in its own file, nor under what came before.
func TestReplayKeepsItsPlace(t *testing.T) {
	t.Parallel()
	d := newData(t)
	lot := func(id, lot string, bad bool) string {
		f := fields{"lot_number": lot}
		if bad {
			f["admin_date"] = "2021-02-30"
		}
		return row(id, f)
	}
	d.load(t, "--registry", "CAIR2", "--reject-limit", "1", write(t, "20210310_01_CAA.txt", cvrsText(
		lot("a", "L1", true), lot("a", "L2", false), // the later row stays
		lot("b", "L1", false), lot("b", "L2", true), // the mended row wins
		lot("c", "L1", true), lot("c", "L2", true), // both mended: the later
		lot("d", "L1", true), lot("e", "L1", true))))
	d.load(t, "--registry", "CAIR2", write(t, "20210311_01_CAA.txt", cvrsText(lot("d", "L9", false)))) // newer: stays
	fix := strings.ReplaceAll(d.ok(t, "rejects", "export", "--registry", "CAIR2", "--code", "DATA001"), "2021-02-30", "2021-03-05")
	if rep := d.replay(t, write(t, "fix.txt", fix)); rep.Loaded() != 6 || rep.Refused() != 0 {
		t.Fatalf("%+v", rep)
	}
	d.load(t, "--registry", "CAIR2", write(t, "20210309_01_CAA.txt", cvrsText(lot("e", "L0", false)))) // older: changes nothing
	d.ok(t, "release", "build")
	if got := d.count(t, "select string_agg(vax_event_id || ' ' || lot_number, ', ' order by vax_event_id) from dose_event"); got != `"a L2, b L2, c L2, d L9, e L1"` {
		t.Errorf("%s", got)
	}
	d.adds(t, 6, 6)
	// The same bytes under an earlier date: the replay is as old as they are.
	copyOf := filepath.Join(t.TempDir(), "20210308_01_CAA.txt")
	known, err := os.ReadDir(filepath.Join(string(d), "lake", "CAIR2"))
	if err != nil || len(known) != 4 {
		t.Fatalf("%d segments, %v", len(known), err)
	}
	first := d.rejects(t).Rejects[0].Segment
	raw, err := filepath.Glob(filepath.Join(string(d), "raw", first[:2], first+"*"))
	if err != nil || len(raw) != 1 || copyFile(raw[0], copyOf) != nil {
		t.Fatalf("%q, %v", raw, err)
	}
	d.load(t, "--registry", "CAIR2", copyOf)
	d.ok(t, "release", "build")
	if got := d.count(t, "select string_agg(vax_event_id || ' ' || lot_number, ', ' order by vax_event_id) from dose_event"); got != `"a L2, b L2, c L2, d L9, e L0"` {
		t.Errorf("after an earlier date: %s", got)
	}
	d.sound(t)
}

// What is refused again is a reject of the replay; unchanged it stays where it
// is; a file may be corrected twice.
func TestReplayRefusedAgain(t *testing.T) {
	t.Parallel()
	d := newData(t)
	d.load(t, "--registry", "CAIR2", "--reject-limit", "1", write(t, "20210310_01_CAA.txt",
		cvrsText(row("a", fields{"admin_date": "x"}), row("b", fields{"admin_date": "x"}), row("c", fields{"recip_last_name": "Mu\xf1oz", "admin_date": "x"}))))
	export := d.ok(t, "rejects", "export", "--registry", "CAIR2")
	if !strings.Contains(export, "Mu\xf1oz") {
		t.Error("the export changed bytes")
	}
	if rep := d.replay(t, "--registry", "CAIR2"); rep.Selected != 3 || rep.Left != 3 || d.position(t) != 1 {
		t.Errorf("as they are: %+v", rep)
	}
	lines := strings.SplitAfter(export, "\n")
	lines[1] = strings.Replace(lines[1], "\tx\t", "\t2021-03-05\t", 1)
	lines[2] = strings.Replace(lines[2], "\tx\t", "\ty\t", 1)
	once := write(t, "fix.txt", strings.Join(lines, ""))
	if rep := d.replay(t, once); rep.Loaded() != 1 || rep.Refused() != 1 || rep.Left != 1 {
		t.Errorf("first: %+v", rep)
	}
	d.adds(t, 4, 2)
	if rep := d.replay(t, once); rep.Settled != 1 || rep.Left != 2 || d.position(t) != 2 {
		t.Errorf("the same again: %+v", rep)
	}
	lines[2] = strings.Replace(lines[2], "\ty\t", "\t2021-03-06\t", 1) // still names the first segment
	lines[3] = strings.Replace(lines[3], "\tx\t", "\t2021-03-07\t", 1)
	if rep := d.replay(t, write(t, "fix.txt", strings.Join(lines, ""))); rep.Loaded() != 2 || rep.Settled != 1 {
		t.Errorf("second: %+v", rep)
	}
	d.adds(t, 4, 4)
	d.ok(t, "release", "build")
	if got := d.count(t, "select string_agg(vax_event_id || ' ' || recip_last_name || ' ' || reported_at::date, ', ' order by vax_event_id) from dose_event"); got != `"a Example 2021-03-10, b Example 2021-03-10, c Muñoz 2021-03-10"` {
		t.Errorf("%s", got)
	}
	if got := d.count(t, "select string_agg(state, ' ') from reject"); got != "replayed replayed replayed replayed" {
		t.Errorf("states: %s", got)
	}
	shown := parse[[]rejected](t, d.ok(t, "rejects", "show", "--json", strings.Split(lines[2], "\t")[0]))
	if len(shown) != 1 || shown[0].State != dose.RejectReplayed || shown[0].Became == "" || !strings.Contains(shown[0].Record, "Example") {
		t.Errorf("%+v", shown)
	}
	for name, text := range map[string]string{"no mark": cvrsText(row("a", nil)), "other": strings.Replace(export, ":2\t", ":3\t", 1), "unknown": strings.Replace(export, ":2\t", ":9\t", 1)} {
		if r := d.exits(t, 2, "rejects", "replay", write(t, "bad.txt", text)); strings.Contains(r.err, "Example") {
			t.Errorf("%s: %s", name, r.err)
		}
	}
	d.exits(t, 4, "rejects", "show", "0123456789abcdef:7")
	d.exits(t, 2, "rejects", "show", "x")
	d.exits(t, 2, "rejects", "replay")
}

// A snapshot's refused record comes back without making all else absent.
func TestReplayOfSnapshot(t *testing.T) {
	t.Parallel()
	d := newData(t)
	d.load(t, "--registry", "SDIR", write(t, "20210310_01_SDA.txt", cvrsText(row("a", nil), row("b", nil))))
	d.load(t, "--registry", "SDIR", "--mode", "snapshot", "--max-absent", "1", "--reject-limit", "1",
		write(t, "20210311_01_SDA.txt", cvrsText(row("a", nil), row("b", fields{"admin_date": "x", "lot_number": "L2"}))))
	fix := bytes.Replace([]byte(d.ok(t, "rejects", "export", "--registry", "SDIR")), []byte("\tx\t"), []byte("\t2021-03-05\t"), 1)
	if rep := d.replay(t, write(t, "fix.txt", string(fix))); rep.Loaded() != 1 {
		t.Fatalf("%+v", rep)
	}
	d.ok(t, "release", "build")
	if got := d.count(t, "select string_agg(vax_event_id || ' ' || lot_number, ', ' order by vax_event_id) from dose_event"); got != `"a EL9261, b L2"` {
		t.Errorf("%s", got)
	}
	d.sound(t)
}
