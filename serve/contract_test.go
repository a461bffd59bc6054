package serve

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

var update = flag.Bool("update", false, "write the kept OpenAPI document anew")

const keptDocument = "../docs/openapi.json"

// The document in the repository is the one that is served.
func TestOpenAPIIsKept(t *testing.T) {
	w := newWorld(t)
	rec := w.get("/api/v1/openapi.json", "")
	if rec.Code != 200 || rec.Header().Get("Content-Type") != "application/json" {
		t.Fatal(rec.Code, rec.Body)
	}
	if *update {
		if err := os.WriteFile(keptDocument, append(rec.Body.Bytes(), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(keptDocument)
	if err != nil || !bytes.Equal(bytes.TrimSpace(kept), rec.Body.Bytes()) {
		t.Errorf("%s is not what is served: run go test ./serve -run OpenAPIIsKept -update (%v)", keptDocument, err)
	}
}

// document is what a client reads of the contract.
type document struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		Policy     string `json:"x-dosebook-policy"`
		Security   []any
		Parameters []struct {
			Name, In string
			Required bool
			Schema   struct{ Enum []string }
		}
		Responses map[string]struct{ Content map[string]any }
	}
}

func readDocument(t *testing.T, w *world) document {
	t.Helper()
	var d document
	if err := json.Unmarshal(w.get("/api/v1/openapi.json", "").Body.Bytes(), &d); err != nil || !strings.HasPrefix(d.OpenAPI, "3.1") || len(d.Paths) < 30 {
		t.Fatalf("%d paths, %v", len(d.Paths), err)
	}
	return d
}

func tableOfRoutes(t *testing.T) []route {
	t.Helper()
	w := newWorld(t)
	s := &server{Config: w.cfg, views: newViews(), pace: newPacer(Limits{}, w.cfg.Now)}
	return s.routes()
}

var (
	pagePattern = regexp.MustCompile(`"((?:GET|POST|PUT|PATCH|DELETE) /[^"]*)"`)
	handleCall  = regexp.MustCompile(`\.Handle(Func)?\(`)
)

// No route is served that has no policy, and none past the table.
func TestEveryRouteHasAPolicy(t *testing.T) {
	for _, r := range tableOfRoutes(t) {
		ok := r.policy == anyone || r.policy == known || r.policy.who == "grant" && r.policy.action != "" && r.policy.kind != ""
		if !ok || r.summary == "" || len(r.answers) == 0 || r.handle == nil {
			t.Errorf("%s %s: say in routes.go who may ask it and what it answers", r.method, r.path)
		}
	}
	if m := mux([]route{get("/x", "", policy{}, http.NotFoundHandler())}); m != nil {
		r, _ := http.NewRequest("GET", "/x", nil)
		if _, pattern := m.Handler(r); pattern != "" {
			t.Error("a route without a policy is served")
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(handleCall.FindAll(text, -1)); n > 1 || n > 0 && file != "routes.go" && file != "page_view.go" {
			t.Errorf("%s registers routes: they belong into the table of routes.go", file)
		}
		if file == "routes.go" || !strings.HasPrefix(file, "page") {
			continue
		}
		for _, m := range pagePattern.FindAllStringSubmatch(string(text), -1) {
			if _, ok := pagePolicies[m[1]]; !ok {
				t.Errorf("%s of %s has no policy in pagePolicies (routes.go)", m[1], file)
			}
		}
	}
}

// What the document says of a route's policy is what its door does: to nobody,
// and to a user whose grants have ended.
func TestPoliciesHold(t *testing.T) {
	w := newWorld(t)
	ended := w.user("ended", access.Steward, dose.Identified)
	if err := w.access.Revoke(t.Context(), "root", 1); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for path, operations := range readDocument(t, w).Paths {
		for method, op := range operations {
			path := strings.Replace(path, "{id}/{file}", id+"/county_day.parquet", 1)
			at := strings.NewReplacer("{id}", id, "{release}", id, "{fips}", "06019", "{file}", "dose.parquet", "{key}", strings.Repeat("a", 32), "{secret}", strings.Repeat("a", 43)).Replace(path)
			nobody, user := w.ask(strings.ToUpper(method), at, "").Code, w.ask(strings.ToUpper(method), at, ended).Code
			seen[op.Policy]++
			if (op.Policy == "open") != (len(op.Security) == 0) || (nobody == 401) != (op.Policy != "open") {
				t.Errorf("%s %s, %s: %d to nobody", method, path, op.Policy, nobody)
			}
			// An extract is looked for before its place can be judged, a page
			// may be a door to others, and a question is read first.
			if op.Policy != "open" && op.Policy != "user" && user != 403 && !strings.HasPrefix(path, extracts) && !(path == "/counties/{fips}" && user == 303) {
				t.Errorf("%s %s, %s: %d to a user without a grant", method, path, op.Policy, user)
			}
			for _, code := range []int{nobody, user} {
				if !slices.Contains(statuses(op.Responses), code) {
					t.Errorf("%s %s: answers %d, which the document does not say", method, path, code)
				}
			}
		}
	}
	if seen["open"] == 0 || seen["user"] == 0 || len(seen) < 6 {
		t.Error(seen)
	}
}

func statuses[T any](responses map[string]T) (out []int) {
	for text := range responses {
		n := 0
		for _, c := range text {
			n = n*10 + int(c-'0')
		}
		out = append(out, n)
	}
	return out
}
