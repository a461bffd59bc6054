package synth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

var wildDefects = Defects{RepeatRows: 0.1, RepeatFiles: 0.2, Updates: 0.2, Deletes: 0.1, LateFiles: 0.3, Unusable: 0.03, Soft: 0.3}

// inAll gives each registry the format.
func inAll(format string) map[string]string {
	return map[string]string{"CAIR2": format, "SDIR": format, "RIDE": format}
}

func TestFormatsAreTheSameOnAnyMachine(t *testing.T) {
	cfg := Config{Seed: 3, Rows: 6_000, Defects: wildDefects, Overlap: DefaultOverlap(), Formats: map[string]string{"SDIR": HL7, "RIDE": FHIR}}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one, _ := write(t, cfg)
	want := contents(t, one)
	for _, procs := range []int{2, 5} {
		runtime.GOMAXPROCS(procs)
		dir, _ := write(t, cfg)
		got := contents(t, dir)
		for name := range want {
			if !bytes.Equal(got[name], want[name]) {
				t.Errorf("%s differs on %d processors", name, procs)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d files on %d processors, %d on one", len(got), procs, len(want))
		}
	}
}

// What is true does not hang on the format; what is refused, and why, does.
func TestTruthIsTheSameInAllFormats(t *testing.T) {
	cfg := Config{Seed: 6, Rows: 6_000, Defects: wildDefects, Overlap: DefaultOverlap()}
	dir, plain := write(t, cfg)
	events := contents(t, dir)[EventsFile]
	for _, format := range []string{HL7, FHIR} {
		cfg.Formats = inAll(format)
		dir, truth := write(t, cfg)
		if !bytes.Equal(contents(t, dir)[EventsFile], events) {
			t.Errorf("%s: other events", format)
		}
		a, b := *truth, *plain
		a.Files, a.Delivery, a.Full, b.Files, b.Delivery = nil, nil, nil, nil, nil
		for _, x := range []*Truth{&a, &b} {
			x.Totals.Rejects, x.Totals.Locked, x.Totals.RepeatedFiles, x.Totals.RepeatedRecords = nil, 0, 0, 0
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s has another truth", format)
		}
		sum := 0
		for _, n := range truth.Totals.Rejects {
			sum += n
		}
		if sum != truth.Totals.Rejected || truth.Totals.Locked == 0 || maps.Equal(truth.Totals.Rejects, plain.Totals.Rejects) {
			t.Errorf("%s: %+v", format, truth.Totals)
		}
	}
}

func TestFormatsRefused(t *testing.T) {
	for name, formats := range map[string]map[string]string{"no such registry": {"WAIIS": HL7}, "no such format": {"RIDE": "csv"}} {
		if _, err := Write(context.Background(), t.TempDir(), Config{Rows: 1, Formats: formats}, nil); !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCancelledFormatsLeaveNothing(t *testing.T) {
	for _, format := range []string{HL7, FHIR} {
		ctx, cancel := context.WithCancel(context.Background())
		dir := t.TempDir()
		_, err := Write(ctx, dir, Config{Rows: 50_000, Formats: inAll(format)}, func(done, total int64) { cancel() })
		if left := contents(t, dir); !errors.Is(err, context.Canceled) || len(left) > 0 {
			t.Errorf("%s: a cancelled run ended with %v and left %d files", format, err, len(left))
		}
	}
}

// Batches count what is in them, control ids come once, and doses of a person
// by one sender share a message.
func TestBatches(t *testing.T) {
	dir, truth := write(t, Config{Seed: 5, Rows: 40_000, Registries: []string{"SDIR"}, Defects: DefaultDefects(), Formats: map[string]string{"SDIR": HL7}})
	name := regexp.MustCompile(`^SDIR/\d{8}_\d\d_SDA\.hl7$`)
	control, shared, many := make(map[string]string), 0, 0
	all := contents(t, dir)
	for _, f := range truth.Files {
		text := string(all[f.Path])
		if !name.MatchString(f.Path) || f.Format != HL7 || f.Action != "" || strings.ContainsAny(text, "\n\x00") {
			t.Errorf("%s, format %q, action %q", f.Path, f.Format, f.Action)
		}
		if f.RepeatOf != "" {
			if text != string(all[f.RepeatOf]) {
				t.Errorf("%s is not the same as %s", f.Path, f.RepeatOf)
			}
			continue
		}
		sent := strings.ReplaceAll(f.SourceDate, "-", "") + fmt.Sprintf("0000%02d+0000", f.Sequence)
		messages, batches, orders, doses := 0, 0, 0, 0
		for _, seg := range strings.Split(strings.TrimSuffix(text, "\r"), "\r") {
			field := strings.Split(seg, "|")
			switch field[0] {
			case "BHS":
				batches, messages = batches+1, 0
			case "MSH":
				if first, twice := control[field[9]]; twice || field[6] != sent {
					t.Errorf("%s: control id %s was in %q; sent %s", f.Path, field[9], first, field[6])
				}
				control[field[9]] = f.Path
				messages, orders = messages+1, 0
			case "RXA":
				doses++
				if orders++; orders == 2 {
					shared++
				}
			case "BTS":
				if field[1] != fmt.Sprint(messages) || messages == 0 || messages > messagesPerBatch {
					t.Errorf("%s: %s behind %d messages", f.Path, seg, messages)
				}
			case "FTS":
				if field[1] != fmt.Sprint(batches) {
					t.Errorf("%s: %s behind %d batches", f.Path, seg, batches)
				}
				many += min(batches-1, 1)
			}
		}
		if doses != f.Records {
			t.Errorf("%s: %d RXA, %d records", f.Path, doses, f.Records)
		}
	}
	if shared == 0 || many == 0 {
		t.Errorf("%d messages hold several doses, %d files several batches", shared, many)
	}
}

func TestEscapes(t *testing.T) {
	if got := string(escaped(nil, "A|B^C&D~E\\F\r\nG’s")); got != `A\F\B\S\C\T\D\R\E\E\F\.br\\.br\G’s` {
		t.Errorf("HL7: %s", got)
	}
	var back string
	if err := json.Unmarshal(quoted(nil, `a"b\c/ñ`), &back); err != nil || back != `a"b\c/ñ` {
		t.Errorf("JSON: %q, %v", back, err)
	}
	r := record{flaw: quotes}
	if got := string((&batchFile{}).quotable(nil, &r, 0, "O&M")); got != `\X4F\\T\M` {
		t.Errorf("HL7: %s", got)
	}
	if got := string(quotable(nil, &r, 0, "O&M")); got != `"\u004f&M"` {
		t.Errorf("JSON: %s", got)
	}
}

// resource is what the tests read of a line of an export.
type resource struct {
	ResourceType, ID, Status        string
	Meta                            struct{ LastUpdated string }
	Identifier                      []struct{ Value string }
	Patient, Location, Manufacturer struct{ Reference string }
	Performer                       []struct{ Actor struct{ Reference string } }
	Entry                           []struct{ Request struct{ Method, URL string } }
}

// exportOf reads the folder of an export: its resources by Type/id, the bytes
// of its Immunizations by id, and the ids of what is deleted.
func exportOf(t *testing.T, all map[string][]byte, folder string) (by map[string]resource, lines map[string]string, deleted []string) {
	t.Helper()
	by, lines = make(map[string]resource), make(map[string]string)
	valid := regexp.MustCompile(`^[A-Za-z0-9\-.]{1,64}$`) // FHIR R4 data types, id
	for _, typ := range exportNames {
		for line := range strings.Lines(string(all[path.Join(folder, typ+".ndjson")])) {
			var r resource
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(folder, err)
			}
			if r.ResourceType == "Bundle" {
				for _, e := range r.Entry {
					deleted = append(deleted, strings.TrimPrefix(e.Request.URL, "Immunization/"))
				}
				continue
			}
			key := r.ResourceType + "/" + r.ID
			if _, twice := by[key]; twice || r.ResourceType != typ || !valid.MatchString(r.ID) {
				t.Errorf("%s: %s comes twice, in the wrong file, or has no possible id", folder, key)
			}
			by[key] = r
			if typ == "Immunization" {
				lines[r.ID] = line
			}
		}
	}
	return by, lines, deleted
}

// Each export can be read by itself, and a full export holds the last word on
// every event that was not deleted without a trace.
func TestExports(t *testing.T) {
	dir, truth := write(t, Config{Seed: 9, Rows: 12_000, Registries: []string{"RIDE"}, Defects: wildDefects, Formats: map[string]string{"RIDE": FHIR}})
	all := contents(t, dir)
	last, gone := make(map[string]string), 0
	files := slices.Clone(truth.Files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.SourceDate, b.SourceDate) })
	for _, f := range files {
		by, lines, deleted := exportOf(t, all, f.Path)
		if f.Format != FHIR || f.Action != "" || len(lines)+len(deleted) != f.Records {
			t.Errorf("%s: %d Immunizations and %d deletions, %d records", f.Path, len(lines), len(deleted), f.Records)
		}
		if f.RepeatOf != "" {
			continue
		}
		complete(t, f.Path, by, f.SourceDate)
		maps.Copy(last, lines)
		for _, id := range deleted {
			if last[id] == "" {
				t.Errorf("%s: deletes %s, which never was", f.Path, id)
			}
			delete(last, id)
			gone++
		}
	}
	by, lines, deleted := exportOf(t, all, truth.Full["RIDE"])
	complete(t, "full", by, "")
	if len(deleted) > 0 || gone == 0 || !maps.Equal(lines, last) {
		t.Errorf("the full export has %d Immunizations and %d deletions, the deliveries leave %d", len(lines), len(deleted), len(last))
	}
	current := 0
	for _, r := range by {
		if r.ResourceType == "Immunization" && r.Status != "entered-in-error" {
			current++
		}
	}
	if bad := current - truth.Totals.Current; bad < 0 || bad > truth.Totals.Rejected {
		t.Errorf("%d Immunizations are valid, %d events current", current, truth.Totals.Current)
	}
}

// complete checks that all references lead somewhere, and the times.
func complete(t *testing.T, name string, by map[string]resource, date string) {
	t.Helper()
	for key, r := range by {
		if date != "" && r.Meta.LastUpdated != date+"T00:00:01Z" {
			t.Errorf("%s: %s of %s", name, key, r.Meta.LastUpdated)
		}
		if r.ResourceType != "Immunization" {
			continue
		}
		refs := []string{r.Patient.Reference, r.Location.Reference, r.Performer[0].Actor.Reference}
		if r.Manufacturer.Reference != "" {
			refs = append(refs, r.Manufacturer.Reference)
		}
		for _, ref := range refs {
			if to, ok := by[ref]; !ok || to.Meta.LastUpdated > r.Meta.LastUpdated {
				t.Errorf("%s: %s refers to %s, which is not there then", name, key, ref)
			}
		}
		if r.Identifier[0].Value != r.ID {
			t.Errorf("%s: %s has the identifier %s", name, key, r.Identifier[0].Value)
		}
	}
}
