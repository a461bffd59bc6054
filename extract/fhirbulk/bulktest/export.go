package bulktest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// job is one export.
type job struct {
	id      string
	at      time.Time
	request string
	partial bool
	files   []part
	polls   int // that were answered "in progress", for the page that is next
	ready   int // pages that were given
}

// part is one file: some lines of one type.
type part struct {
	typ     string
	deleted bool
	lines   [][]byte
}

func (s *Server) kickoff(w http.ResponseWriter, r *http.Request) {
	params, err := kickoffParams(r)
	s.note(r, Kickoff, params)
	faults := s.strikes(Kickoff)
	if s.common(w, r, faults) {
		return
	}
	if !s.knows(r) {
		outcome(w, http.StatusUnauthorized, "error", "login")
		return
	}
	since, badSince := time.Time{}, false
	if v := params.Get("_since"); v != "" {
		since, err = time.Parse(time.RFC3339Nano, v)
		badSince = err != nil
	}
	if err != nil || badSince || !strings.Contains(r.Header.Get("Prefer"), "respond-async") {
		outcome(w, http.StatusBadRequest, "error", "invalid")
		return
	}
	j := s.export(params, since, r)
	if _, ok := faults[NoLocation]; !ok {
		w.Header().Set("Content-Location", s.base(r)+"/status/"+j.id+"?for="+url.QueryEscape(Person))
	}
	w.WriteHeader(http.StatusAccepted)
}

// kickoffParams reads the query, or the Parameters resource of a POST.
func kickoffParams(r *http.Request) (url.Values, error) {
	if r.Method == http.MethodGet {
		return r.URL.Query(), nil
	}
	var body struct {
		ResourceType string                       `json:"resourceType"`
		Parameter    []map[string]json.RawMessage `json:"parameter"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&body); err != nil || body.ResourceType != "Parameters" {
		return nil, fmt.Errorf("no Parameters resource")
	}
	out := url.Values{}
	for _, p := range body.Parameter {
		var name string
		_ = json.Unmarshal(p["name"], &name)
		for key, v := range p {
			if strings.HasPrefix(key, "value") {
				out.Add(name, strings.Trim(string(v), `"`))
			}
		}
	}
	return out, nil
}

// export makes the job: what is there at this moment.
func (s *Server) export(params url.Values, since time.Time, r *http.Request) *job {
	at := s.config.Now().UTC().Truncate(time.Millisecond)
	types := s.config.Store.types()
	if v := params.Get("_type"); v != "" {
		types = strings.Split(v, ",")
	}
	j := &job{at: at, request: s.base(r) + r.URL.Path, partial: params.Get("allowPartialManifests") == "true"}
	for _, t := range types {
		for lines := range slices.Chunk(s.config.Store.changed(t, since, at), s.config.FileLines) {
			j.files = append(j.files, part{t, false, lines})
		}
	}
	if !since.IsZero() && !s.config.NoDeleted {
		for lines := range slices.Chunk(s.config.Store.changed("Bundle", since, at), s.config.FileLines) {
			j.files = append(j.files, part{"Bundle", true, lines})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	j.id = strconv.Itoa(s.count)
	s.exports[j.id] = j
	return j
}

// find returns a job that lives.
func (s *Server) find(id string) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.exports[id]
	if j != nil && s.config.Now().After(j.at.Add(s.config.ExportLife)) {
		delete(s.exports, id)
		return nil
	}
	return j
}

// pages says how many pages the manifest has.
func (s *Server) pages(j *job) int {
	if !j.partial || s.config.PageFiles == 0 {
		return 1
	}
	return max(1, (len(j.files)+s.config.PageFiles-1)/s.config.PageFiles)
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	s.note(r, Status, nil)
	faults := s.strikes(Status)
	if _, ok := faults[Expired]; ok {
		s.mu.Lock()
		delete(s.exports, r.PathValue("job"))
		s.mu.Unlock()
	}
	if s.common(w, r, faults) {
		return
	}
	j := s.find(r.PathValue("job"))
	page, _ := strconv.Atoi(r.PathValue("page"))
	switch {
	case !s.knows(r):
		outcome(w, http.StatusUnauthorized, "error", "login")
		return
	case j == nil || page >= s.pages(j):
		outcome(w, http.StatusNotFound, "error", "not-found")
		return
	}
	ready := s.turn(j)
	if page >= ready {
		if s.config.RetryAfter != "" {
			w.Header().Set("Retry-After", s.config.RetryAfter)
		}
		w.Header().Set("X-Progress", fmt.Sprintf("%d of %d", ready, s.pages(j)))
		w.WriteHeader(http.StatusAccepted)
		return
	}
	s.manifest(w, r, j, page, ready, faults)
}

// turn counts a poll and says how many pages are ready.
func (s *Server) turn(j *job) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	pages := s.pages(j)
	if j.ready < pages {
		if j.polls++; j.polls > s.config.Polls {
			j.ready, j.polls = j.ready+1, 0
		}
	}
	return j.ready
}

// manifest answers with one page. A page that has no next one yet is given
// with 202.
func (s *Server) manifest(w http.ResponseWriter, r *http.Request, j *job, page, ready int, faults map[Kind]Fault) {
	if _, ok := faults[NotJSON]; ok {
		w.WriteHeader(http.StatusOK)
		fmt.Fprint(w, "<html>"+Person+"</html>")
		return
	}
	m := map[string]any{"transactionTime": j.at.Format("2006-01-02T15:04:05.000Z07:00"), "request": j.request, "requiresAccessToken": len(s.config.Clients) > 0 && !s.config.OpenFiles}
	if _, ok := faults[NoTime]; ok {
		delete(m, "transactionTime")
	}
	if _, ok := faults[TimeBack]; ok {
		m["transactionTime"] = longAgo.Format(time.RFC3339)
	}
	m["output"], m["deleted"], m["error"] = s.lists(r, j, page, faults)
	pages := s.pages(j)
	if page+1 < ready {
		m["link"] = []any{map[string]string{"relation": "next", "url": fmt.Sprintf("%s/status/%s/%d", s.base(r), j.id, page+1)}}
	}
	w.Header().Set("Expires", j.at.Add(s.config.ExportLife).UTC().Format(http.TimeFormat))
	status := http.StatusOK
	if ready < pages && page+1 == ready {
		status = http.StatusAccepted
	}
	reply(w, status, m)
}

func (s *Server) lists(r *http.Request, j *job, page int, faults map[Kind]Fault) (output, deleted, failed []any) {
	output, deleted, failed = []any{}, []any{}, []any{}
	from, to := 0, len(j.files)
	if n := s.config.PageFiles; j.partial && n > 0 {
		from, to = page*n, min((page+1)*n, len(j.files))
	}
	if _, ok := faults[ChangedPage]; ok && to > from {
		to--
	}
	for i := from; i < to; i++ {
		f := j.files[i]
		entry := map[string]any{"type": f.typ, "url": fmt.Sprintf("%s/file/%s/%d.%s.ndjson?for=%s", s.base(r), j.id, i, f.typ, url.QueryEscape(Person))}
		if _, ok := faults[ForeignFile]; ok && i == 0 {
			entry["url"] = fmt.Sprintf("%s/file/%s/%d.%s.ndjson", s.config.RedirectTo, j.id, i, f.typ)
		}
		if !s.config.NoCount {
			entry["count"] = len(f.lines)
		}
		if _, ok := faults[WrongCount]; ok {
			entry["count"] = len(f.lines) + 1
		}
		if f.deleted {
			deleted = append(deleted, entry)
		} else {
			output = append(output, entry)
		}
	}
	for kind, name := range map[Kind]string{ErrorOutput: "errors", Warnings: "warnings"} {
		if _, ok := faults[kind]; ok {
			failed = append(failed, map[string]any{"type": "OperationOutcome", "url": fmt.Sprintf("%s/file/%s/%s", s.base(r), j.id, name)})
		}
	}
	return output, deleted, failed
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	s.note(r, Delete, nil)
	if s.common(w, r, s.strikes(Delete)) {
		return
	}
	if !s.knows(r) {
		outcome(w, http.StatusUnauthorized, "error", "login")
		return
	}
	if s.find(r.PathValue("job")) == nil {
		outcome(w, http.StatusNotFound, "error", "not-found")
		return
	}
	s.mu.Lock()
	delete(s.exports, r.PathValue("job"))
	s.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	name, place := r.PathValue("file"), File
	if name == "errors" || name == "warnings" {
		place = ErrorFile
	}
	s.note(r, place, nil)
	faults := s.strikes(place)
	if s.common(w, r, faults) {
		return
	}
	j := s.find(r.PathValue("job"))
	number, _, _ := strings.Cut(name, ".")
	i, err := strconv.Atoi(number)
	switch {
	case !s.config.OpenFiles && !s.knows(r):
		outcome(w, http.StatusUnauthorized, "error", "login")
		return
	case j != nil && place == ErrorFile:
		severity := map[string]string{"errors": "error", "warnings": "warning"}[name]
		fmt.Fprintln(w, outcomeLine("information", "informational"))
		fmt.Fprintln(w, outcomeLine(severity, "processing"))
		return
	case j == nil || err != nil || i < 0 || i >= len(j.files):
		outcome(w, http.StatusNotFound, "error", "not-found")
		return
	}
	s.lines(w, r, j.files[i], faults)
}

// lines sends a file, in parts if the client asks so.
func (s *Server) lines(w http.ResponseWriter, r *http.Request, f part, faults map[Kind]Fault) {
	b := append(bytes.Join(f.lines, []byte("\n")), '\n')
	h := w.Header()
	h.Set("Content-Type", "application/fhir+ndjson")
	if s.config.Gzip && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(b) // into memory
		_ = z.Close()
		b = packed.Bytes()
		h.Set("Content-Encoding", "gzip")
	}
	if _, ok := faults[NoLastLine]; ok {
		b = b[:len(b)-5]
	}
	h.Set("ETag", fmt.Sprintf("\"%x\"", sha256.Sum256(b)))
	_, cut := faults[Cut]
	_, stall := faults[Stall]
	if !cut && !stall && !s.config.NoRange {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
		return
	}
	if !s.config.NoRange {
		h.Set("Accept-Ranges", "bytes")
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	if cut || stall {
		b = b[:len(b)/2]
	}
	_, _ = w.Write(b)
	_ = http.NewResponseController(w).Flush()
	if stall {
		<-r.Context().Done()
	}
	// After a cut the server closes the connection: fewer bytes than announced.
}
