package serve

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// route is one address: who may ask, what it takes, what it answers. The
// router and the OpenAPI document are made from the same table of them, so
// that neither has what the other has not (ADR 0014).
type route struct {
	method, path, summary string
	policy                policy
	takes                 []*huma.Param
	body                  any // nil: none is read
	answers               []answer
	handle                http.Handler
}

// policy says who may ask a route; the zero one nobody, and such a route is
// not served.
type policy struct {
	who    string // open: everyone; user: all who are known; grant: whom access.Decide allows
	action access.Action
	kind   access.Kind
	level  dose.Level
}

var (
	anyone = policy{who: "open"}
	known  = policy{who: "user"}
)

func granted(a access.Action, k access.Kind, l dose.Level) policy {
	return policy{who: "grant", action: a, kind: k, level: l}
}

// text is how the document tells a policy, in x-dosebook-policy.
func (p policy) text() string {
	if p.who != "grant" {
		return p.who
	}
	return string(p.action) + " " + string(p.kind) + ", " + p.level.String()
}

// answer is one status of a route, with its media type and the Go type whose
// JSON it is; nil is bytes.
type answer struct {
	status int
	media  string
	of     any
	says   string
}

const problemJSON = "application/problem+json"

// refusals are the problems with these statuses.
func refusals(statuses ...int) (out []answer) {
	for _, status := range statuses {
		out = append(out, answer{status, problemJSON, problem{}, http.StatusText(status) + "; detail says what to do"})
	}
	return out
}

// fileAnswers are those of a file: whole or a part, by RFC 9110 §13 and §14.
func fileAnswers(media ...string) []answer {
	out := []answer{{304, "", nil, "You have this file"}, {412, "", nil, "A condition of the request does not hold"},
		{416, "text/plain", nil, "No such part"}, {303, "", nil, "latest: the same address under the newest approved release"}}
	for _, m := range media {
		out = append(out, answer{200, m, nil, "The file; ETag and Repr-Digest are its SHA-256, X-Dosebook-Rows its rows"}, answer{206, m, nil, "The part that Range asks for"})
	}
	return append(out, refusals(409, 410)...)
}

func param(in, name, says string, s *huma.Schema) *huma.Param {
	return &huma.Param{In: in, Name: name, Description: says, Required: in == "path", Schema: s}
}

func textSchema(pattern string) *huma.Schema {
	return &huma.Schema{Type: "string", Pattern: pattern}
}

func oneOf(values ...string) *huma.Schema {
	s := &huma.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, v)
	}
	return s
}

var (
	theRelease = param("path", "id", "A release's id, or latest", textSchema(`^(latest|[0-9a-f-]{1,64})$`))
	thePlace   = param("path", "fips", "A county's five digits, a city jurisdiction, or OOS and UNK for the state", oneOf(placeNames()...))
	theKey     = param("path", "key", "An extract's id", textSchema(`^[0-9a-f]{16,64}$`))
)

func placeNames() (out []string) {
	for _, p := range dose.Places() {
		out = append(out, string(p))
	}
	return out
}

// theFile is the name of a file: a table in a format, or one of more.
func theFile(tables []string, more ...string) *huma.Param {
	var names []string
	for _, t := range tables {
		for _, format := range release.ExtractFormats() {
			names = append(names, t+"."+format)
		}
	}
	return param("path", "file", "A table in a format", oneOf(append(names, more...)...))
}

// formats are the media types of files, in one order.
func formats(more ...string) []string {
	for _, m := range mediaTypes {
		more = append(more, m)
	}
	slices.Sort(more)
	return more
}

// openAPI is the document of the routes, OpenAPI 3.1.
func openAPI(routes []route) ([]byte, error) {
	types := huma.NewMapRegistry("#/components/schemas/", schemaName)
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "dosebook", Version: "1",
			Description: "Doses-administered records as verifiable files, each county its own. Problems are RFC 9457 JSON that says what to do. x-dosebook-policy says who may ask: open, user (all who are known), or what access.Decide is asked."},
		Components: &huma.Components{Schemas: types, SecuritySchemes: map[string]*huma.SecurityScheme{
			"token":   {Type: "http", Scheme: "bearer", Description: "dosebook access token create"},
			"session": {Type: "apiKey", In: "cookie", Name: "__Host-" + sessionCookie, Description: "from " + signInPath},
		}},
	}
	for _, r := range routes {
		doc.AddOperation(r.operation(types))
	}
	plain, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	var tree any // in one order, indented, so that a change of it can be read
	if err := json.Unmarshal(plain, &tree); err != nil {
		return nil, err
	}
	return json.MarshalIndent(tree, "", " ")
}

// schemaName tells types of packages apart by a name for readers.
func schemaName(t reflect.Type, hint string) string {
	return strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "Info")
}

func (r route) operation(types huma.Registry) *huma.Operation {
	op := &huma.Operation{Method: r.method, Path: strings.TrimSuffix(r.path, "{$}"), Summary: r.summary, OperationID: r.id(), Parameters: r.takes,
		Responses: map[string]*huma.Response{}, Extensions: map[string]any{"x-dosebook-policy": r.policy.text()}}
	errs := []int{400, 429, 500}
	if r.policy.who != "open" {
		op.Security = []map[string][]string{{"token": {}}, {"session": {}}}
		errs = append(errs, 401, 403, 404)
	}
	for _, a := range append(slices.Clone(r.answers), refusals(errs...)...) {
		status := strconv.Itoa(a.status)
		if op.Responses[status] == nil {
			op.Responses[status] = &huma.Response{Description: a.says}
		}
		if a.media == "" {
			continue
		}
		if op.Responses[status].Content == nil {
			op.Responses[status].Content = map[string]*huma.MediaType{}
		}
		media := &huma.MediaType{}
		if a.of != nil {
			media.Schema = types.Schema(reflect.TypeOf(a.of), true, "")
		}
		op.Responses[status].Content[a.media] = media
	}
	if r.body != nil {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: types.Schema(reflect.TypeOf(r.body), true, "")}}}
	}
	return op
}

// id is the route's own name, made of its method and path.
func (r route) id() string {
	path, api := strings.CutPrefix(r.path, "/api/v1")
	words := strings.FieldsFunc(path, func(c rune) bool { return strings.ContainsRune("/{}$.-", c) })
	if !api {
		words = append([]string{"web"}, words...)
	}
	return strings.ToLower(r.method) + "-" + strings.Join(words, "-")
}

func (s *server) showOpenAPI(w http.ResponseWriter, r *http.Request) error {
	text, err := s.contract()
	if err != nil {
		return err
	}
	return page(w, r, jsonType, text)
}

// What lists are called in answers.
type (
	releaseList struct {
		Releases []releaseInfo `json:"releases"`
	}
	keyList struct {
		Keys []release.Key `json:"keys"`
	}
	readingList struct {
		Place    string           `json:"place"`
		Since    string           `json:"since"`
		Readings []access.Reading `json:"readings"`
		More     bool             `json:"more"`
	}
	// questionAsked is release.Question as a client sends it: all but the county
	// has a default.
	questionAsked struct {
		Release   string   `json:"release,omitempty"`
		County    string   `json:"county"`
		Table     string   `json:"table,omitempty" enum:"dose_event,dose,recipient"`
		Format    string   `json:"format,omitempty" enum:"csv,csv.gz,ndjson,parquet,xlsx"`
		From      string   `json:"from,omitempty" doc:"first admin_date, YYYY-MM-DD"`
		To        string   `json:"to,omitempty" doc:"last admin_date, YYYY-MM-DD"`
		Columns   []string `json:"columns,omitempty"`
		CVX       []int    `json:"cvx,omitempty"`
		AgeGroups []string `json:"age_groups,omitempty"`
		RaceEth   []string `json:"race_eth,omitempty"`
		HPI       []int    `json:"hpi_quartiles,omitempty"`
		Residents bool     `json:"residents,omitempty"`
	}
)
