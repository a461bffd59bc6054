package fhirbulk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract/fhirbulk/bulktest"
)

func TestFirstRunBringsEverything(t *testing.T) {
	for _, how := range []string{"get", "post"} {
		for _, packed := range []bool{false, true} {
			t.Run(fmt.Sprint(how, packed), func(t *testing.T) {
				r := newRegistry(t, func(c *bulktest.Config) { c.Gzip = packed })
				dir := t.TempDir()
				s := r.source(t, func(c *Config) {
					c.Kickoff, c.TypeFilter = how, []string{"Immunization?date=ge2020-12-14", "Immunization?vaccine-code=207"}
				})
				f, got := ok(t, s, dir, "")
				if runs(t, got) != everything {
					t.Errorf("payload: %s", runs(t, got))
				}
				p := f.Payloads[0]
				if p.Name != "export-20261120T090000.000Z.ndjson.gz" || !p.SourceTime.Equal(day.Add(time.Hour)) || p.Action != "" {
					t.Errorf("payload: %+v", p)
				}
				k := r.places(bulktest.Kickoff)
				if len(k) != 1 || !k[0].Bearer || k[0].Params["_since"] != nil || k[0].Params["_type"][0] != "Patient,Location,Organization,Immunization" || len(k[0].Params["_typeFilter"]) != 2 || k[0].Params["allowPartialManifests"] != nil {
					t.Errorf("kick-off: %+v", k)
				}
				if n := len(r.places(bulktest.Token)); n != 1 {
					t.Errorf("%d tokens", n)
				}
				again, _ := ok(t, r.source(t, func(c *Config) { c.Kickoff, c.TypeFilter = how, s.config.TypeFilter }), dir, "")
				if fmt.Sprint(again) != fmt.Sprint(f) || len(r.places(bulktest.Kickoff)) != 1 {
					t.Error("a finished Fetch asked again brings something else")
				}
				if err := s.Done(t.Context(), f); err != nil {
					t.Fatal(err)
				}
				if l := left(t, dir); len(l) != 0 || r.Exports() != 0 {
					t.Errorf("left after Done: %v, %d exports", l, r.Exports())
				}
				if err := s.Done(t.Context(), f); err != nil {
					t.Errorf("Done again: %v", err)
				}
				r.discreet(t, nil)
			})
		}
	}
}

// later runs a first export, then lets the registry change and asks again.
func later(t *testing.T, server func(*bulktest.Config), client func(*Config), change func(*registry)) (*registry, string, []string) {
	t.Helper()
	r := newRegistry(t, server)
	s, dir := r.source(t, client), t.TempDir()
	first, _ := ok(t, s, dir, "")
	if err := s.Done(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	r.move(24 * time.Hour)
	change(r)
	r.move(time.Hour)
	f, got := ok(t, r.source(t, client), dir, first.Mark)
	if f.Mark == first.Mark {
		t.Error("the mark did not move")
	}
	return r, f.Note, got
}

func someChanges(t *testing.T) func(*registry) {
	return func(r *registry) {
		for _, id := range []string{"7", "8", "new"} {
			r.put(t, "Immunization", id, r.Now())
		}
		r.put(t, "Patient", "3", r.Now())
		if err := r.store.Delete("Immunization/50", r.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLaterRuns(t *testing.T) {
	for name, c := range map[string]struct {
		client func(*Config)
		want   string
		asked  []string // _type, and whether _since, of the second run's kick-offs
	}{
		"full":       {nil, "Patient 30, Location 3, Organization 1, Immunization 3, Bundle 1", []string{"Immunization true", "Patient,Location,Organization false"}},
		"since":      {func(c *Config) { c.Patients = "since" }, "Patient 1, Immunization 3, Bundle 1", []string{"Patient,Location,Organization,Immunization true"}},
		"one type":   {func(c *Config) { c.Types = []string{"Immunization"} }, "Immunization 3, Bundle 1", []string{"Immunization true"}},
		"full again": {func(c *Config) { c.FullEvery = 24 * time.Hour }, "Patient 30, Location 3, Organization 1, Immunization 100, Bundle 1", []string{"Immunization true", "Patient,Location,Organization,Immunization false"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, _, got := later(t, nil, c.client, someChanges(t))
			if runs(t, got) != c.want {
				t.Errorf("payload: %s, want %s", runs(t, got), c.want)
			}
			var asked []string
			for _, k := range r.places(bulktest.Kickoff)[1:] {
				asked = append(asked, fmt.Sprint(k.Params["_type"][0], " ", k.Params["_since"] != nil))
			}
			if !slices.Equal(asked, c.asked) {
				t.Errorf("asked %q, want %q", asked, c.asked)
			}
			since := r.places(bulktest.Kickoff)[1].Params["_since"]
			if want := "2026-11-20T09:00:00.000Z"; len(since) != 1 || since[0] != want { // as the server wrote it
				t.Errorf("_since %q, want %q", since, want)
			}
		})
	}
}

func TestNothingNew(t *testing.T) {
	r, note, got := later(t, nil, nil, func(r *registry) { r.put(t, "Patient", "3", r.Now()) })
	if got != nil || !strings.Contains(note, "nothing new") {
		t.Errorf("%d lines, %q", len(got), note)
	}
	if n := len(r.places(bulktest.Kickoff)); n != 2 {
		t.Errorf("%d kick-offs: patients were asked for without need", n)
	}
}

// A run that never heard of Done is cleared away by the next one.
func TestDoneThatNeverCame(t *testing.T) {
	r := newRegistry(t, nil)
	dir := t.TempDir()
	f, _ := ok(t, r.source(t, nil), dir, "")
	r.move(24 * time.Hour)
	_, got := ok(t, r.source(t, nil), dir, f.Mark)
	if got != nil || r.Exports() != 1 { // the one of the second run
		t.Errorf("%d lines, %d exports", len(got), r.Exports())
	}
	if l := left(t, dir); !slices.Equal(l, []string{journalName, stateName}) {
		t.Errorf("left: %v", l)
	}
}

// Done of a new process has only what it is given.
func TestDoneOfAnother(t *testing.T) {
	r := newRegistry(t, nil)
	dir := t.TempDir()
	f, _ := ok(t, r.source(t, nil), dir, "")
	if err := r.source(t, nil).Done(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if l := left(t, dir); len(l) != 0 || r.Exports() != 0 {
		t.Errorf("left: %v, %d exports", l, r.Exports())
	}
}

// A server that refuses DELETE is asked again later and in the end left alone.
func TestDeleteRefused(t *testing.T) {
	r := newRegistry(t, func(c *bulktest.Config) {
		c.Faults = []bulktest.Fault{{Kind: bulktest.ServerError, Place: bulktest.Delete, Times: tries}}
	})
	s, dir := r.source(t, nil), t.TempDir()
	f, _ := ok(t, s, dir, "")
	if err := s.Done(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if l := left(t, dir); !slices.Equal(l, []string{cleanupName}) || r.Exports() != 1 {
		t.Fatalf("left: %v, %d exports", l, r.Exports())
	}
	for range 3 {
		ok(t, s, dir, f.Mark)
	}
	if slices.Contains(left(t, dir), cleanupName) || r.Exports() != 1 {
		t.Errorf("left: %v, %d exports", left(t, dir), r.Exports())
	}
}

func TestOtherWishesBeginAnew(t *testing.T) {
	r := newRegistry(t, nil)
	dir := t.TempDir()
	ok(t, r.source(t, nil), dir, "")
	_, got := ok(t, r.source(t, func(c *Config) { c.Types = []string{"Patient", "Immunization"} }), dir, "")
	if runs(t, got) != "Patient 30, Immunization 100" {
		t.Errorf("payload: %s", runs(t, got))
	}
}

func TestPartialManifests(t *testing.T) {
	r := newRegistry(t, func(c *bulktest.Config) { c.FileLines, c.PageFiles, c.Polls = 10, 3, 2 })
	_, got := ok(t, r.source(t, func(c *Config) { c.Partial = true }), t.TempDir(), "")
	if runs(t, got) != everything {
		t.Errorf("payload: %s", runs(t, got))
	}
	if n := len(r.places(bulktest.Status)); n < 5*3 {
		t.Errorf("%d polls for 5 pages", n)
	}
}

func TestLevels(t *testing.T) {
	for _, c := range []Config{{Level: "patient"}, {Level: "system"}, {Group: "g-1"}} {
		r := newRegistry(t, nil)
		_, got := ok(t, r.source(t, func(own *Config) { own.Level, own.Group = c.Level, c.Group }), t.TempDir(), "")
		if runs(t, got) != everything {
			t.Errorf("%+v: %s", c, runs(t, got))
		}
	}
}

func TestOpenServer(t *testing.T) {
	r := newRegistry(t, func(c *bulktest.Config) { c.Clients = nil })
	_, got := ok(t, r.source(t, func(c *Config) { c.ClientID, c.KeyEnv = "", "" }), t.TempDir(), "")
	if runs(t, got) != everything || len(r.places(bulktest.Token)) != 0 {
		t.Errorf("payload: %s", runs(t, got))
	}
}

// Files whose last line has no end don't run into the next one; a cut
// one is not taken for its end.
func TestMember(t *testing.T) {
	pack := func(text string, size int) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if err := member(z, strings.NewReader(text), make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if pack("{}\n{}", 4) != pack("{}\n{}\n", 4) || pack("{}", 3) == pack("{}{}", 3) {
		t.Error("the last line is not ended")
	}
	cut := pack(strings.Repeat("{}\n", 50_000), 1<<17)
	src, err := open(strings.NewReader(cut[:len(cut)-3]))
	if err != nil {
		t.Fatal(err)
	}
	if err := member(gzip.NewWriter(io.Discard), src, make([]byte, 1<<17)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a cut file was taken for its end: %v", err)
	}
}

func TestBadMark(t *testing.T) {
	r := newRegistry(t, nil)
	for _, mark := range []string{"x", "{}", `{"time":"yesterday"}`} {
		if _, err := r.source(t, nil).Fetch(t.Context(), t.TempDir(), mark); !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("%s: %v", mark, err)
		}
	}
}
