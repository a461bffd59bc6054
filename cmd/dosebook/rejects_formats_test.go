package main

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/pipelines"
	"github.com/dosebook/dosebook/synth"
)

// wrongDate finds what spoilAny breaks in each format: an X before the date of
// administration, which the fix takes out again.
var wrongDate = map[string]*regexp.Regexp{
	synth.HL7:  regexp.MustCompile(`(\bRXA\|[^|]*\|[^|]*\|)(\d{8})`),
	synth.FHIR: regexp.MustCompile(`("occurrenceDateTime":")(\d{4}-\d\d-\d\d)`),
}

// spoilAny breaks the date of 2 % of a file's records, of those without one
// none, and of equal ones all.
func spoilAny(text []byte, format string) (out []byte, broken int) {
	out = wrongDate[format].ReplaceAllFunc(text, func(m []byte) []byte {
		sum := fnv.New64a()
		fmt.Fprintf(sum, "%d %s", broken, m)
		if sum.Sum64()%50 != 0 && broken > 0 {
			return m
		}
		broken++
		return wrongDate[format].ReplaceAll(m, []byte("${1}X$2"))
	})
	return out, broken
}

// Issue 6.4 in the other formats: a load with 2 % rejects, a fix, a replay: the
// account adds up before and after, and the store is that of correct files
// from the start. A bulk export is one payload with all its patients.
func TestReplayEqualsCorrectInEveryFormat(t *testing.T) {
	t.Parallel()
	for _, format := range []string{synth.HL7, synth.FHIR} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			replayEqualsCorrect(t, format)
		})
	}
}

func replayEqualsCorrect(t *testing.T, format string) {
	dir := filepath.Join(t.TempDir(), "in")
	cfg := synth.Config{Seed: 43, Rows: size(1_000, 4_000, 30_000), Registries: []string{"RIDE"}, Through: "2021-06-30", Formats: map[string]string{"RIDE": format}}
	truth, err := synth.Write(t.Context(), dir, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	good, bad, broken := newData(t), newData(t), 0
	action := map[string]string{}
	for _, f := range truth.Files {
		action[f.Path] = cmp.Or(f.Action, "add")
	}
	for i, path := range truth.Delivery {
		text := joined(t, filepath.Join(dir, filepath.FromSlash(path)))
		name := fmt.Sprintf("202107%02d_01_RID.txt", 1+i%28)
		spoilt, n := spoilAny(text, format)
		broken += n
		good.load(t, "--registry", "RIDE", "--action", action[path], "--reject-limit", "1", write(t, name, string(text)))
		bad.load(t, "--registry", "RIDE", "--action", action[path], "--reject-limit", "1", write(t, name, string(spoilt)))
		if i == size(5, 11, 40) {
			break
		}
	}
	right, before := good.account(t), bad.account(t)
	if before.Open != right.Open+int64(broken) || before.Received != right.Received || broken < 6 {
		t.Fatalf("%d broken; before: %+v, of the right files %+v", broken, before, right)
	}
	replayed := 0
	for _, segment := range waitingSegments(t, bad) {
		export := bad.ok(t, "rejects", "export", "--registry", "RIDE", "--code", "DATA001", "--segment", segment)
		fixed := regexp.MustCompile(`("occurrenceDateTime":"|\bRXA\|[^|]*\|[^|]*\|)X`).ReplaceAllString(export, "$1")
		path := write(t, "fix.txt", fixed)
		rep := bad.replay(t, path)
		replayed += int(rep.Loaded())
		if rep.Refused()+int64(rep.Left)+int64(rep.Unfit) != 0 {
			t.Errorf("%s: %+v", segment, rep)
		}
		position := bad.position(t)
		if again := bad.replay(t, path); again.Loaded() != 0 || bad.position(t) != position {
			t.Errorf("the file again: %+v", again)
		}
	}
	after := bad.account(t)
	want := right
	want.Received, want.Closed = right.Received+int64(broken), right.Closed+int64(broken)
	if replayed != broken || after != want {
		t.Errorf("%d of %d replayed; %+v, want %+v", replayed, broken, after, want)
	}
	good.ok(t, "release", "build")
	bad.ok(t, "release", "build")
	sameDump(t, "after the replay", bad.content(t), good.content(t))
	bad.ok(t, "warehouse", "rebuild")
	if got := bad.account(t); got != want {
		t.Errorf("rebuilt: %+v, want %+v", got, want)
	}
}

func waitingSegments(t *testing.T, d data) (out []string) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range d.rejects(t, "--state", pipelines.Waiting, "--code", "DATA001").Rejects {
		if !seen[r.Segment] {
			seen[r.Segment] = true
			out = append(out, r.Segment)
		}
	}
	return out
}

// joined reads a file, or the files of a bulk export one behind the other.
func joined(t *testing.T, path string) []byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(path, "*.ndjson"))
	if err != nil || len(files) == 0 {
		files = []string{path}
	}
	var out []byte
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, text...)
	}
	return out
}

// What a FHIR sender sent before it was cleared is replayed as it is kept, with
// its patients: out of NDJSON, and out of a Bundle on one line, where what was
// taken stays as it is; a deletion too.
func TestReplayOfFHIR(t *testing.T) {
	t.Parallel()
	d := newData(t)
	d.ok(t, "senders", "load", write(t, "senders.csv", senderList))
	d.ok(t, "senders", "require", "CAIR2", "--reason", "all")
	patient := func(id, family string) string {
		return `{"resourceType":"Patient","id":"` + id + `","name":[{"family":"` + family + `","given":["Ann"]}],"birthDate":"1980-03-05","address":[{"state":"CA","postalCode":"94601"}]}`
	}
	site := func(id, pin string) string {
		return `{"resourceType":"Location","id":"` + id + `","name":"Site","identifier":[{"system":"urn:vtrcks","value":"` + pin + `"}]}`
	}
	shot := func(id, patient, site, day string) string {
		return `{"resourceType":"Immunization","id":"` + id + `","status":"completed","vaccineCode":{"coding":[{"system":"http://hl7.org/fhir/sid/cvx","code":"208"}]},"patient":{"reference":"Patient/` +
			patient + `"},"occurrenceDateTime":"` + day + `","location":{"reference":"Location/` + site + `"},"primarySource":true}`
	}
	lines := strings.Join([]string{shot("a", "p1", "l1", "2021-03-01"), shot("b", "p2", "l2", "2021-03-02"), patient("p1", "One"), site("l2", "100002"),
		shot("c", "p1", "l2", "2021-03-33"), patient("p2", "Two"), site("l1", "100001")}, "\n")
	d.load(t, "--registry", "CAIR2", "--reject-limit", "1", write(t, "20210310_01_CAA.ndjson", lines))
	entry := func(resource string) string { return `{"resource":` + resource + `}` }
	bundle := `{"resourceType":"Bundle","type":"collection","entry":[` + strings.Join([]string{entry(shot("d", "p9", "l2", "2021-03-05")), entry(shot("e", "p9", "l1", "2021-03-06")),
		entry(patient("p9", "Nine")), entry(site("l1", "100001")), entry(site("l2", "100002")), entry(shot("f", "p9", "l2", "2021-03-07"))}, ",") + `]}`
	d.load(t, "--registry", "CAIR2", "--reject-limit", "1", write(t, "20210311_01_CAA.ndjson", bundle))
	if n := d.rejects(t, "--state", "quarantined").Total; n != 4 {
		t.Fatalf("%d wait", n)
	}
	d.ok(t, "senders", "set", "100002", "--registry", "CAIR2", "--state", "production", "--reason", "cleared")
	if rep := d.replay(t, "--registry", "CAIR2"); rep.Loaded() != 3 || rep.Left != 1 || rep.Unfit != 0 {
		t.Fatalf("%+v", rep)
	}
	if rep := d.replay(t, "--registry", "CAIR2"); rep.Loaded() != 0 || rep.Left != 1 {
		t.Errorf("again: %+v", rep)
	}
	export := d.ok(t, "rejects", "export", "--registry", "CAIR2")
	fixed := strings.Replace(export, "2021-03-33", "2021-03-03", 1)
	fixed = strings.ReplaceAll(fixed, `","`, `", "`) // an editor has written it anew
	if rep := d.replay(t, write(t, "fix.ndjson", fixed)); rep.Loaded() != 1 {
		t.Errorf("corrected: %+v\n%s", rep, export)
	}
	d.ok(t, "release", "build")
	if got := d.count(t, "select string_agg(vax_event_id || ' ' || recip_last_name || ' ' || admin_date || ' ' || reported_at::date, ', ' order by vax_event_id) from dose_event"); got !=
		`"a One 2021-03-01 2021-03-10, b Two 2021-03-02 2021-03-10, c One 2021-03-03 2021-03-10, d Nine 2021-03-05 2021-03-11, e Nine 2021-03-06 2021-03-11, f Nine 2021-03-07 2021-03-11"` {
		t.Errorf("%s", got)
	}
	for name, text := range map[string]string{"no mark": shot("z", "p1", "l1", "2021-03-01"), "cut": export[:len(export)/2]} {
		if r := d.exits(t, 2, "rejects", "replay", write(t, "bad.ndjson", text)); strings.Contains(r.err, "One") {
			t.Errorf("%s: %s", name, r.err)
		}
	}
	want := pipelines.Account{Registry: "all", Received: 10, Current: 6, Closed: 4}
	if got := d.account(t); got.Received != want.Received || got.Current+got.Duplicates != 6 || got.Closed != 4 || got.Open != 0 {
		t.Errorf("%+v", got)
	}
	d.sound(t)
}
