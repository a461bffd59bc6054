package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// plainExtract stands for release.Extract: serve cares for who and when.
func plainExtract(_ context.Context, src, dst string, q release.Question, progress func(done, total int64)) (int64, error) {
	b, err := os.ReadFile(src)
	if err != nil {
		return 0, err
	}
	progress(3, 3)
	return 2, os.WriteFile(dst, append(fmt.Appendf(nil, "%s of ", q.Key()), b...), 0o600)
}

// asking is a world that answers questions by f.
func asking(t testing.TB, f ExtractFunc) *world {
	w := newWorld(t)
	w.cfg.Extract = f
	w.h = New(w.cfg)
	return w
}

func (w *world) post(body, token string, head ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest("POST", extracts, strings.NewReader(body)).WithContext(w.t.Context())
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(head); i += 2 {
		r.Header.Add(head[i], head[i+1])
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return rec
}

// permalinkOf asks and returns where the answer is.
func (w *world) permalinkOf(body, token string) string {
	w.t.Helper()
	rec := w.post(body, token)
	to := rec.Header().Get("Location")
	if rec.Code != 303 || !strings.HasPrefix(to, extracts+"/") {
		w.t.Fatalf("%d %s %s", rec.Code, to, rec.Body)
	}
	return to
}

func (w *world) state(path, token string) extractState {
	w.t.Helper()
	rec := w.get(path, token)
	var s extractState
	if err := json.Unmarshal(rec.Body.Bytes(), &s); err != nil || rec.Code != 200 {
		w.t.Fatalf("%d %v %s", rec.Code, err, rec.Body)
	}
	return s
}

const month = `{"county":"06019","from":"2021-03-01","to":"2021-03-31"}`

func TestExtractIsAFileLikeAny(t *testing.T) {
	built := 0
	w := asking(t, func(ctx context.Context, src, dst string, q release.Question, p func(int64, int64)) (int64, error) {
		built++
		return plainExtract(ctx, src, dst, q, p)
	})
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	to := w.permalinkOf(month, token)
	key := strings.Split(to, "/")[4]
	want := key + " of " + string(content(id, "06019", "dose_event"))
	sum := sha256.Sum256([]byte(want))
	tag := `"` + hex.EncodeToString(sum[:]) + `"`
	rec := w.get(to, token)
	h := rec.Header()
	if rec.Code != 200 || rec.Body.String() != want || h.Get("ETag") != tag || h.Get("Repr-Digest") == "" || h.Get("X-Dosebook-Rows") != "2" ||
		!strings.Contains(h.Get("Content-Disposition"), `filename="06019-dose_event-`+id) {
		t.Errorf("%d %v", rec.Code, h)
	}
	if part := w.get(to, token, "Range", "bytes=5-9", "If-Range", tag); part.Code != 206 || part.Body.String() != want[5:10] {
		t.Error(part.Code, part.Body)
	}
	for _, same := range []string{month, `{"to":"2021-03-31","county":"06019","from":"2021-03-01","release":"latest","table":"dose_event","format":"csv"}`,
		`{"county":"06019","from":"2021-03-01","to":"2021-03-31","release":"` + id + `"}`} {
		if again := w.permalinkOf(same, token); again != to {
			t.Error("the same question has another address:", again)
		}
	}
	w.h = New(w.cfg) // a restart
	if rec := w.get(to, token); rec.Body.String() != want || built != 1 {
		t.Error("made again", built)
	}
	s := w.state(extracts+"/"+key, token)
	if s.Status != "ready" || s.URL != to || s.File == nil || s.File.SHA256 != strings.Trim(tag, `"`) || s.File.Rows != 2 || s.Question.From != "2021-03-01" {
		t.Errorf("%+v", s)
	}
	es, err := w.access.ListAudit(t.Context(), "epi", 0, 100)
	if err != nil || len(es) == 0 || es[0].Action != "extract" || !strings.Contains(es[0].Detail, key) || !strings.Contains(es[0].Detail, "2021-03-01") {
		t.Errorf("%+v %v", es, err)
	}
	read := false
	for _, e := range es {
		read = read || e.Action == "read" && e.Rows == 2 && e.Bytes == int64(len(want)) && e.Place == "06019" && e.Grant == 1
	}
	if !read {
		t.Errorf("the download is not in the audit: %+v", es)
	}
}

func TestExtractIsDecidedAtEachDoor(t *testing.T) {
	w := asking(t, plainExtract)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	to := w.permalinkOf(month, token)
	status := to[:strings.LastIndex(to, "/")]
	others := map[string]string{"other county": w.user("o", access.Epi, dose.Identified, "06037"), "plan": w.user("p", access.Plan, dose.Identified),
		"auditor": w.user("a", access.Auditor, dose.Identified), "deidentified": w.user("d", access.Epi, dose.Deidentified, "06019"),
		"limited": w.user("l", access.Epi, dose.Limited, "06019")}
	for name, other := range others {
		t.Log(name)
		refused(t, w.get(to, other), 403)
		refused(t, w.get(status, other), 403)
		if name != "limited" {
			refused(t, w.post(month, other), 403)
		}
	}
	for _, path := range []string{to, status} {
		refused(t, w.get(path, ""), 401)
	}
	refused(t, w.post(month, ""), 401)
	refused(t, w.post(`{"county":"OOS"}`, token), 403)
	limited := others["limited"]
	mine := w.permalinkOf(month, limited)
	if mine == to {
		t.Fatal("what a limited reader sees is another file")
	}
	s := w.state(mine[:strings.LastIndex(mine, "/")], limited)
	for _, name := range s.Question.Columns {
		for _, c := range dose.ReleaseColumns() {
			if c.Name == name && c.Level > dose.Limited {
				t.Error("a limited reader gets", name)
			}
		}
	}
	p := refused(t, w.post(`{"county":"06019","columns":["recip_last_name"]}`, limited), 403)
	if !strings.Contains(p.Detail, "columns of level identified") {
		t.Error(p.Detail)
	}
	if err := w.access.Revoke(t.Context(), "root", 1); err != nil {
		t.Fatal(err)
	}
	refused(t, w.get(to, token), 403)
	if _, err := w.db.Exec("create trigger full before insert on audit begin select raise(abort, 'disk full'); end"); err != nil {
		t.Fatal(err)
	}
	refused(t, w.get(mine, limited), 500)
	refused(t, w.post(month, limited), 500)
}

func TestBadQuestions(t *testing.T) {
	w := asking(t, plainExtract)
	token := w.user("steward", access.Steward, dose.Identified)
	for body, want := range map[string]struct {
		status int
		field  string
	}{
		``: {400, "question"}, `[]`: {400, "question"}, `{"county":7}`: {400, "county"}, `{"county":"06019"} {}`: {400, "question"},
		`{"county":"06019","nam":"Jane Doe"}`: {400, "field"}, `{}`: {400, "county"}, `{"county":"Jane Doe"}`: {400, "county"}, `{"county":"06002"}`: {404, "county"},
		`{"county":"06019","release":"x"}`: {404, "release"}, `{"county":"06019","release":"` + id[:6] + `-00000000"}`: {404, "release"},
		`{"county":"06019","from":"March"}`: {400, "from"}, `{"county":"06019","to":"2021-13-01"}`: {400, "to"},
		`{"county":"06019","columns":["Jane Doe"]}`: {400, "columns[0]"}, `{"county":"06019","columns":"cvx"}`: {400, "columns"},
		`{"county":"06019","cvx":["208"]}`: {400, "cvx"}, `{"county":"06019","age_groups":["old"]}`: {400, "age_groups[0]"},
		`{"county":"06019","table":"reject"}`: {400, "table"}, `{"county":"06019","format":"pdf"}`: {400, "format"},
		`{"county":"06019","columns":["` + strings.Repeat("x", maxQuestion) + `"]}`: {400, "question"},
	} {
		p := refused(t, w.post(body, token), want.status)
		if !strings.Contains(p.Detail, want.field) || strings.Contains(p.Detail, "Jane") {
			t.Errorf("%.80s: %s", body, p.Detail)
		}
	}
	for path, status := range map[string]int{extracts: 405, extracts + "/latest": 404, extracts + "/latest/dose.csv": 404, extracts + "/" + strings.Repeat("0", 32): 404,
		extracts + "/..%2f..%2fcontrol.db": 400, extracts + "/" + strings.Repeat("0", 32) + "/dose.csv": 404} {
		refused(t, w.get(path, token), status)
	}
	to := w.permalinkOf(month, token)
	refused(t, w.get(strings.TrimSuffix(to, ".csv")+".ndjson", token), 404)
	if strings.Contains(w.log.String(), "Jane") {
		t.Error("a value of a question is in the log")
	}
	es, _ := w.access.ListAudit(t.Context(), "", 0, 1000)
	for _, e := range es {
		if strings.Contains(fmt.Sprint(e), "Jane") {
			t.Error("a value of a bad question is in the audit")
		}
	}
}

func TestExtractsQueue(t *testing.T) {
	inside, goOn := make(chan struct{}, 9), make(chan struct{})
	var n sync.Map
	w := newWorld(t)
	w.cfg.Builds, w.cfg.Queue = 1, 4
	w.cfg.Extract = func(ctx context.Context, src, dst string, q release.Question, p func(int64, int64)) (int64, error) {
		if _, twice := n.LoadOrStore(q.Key(), true); twice {
			t.Error("one question was answered twice")
		}
		p(1, 3)
		inside <- struct{}{}
		<-goOn
		return plainExtract(ctx, src, dst, q, p)
	}
	w.h = New(w.cfg)
	ana := w.user("ana", access.Epi, dose.Identified, "06019")
	rec := w.post(month, ana, "Prefer", "respond-async")
	if rec.Code != 202 || rec.Header().Get("Retry-After") == "" {
		t.Fatal(rec.Code, rec.Header())
	}
	status := rec.Header().Get("Location")
	<-inside
	if s := w.state(status, ana); s.Status != "running" || s.RowsDone != 1 || s.RowsTotal != 3 || s.File != nil {
		t.Errorf("%+v", s)
	}
	var wg sync.WaitGroup
	for range 8 { // the same question again is no job of its own
		wg.Go(func() {
			if rec := w.post(month, ana); rec.Code != 303 {
				t.Error(rec.Code, rec.Body)
			}
		})
	}
	other := func(i int) string { return fmt.Sprintf(`{"county":"06019","cvx":[%d]}`, i) }
	refusal := w.post(other(0), ana)
	refused(t, refusal, 429)
	if refusal.Header().Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	for i := range 3 {
		token := w.user(fmt.Sprint("user", i), access.Epi, dose.Identified, "06019")
		if rec := w.post(other(i), token, "Prefer", "wait=0"); rec.Code != 202 {
			t.Error(rec.Code, rec.Body)
		} else if s := w.state(rec.Header().Get("Location"), token); s.Status != "waiting" {
			t.Errorf("%+v", s)
		}
	}
	refused(t, w.post(other(9), w.user("last", access.Epi, dose.Identified, "06019")), 429)
	close(goOn)
	wg.Wait()
	for i := range 3 {
		w.permalinkOf(other(i), ana) // waits for the queue to end
	}
	if s := w.state(status, ana); s.Status != "ready" || w.get(s.URL, ana).Code != 200 {
		t.Errorf("%+v", s)
	}
}

func TestExtractsThatFail(t *testing.T) {
	var f atomic.Pointer[ExtractFunc] // a build may go on when its asker has his answer
	use := func(fn ExtractFunc) { f.Store(&fn) }
	w := asking(t, func(ctx context.Context, src, dst string, q release.Question, p func(int64, int64)) (int64, error) {
		return (*f.Load())(ctx, src, dst, q, p)
	})
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	for name, fails := range map[string]ExtractFunc{
		"error": func(context.Context, string, string, release.Question, func(int64, int64)) (int64, error) {
			return 0, errors.New("name of a person")
		},
		"panic": func(context.Context, string, string, release.Question, func(int64, int64)) (int64, error) {
			panic("name of a person")
		},
		"no file": func(context.Context, string, string, release.Question, func(int64, int64)) (int64, error) {
			return 2, nil
		},
	} {
		use(fails)
		p := refused(t, w.post(month, token), 500)
		if strings.Contains(p.Detail, "person") {
			t.Errorf("%s: %s", name, p.Detail)
		}
	}
	rec := w.post(month, token, "Prefer", "respond-async")
	if rec.Code != 202 && rec.Code != 500 {
		t.Fatal(rec.Code)
	}
	use(plainExtract)
	waitFor(t, func() bool { return w.post(month, token).Code == 303 })
	to := w.permalinkOf(month, token)
	made := filepath.Join(w.cfg.Made, id, "extracts", strings.Split(to, "/")[4]+".csv")
	was := w.get(to, token).Body.String()
	for _, damage := range []func() error{func() error { return os.Remove(made) }, func() error { return os.Truncate(made, 3) }} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if s := w.state(to[:strings.LastIndex(to, "/")], token); s.Status != "absent" {
			t.Errorf("%+v", s)
		}
		if rec := w.get(to, token); rec.Body.String() != was {
			t.Error("not made again", rec.Code)
		}
	}
	use(func(_ context.Context, _, dst string, _ release.Question, _ func(int64, int64)) (int64, error) {
		return 2, os.WriteFile(dst, []byte("other bytes"), 0o600)
	})
	if err := os.Remove(made); err != nil {
		t.Fatal(err)
	}
	refused(t, w.get(to, token), 500)
	if left, _ := filepath.Glob(filepath.Join(w.cfg.Made, id, "extracts", ".part-*")); len(left) > 0 {
		t.Error(left)
	}
	use(plainExtract)
	w.write("releases/"+id+"/counties/06019/dose.parquet", content(id, "06019", "recipient"))
	refused(t, w.post(`{"county":"06019","table":"dose"}`, token), 409) // not the file of the manifest
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it did not come to that")
}

func TestExtractsOfReleasesThatEnd(t *testing.T) {
	w := asking(t, plainExtract)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	refused(t, w.post(`{"county":"06019","release":"`+held+`"}`, token), 409)
	to := w.permalinkOf(month, token)
	const next = "000099-89abcdef"
	w.release(next, release.Ready, dose.Places()...)
	w.write("releases/latest", []byte(next))
	if w.permalinkOf(month, token) == to {
		t.Error("two releases have one address")
	}
	if rec := w.get(to, token); rec.Code != 200 {
		t.Error("the address must stay", rec.Code)
	}
	w.prune(id)
	refused(t, w.get(to, token), 410)
	refused(t, w.get(to[:strings.LastIndex(to, "/")], token), 410)
	refused(t, w.post(`{"county":"06019","release":"`+id+`"}`, token), 410)
	if _, err := os.Stat(filepath.Join(w.cfg.Made, id)); !errors.Is(err, os.ErrNotExist) {
		t.Error("the file stays:", err)
	}
}

// The function that is wired in, on a true Parquet file.
func TestTrueExtract(t *testing.T) {
	w := newWorld(t)
	type row struct {
		ID   string `parquet:"vax_event_id,optional"`
		Date *int32 `parquet:"admin_date,optional,date"`
		CVX  *int32 `parquet:"cvx,optional"`
	}
	n := func(v int32) *int32 { return &v }
	path := filepath.Join(w.dir, "releases", id, "counties/06019/dose.parquet")
	if err := parquet.WriteFile(path, []row{{"a", n(18_687), n(208)}, {"b", n(18_688), n(208)}, {"c,d", n(18_718), n(300)}, {"e", nil, n(208)}}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	text, _ := json.Marshal(release.Manifest{ID: id, Place: "06019", Status: release.Ready,
		Files: []release.File{{Path: "counties/06019/dose.parquet", Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:]), Rows: 4}}})
	w.write("releases/"+id+"/counties/06019/manifest.json", text)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	to := w.permalinkOf(`{"county":"06019","table":"dose","from":"2021-03-02","to":"2021-04-01","columns":["cvx","vax_event_id"]}`, token)
	if rec := w.get(to, token); rec.Body.String() != "vax_event_id,cvx\nb,208\n\"c,d\",300\n" {
		t.Errorf("%d %q", rec.Code, rec.Body)
	}
	if p := refused(t, w.post(`{"county":"06019","table":"dose","columns":["ndc"]}`, token), 400); !strings.Contains(p.Detail, "no ndc") {
		t.Error(p.Detail)
	}
	if !bytes.Contains(w.log.Bytes(), []byte("POST /api/v1/extracts")) {
		t.Error(w.log)
	}
}
