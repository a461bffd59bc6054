package fhirbulk

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract/fhirbulk/bulktest"
)

// faultCase is one bad server: what a Fetch makes of it, and what the next one
// does, when the server has become good.
type faultCase struct {
	faults  []bulktest.Fault
	server  func(*bulktest.Config)
	client  func(*Config)
	kind    error  // nil: the fault is got over
	says    string // in the error
	kicks   int    // kick-offs of the first Fetch; -1: the transport tries again by itself
	resumed bool   // the second Fetch goes on with the same export
	slept   time.Duration
	note    string
}

func one(k bulktest.Kind, p bulktest.Place, times int) []bulktest.Fault {
	return []bulktest.Fault{{Kind: k, Place: p, Times: times}}
}

func after(k bulktest.Kind, p bulktest.Place, times int, retryAfter string) []bulktest.Fault {
	return []bulktest.Fault{{Kind: k, Place: p, Times: times, RetryAfter: retryAfter}}
}

func impatient(c *Config) { c.Timeout = 30 * time.Millisecond }

func faultCases() map[string]faultCase {
	date := day.Add(time.Hour + 10*time.Minute).Format(http.TimeFormat)
	return map[string]faultCase{
		"429 at kick-off, seconds":   {faults: after(bulktest.TooMany, bulktest.Kickoff, 3, "60"), kicks: 4, slept: 3 * time.Minute},
		"429 at kick-off, date":      {faults: after(bulktest.TooMany, bulktest.Kickoff, 1, date), kicks: 2, slept: 10 * time.Minute},
		"429 asks for a month":       {faults: after(bulktest.TooMany, bulktest.Kickoff, 1, "2592000"), kicks: 2, slept: time.Hour},
		"429 without a word":         {faults: after(bulktest.TooMany, bulktest.Status, 2, ""), kicks: 1},
		"503 storm":                  {faults: after(bulktest.Unavailable, bulktest.Status, 5, ""), kicks: 1, slept: 20 * time.Second},
		"503 without end":            {faults: after(bulktest.Unavailable, bulktest.Kickoff, tries, ""), kind: dose.ErrUpstream, says: "503", kicks: tries},
		"503 at files":               {faults: after(bulktest.Unavailable, bulktest.File, 4, "5"), kicks: 1},
		"500 at a status":            {faults: one(bulktest.ServerError, bulktest.Status, 3), kicks: 1},
		"500 at each status":         {faults: one(bulktest.ServerError, bulktest.Status, tries), kind: dose.ErrUpstream, says: "500", kicks: 1, resumed: true},
		"transient at each status":   {faults: one(bulktest.Transient, bulktest.Status, tries), kind: dose.ErrUpstream, says: "error/transient", kicks: 1, resumed: true},
		"the job failed":             {faults: one(bulktest.FailedJob, bulktest.Status, tries), kind: dose.ErrUpstream, says: "error/processing", kicks: 1},
		"400 at kick-off":            {faults: one(bulktest.BadRequest, bulktest.Kickoff, 1), kind: dose.ErrInvalid, says: "error/not-supported", kicks: 1},
		"403 at kick-off":            {faults: one(bulktest.Forbidden, bulktest.Kickoff, 1), kind: dose.ErrDenied, says: "403", kicks: 1},
		"no status address":          {faults: one(bulktest.NoLocation, bulktest.Kickoff, 1), kind: dose.ErrInvalid, says: "names no status address", kicks: 1},
		"expired status":             {faults: one(bulktest.Expired, bulktest.Status, 1), kicks: 2},
		"expired status, always":     {faults: one(bulktest.Expired, bulktest.Status, maxKickoffs), kind: dose.ErrUpstream, says: "expired", kicks: maxKickoffs},
		"expired file":               {faults: one(bulktest.Expired, bulktest.File, 1), kicks: 2},
		"error output":               {faults: one(bulktest.ErrorOutput, bulktest.Status, 0), server: onlyFirst, kind: dose.ErrUpstream, says: "1 errors, the first error/processing", kicks: 1},
		"warnings":                   {faults: one(bulktest.Warnings, bulktest.Status, 0), kicks: 1, note: "2 warnings"},
		"no JSON":                    {faults: one(bulktest.NotJSON, bulktest.Status, 2), kind: dose.ErrInvalid, says: "the manifest is no JSON", kicks: 1},
		"no transactionTime":         {faults: one(bulktest.NoTime, bulktest.Status, 2), kind: dose.ErrInvalid, says: "no transactionTime", kicks: 1},
		"wrong count":                {faults: one(bulktest.WrongCount, bulktest.Status, 2), kind: dose.ErrUpstream, says: "the manifest says", kicks: 1},
		"cut, with ranges":           {faults: one(bulktest.Cut, bulktest.File, 3), kicks: 1},
		"cut, without ranges":        {faults: one(bulktest.Cut, bulktest.File, 3), server: func(c *bulktest.Config) { c.NoRange = true }, kicks: 1},
		"cut, packed":                {faults: one(bulktest.Cut, bulktest.File, 2), server: func(c *bulktest.Config) { c.Gzip = true }, kicks: 1},
		"always cut":                 {faults: []bulktest.Fault{{Kind: bulktest.Cut, Place: bulktest.File, Skip: 2, Times: tries}}, server: func(c *bulktest.Config) { c.NoRange = true }, client: func(c *Config) { c.Parallel = 1 }, kind: dose.ErrUpstream, says: "unexpected EOF", kicks: 1, resumed: true},
		"cut without a sign":         {faults: one(bulktest.NoLastLine, bulktest.File, 1), kicks: 1},
		"cut, no sign, no count":     {faults: one(bulktest.NoLastLine, bulktest.File, 1), server: func(c *bulktest.Config) { c.NoCount = true }, kicks: 1},
		"reset at a file":            {faults: one(bulktest.Reset, bulktest.File, 2), kicks: 1},
		"reset at kick-off":          {faults: one(bulktest.Reset, bulktest.Kickoff, 2), kicks: 3},
		"reset without end":          {faults: one(bulktest.Reset, bulktest.Kickoff, 2*tries), kind: dose.ErrUpstream, kicks: -1},
		"hang at a status":           {faults: one(bulktest.Hang, bulktest.Status, 2), client: impatient, kicks: 1},
		"silence in a file":          {faults: one(bulktest.Stall, bulktest.File, 2), client: impatient, kicks: 1},
		"token dead early":           {faults: one(bulktest.EarlyToken, bulktest.Token, 1), kicks: 2},
		"token refused once at file": {faults: one(bulktest.DenyToken, bulktest.File, 1), kicks: 1},
		"token refused always":       {faults: one(bulktest.DenyToken, bulktest.Kickoff, 2), kind: dose.ErrDenied, says: "401", kicks: 2},
		"no token given":             {faults: one(bulktest.NoToken, bulktest.Token, 1), kind: dose.ErrInvalid, says: "no access_token"},
		"token 503":                  {faults: after(bulktest.Unavailable, bulktest.Token, 2, "7"), kicks: 1, slept: 14 * time.Second},
		"discovery 404":              {faults: one(bulktest.Expired, bulktest.Discovery, 1), kind: dose.ErrInvalid, says: "set token_url"},
		"foreign file":               {faults: one(bulktest.ForeignFile, bulktest.Status, 2), kind: dose.ErrInvalid, says: "add it to hosts", kicks: 1, resumed: true},
		"redirect to a foreign host": {faults: one(bulktest.Redirect, bulktest.File, 20), kind: dose.ErrInvalid, says: "add it to hosts", kicks: 1, resumed: true},
	}
}

// onlyFirst ends a fault of the manifest with the first export: the second
// has number 2.
func onlyFirst(c *bulktest.Config) { c.Faults[0].Times = 2 }

func TestFaults(t *testing.T) {
	for name, c := range faultCases() {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t, func(b *bulktest.Config) {
				b.Faults, b.RedirectTo = c.faults, "http://elsewhere.example"
				if c.server != nil {
					c.server(b)
				}
			})
			dir := t.TempDir()
			s := r.source(t, c.client)
			s.large = 1
			f, err := s.Fetch(t.Context(), dir, "")
			r.discreet(t, err)
			if !errors.Is(err, c.kind) || err == nil && c.kind != nil || !strings.Contains(textOf(err), c.says) {
				t.Fatalf("error %v, want kind %v with %q", err, c.kind, c.says)
			}
			kicks := len(r.places(bulktest.Kickoff))
			if kicks != c.kicks && c.kicks >= 0 {
				t.Errorf("%d kick-offs, want %d", kicks, c.kicks)
			}
			if total := sum(r.sleeps()); total < c.slept {
				t.Errorf("slept %v, want %v at least", total, c.slept)
			}
			if c.kind != nil {
				second(t, r, c, dir, kicks)
				return
			}
			if got := runs(t, lines(t, f.Payloads[0].Path)); got != everything || !strings.Contains(f.Note, c.note) {
				t.Errorf("payload %s, note %q", got, f.Note)
			}
		})
	}
}

// second: the server has become good, and the next Fetch brings everything.
func second(t *testing.T, r *registry, c faultCase, dir string, kicks int) {
	t.Helper()
	for _, n := range left(t, dir) {
		if strings.HasPrefix(n, payloadName) {
			t.Errorf("a failed run left %s", n)
		}
	}
	if slices.ContainsFunc(c.faults, func(f bulktest.Fault) bool { return f.Kind == bulktest.ForeignFile || f.Kind == bulktest.Redirect }) {
		return // only the configuration helps
	}
	if c.kicks < 0 {
		_, _ = r.source(t, c.client).Fetch(t.Context(), dir, "") // the rest of the fault
	}
	_, got := ok(t, r.source(t, c.client), dir, "")
	if runs(t, got) != everything {
		t.Errorf("the second run's payload: %s", runs(t, got))
	}
	if again := len(r.places(bulktest.Kickoff)) > kicks; again == c.resumed {
		t.Errorf("the second run asked anew: %v, want %v", again, !c.resumed)
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func sum(ds []time.Duration) (total time.Duration) {
	for _, d := range ds {
		total += d
	}
	return total
}

// A later export with an older time would make old knowledge new.
func TestTimeBack(t *testing.T) {
	r := newRegistry(t, func(c *bulktest.Config) {
		c.Faults = []bulktest.Fault{{Kind: bulktest.TimeBack, Place: bulktest.Status, Skip: 2, Times: 2}}
	})
	s, dir := r.source(t, nil), t.TempDir()
	f, _ := ok(t, s, dir, "")
	_ = s.Done(t.Context(), f)
	r.move(time.Hour)
	r.put(t, "Immunization", "new", r.Now())
	if _, err := s.Fetch(t.Context(), dir, f.Mark); !errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), "went back") {
		t.Fatalf("error: %v", err)
	}
	if _, got := ok(t, s, dir, f.Mark); runs(t, got) != "Patient 30, Location 3, Organization 1, Immunization 1" {
		t.Errorf("payload: %s", runs(t, got))
	}
}

// A page that loses a file while its next one is waited for, or between a kill
// and the restart.
func TestChangedPage(t *testing.T) {
	r := newRegistry(t, func(c *bulktest.Config) {
		c.FileLines, c.PageFiles, c.Polls = 10, 3, 2
		c.Faults = []bulktest.Fault{{Kind: bulktest.ChangedPage, Place: bulktest.Status, Skip: 4, Times: 1}}
	})
	partial := func(c *Config) { c.Partial = true }
	dir := t.TempDir()
	_, err := r.source(t, partial).Fetch(t.Context(), dir, "")
	if !errors.Is(err, dose.ErrUpstream) || !strings.Contains(err.Error(), "page 1 of the manifest changed") {
		t.Fatalf("error: %v", err)
	}
	if _, got := ok(t, r.source(t, partial), dir, ""); runs(t, got) != everything {
		t.Errorf("payload: %s", runs(t, got))
	}
}

func TestChangedPageAfterRestart(t *testing.T) {
	r := newRegistry(t, func(c *bulktest.Config) {
		c.FileLines, c.PageFiles, c.Polls = 10, 3, 2
		c.Faults = append(one(bulktest.ServerError, bulktest.Status, 0), bulktest.Fault{Kind: bulktest.ChangedPage, Place: bulktest.Status, Skip: 4 + tries})
		c.Faults[0].Skip, c.Faults[0].Times = 4, tries
	})
	partial := func(c *Config) { c.Partial = true }
	dir := t.TempDir()
	if _, err := r.source(t, partial).Fetch(t.Context(), dir, ""); !errors.Is(err, dose.ErrUpstream) {
		t.Fatalf("error: %v", err)
	}
	_, err := r.source(t, partial).Fetch(t.Context(), dir, "")
	if !errors.Is(err, dose.ErrUpstream) || !strings.Contains(err.Error(), "page 1 of the manifest changed") {
		t.Fatalf("error: %v", err)
	}
}

// The token goes to the registry, to hosts that are named and only where the
// manifest asks for one, and is lost in a redirect to another origin.
func TestTokenStaysHome(t *testing.T) {
	for name, c := range map[string]struct {
		fault bulktest.Fault
		open  bool
		want  string // Authorization seen elsewhere
	}{
		"manifest asks for a token":     {bulktest.Fault{Kind: bulktest.ForeignFile, Place: bulktest.Status}, false, "Bearer"},
		"manifest asks for none":        {bulktest.Fault{Kind: bulktest.ForeignFile, Place: bulktest.Status}, true, ""},
		"file is redirected":            {bulktest.Fault{Kind: bulktest.Redirect, Place: bulktest.File, Times: 1}, false, ""},
		"status is redirected":          {bulktest.Fault{Kind: bulktest.Redirect, Place: bulktest.Status, Times: 1}, false, ""},
		"kick-off is redirected (POST)": {bulktest.Fault{Kind: bulktest.Redirect, Place: bulktest.Kickoff, Times: 1}, false, "none came"},
	} {
		t.Run(name, func(t *testing.T) {
			seen := "none came"
			elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen, _, _ = strings.Cut(r.Header.Get("Authorization"), " ")
				w.WriteHeader(http.StatusBadRequest)
			}))
			defer elsewhere.Close()
			r := newRegistry(t, func(b *bulktest.Config) {
				b.RedirectTo, b.Faults, b.OpenFiles = elsewhere.URL, []bulktest.Fault{c.fault}, c.open
			})
			s := r.source(t, func(c *Config) {
				c.Hosts, c.Kickoff, c.Parallel = []string{strings.TrimPrefix(elsewhere.URL, "http://")}, "post", 1
			})
			_, err := s.Fetch(t.Context(), t.TempDir(), "")
			if !errors.Is(err, dose.ErrInvalid) || seen != c.want {
				t.Errorf("elsewhere saw %q, want %q (%v)", seen, c.want, err)
			}
			if c.open {
				for _, a := range r.places(bulktest.File) {
					if a.Bearer {
						t.Error("a token went with a file that needs none")
					}
				}
			}
		})
	}
}

// A cut file is gone on with where the server can give parts.
func TestCutFileGoesOn(t *testing.T) {
	r := newRegistry(t, func(c *bulktest.Config) { c.Faults = one(bulktest.Cut, bulktest.File, 1) })
	s := r.source(t, func(c *Config) { c.Parallel = 1 })
	s.large = 1
	ok(t, s, t.TempDir(), "")
	files := r.places(bulktest.File)
	if !strings.HasPrefix(files[1].Range, "bytes=") || files[1].Range == "bytes=0-" {
		t.Errorf("the second request asks for range %q", files[1].Range)
	}
	if len(files) != 9 {
		t.Errorf("%d requests for 8 files, one of them cut", len(files))
	}
	for _, f := range append(files[:1], files[2:]...) {
		if f.Range != "" {
			t.Errorf("range %q without need", f.Range)
		}
	}
}

// A token with less than a minute left is not used.
func TestTokenIsRenewed(t *testing.T) {
	r := newRegistry(t, func(c *bulktest.Config) { c.Polls, c.RetryAfter = 10, "90" })
	ok(t, r.source(t, nil), t.TempDir(), "")
	if n := len(r.places(bulktest.Token)); n < 3 || n > 6 { // 15 minutes of polling, 5 minutes a token
		t.Errorf("%d tokens", n)
	}
	if n := len(r.places(bulktest.Status)); n != 11 {
		t.Errorf("%d status requests for 10 polls: some were refused", n)
	}
}

func TestExportThatNeverEnds(t *testing.T) {
	r := newRegistry(t, func(c *bulktest.Config) { c.Polls = 1 << 30 })
	_, err := r.source(t, func(c *Config) { c.PollMax = time.Hour }).Fetch(t.Context(), t.TempDir(), "")
	if !errors.Is(err, dose.ErrUpstream) || !strings.Contains(err.Error(), "poll_max") {
		t.Errorf("error: %v", err)
	}
	if r.Exports() != 0 {
		t.Error("the export was left at the server")
	}
	if n := len(r.places(bulktest.Status)); n > 40 {
		t.Errorf("%d polls in an hour", n)
	}
}
