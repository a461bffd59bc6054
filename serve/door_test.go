package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	path := file("06019", "dose.csv")
	good := w.user("epi", access.Epi, dose.Identified, "06019")
	for name, head := range map[string][]string{
		"none": nil, "empty": {"Authorization", ""}, "no scheme": {"Authorization", good}, "basic": {"Authorization", "Basic " + good},
		"altered":      {"Authorization", "Bearer " + good[:len(good)-5] + "AAAAA"},
		"cut":          {"Authorization", "Bearer " + good[:len(good)-1]},
		"with a tail":  {"Authorization", "Bearer " + good + " "},
		"sent twice":   {"Authorization", "Bearer " + good, "Authorization", "Bearer " + good},
		"two spaces":   {"Authorization", "Bearer  " + good},
		"another name": {"X-Authorization", "Bearer " + good},
	} {
		rec := w.get(path, "", head...)
		refused(t, rec, 401)
		if !strings.HasPrefix(rec.Header().Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %v", name, rec.Header())
		}
	}
	refused(t, w.get(path+"?access_token="+good, ""), 401)
	if rec := w.get(path, "", "Authorization", "bearer "+good); rec.Code != 200 {
		t.Error("the scheme has no case", rec.Code)
	}
	w.now = day.Add(100 * 24 * time.Hour)
	refused(t, w.get(path, good), 401)
	w.now = day
	if err := w.access.RevokeToken(t.Context(), "root", 1); err != nil {
		t.Fatal(err)
	}
	refused(t, w.get(path, good), 401)
	if strings.Contains(w.log.String(), good[4:]) || strings.Contains(w.log.String(), "access_token") {
		t.Error("the log holds a token or a query string")
	}
	strangers, err := w.access.ListAudit(t.Context(), access.Unknown, 0, 100)
	if err != nil || len(strangers) < 3 || strangers[0].Action != "authenticate" || strangers[0].Outcome != "denied" || strings.Contains(fmt.Sprint(strangers), good[4:12]) {
		t.Errorf("refused tokens in the audit: %+v %v", strangers, err)
	}
	if e := w.last("epi"); e.Action != "authenticate" || e.Token != 1 || !strings.HasPrefix(e.Detail, "the token ") {
		t.Errorf("a token that was good once is named: %+v", e)
	}
	if !strings.Contains(w.log.String(), "user=epi") || !strings.Contains(w.log.String(), "route=\"GET /api/v1/releases/{id}/counties/{fips}/{file}\"") {
		t.Error(w.log)
	}
}

func TestRevocationOnTheNextRequest(t *testing.T) {
	w := newWorld(t)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	g := w.grant("epi", access.Epi, dose.Identified, "06037")
	for _, place := range []string{"06019", "06037", "pasadena"} {
		if rec := w.get(file(place, "dose.csv"), token); rec.Code != 200 {
			t.Fatal(place, rec.Code)
		}
	}
	if err := w.access.Revoke(t.Context(), "root", g.ID); err != nil {
		t.Fatal(err)
	}
	refused(t, w.get(file("06037", "dose.csv"), token), 403)
	refused(t, w.get(file("pasadena", "dose.csv"), token), 403)
	if rec := w.get(file("06019", "dose.csv"), token); rec.Code != 200 {
		t.Error(rec.Code)
	}
	w.now = g.Expires
	refused(t, w.get(file("06019", "dose.csv"), token), 401) // the token has ended before the grant
}

func TestRangesAndConditions(t *testing.T) {
	w := newWorld(t)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	whole := content(id, "06019", "dose")
	for _, c := range []struct {
		name, want string
	}{{"dose.parquet", string(whole)}, {"dose.csv.gz", "csv.gz of " + string(whole)}} {
		path := file("06019", c.name)
		sum := sha256.Sum256([]byte(c.want))
		tag := `"` + hex.EncodeToString(sum[:]) + `"`
		rec := w.get(path, token)
		h := rec.Header()
		if rec.Body.String() != c.want || h.Get("ETag") != tag || h.Get("Repr-Digest") != "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":" ||
			h.Get("X-Dosebook-Rows") != "3" || h.Get("Content-Disposition") != `attachment; filename="06019-`+strings.Replace(c.name, ".", "-"+id+".", 1)+`"` ||
			!strings.Contains(h.Get("Cache-Control"), "private") || h.Get("Content-Type") != mediaTypes[strings.TrimPrefix(c.name, "dose.")] {
			t.Errorf("%s: %d %v", c.name, rec.Code, h)
		}
		part := w.get(path, token, "Range", "bytes=10-19")
		if part.Code != 206 || part.Body.String() != c.want[10:20] || part.Header().Get("ETag") != tag || part.Header().Get("Repr-Digest") == "" {
			t.Errorf("range: %d %q", part.Code, part.Body)
		}
		if tail := w.get(path, token, "Range", "bytes=20-", "If-Range", tag); tail.Code != 206 || tail.Body.String() != c.want[20:] {
			t.Errorf("if-range: %d", tail.Code)
		}
		if all := w.get(path, token, "Range", "bytes=20-", "If-Range", `"other"`); all.Code != 200 || all.Body.String() != c.want {
			t.Errorf("if-range of another file: %d", all.Code)
		}
		if same := w.get(path, token, "If-None-Match", tag); same.Code != 304 || same.Body.Len() != 0 {
			t.Errorf("not modified: %d", same.Code)
		}
		if over := w.get(path, token, "Range", "bytes=9999-"); over.Code != 416 {
			t.Errorf("beyond the end: %d", over.Code)
		}
		if head := w.ask("HEAD", path, token); head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("ETag") != tag {
			t.Errorf("head: %d %v", head.Code, head.Header())
		}
		refused(t, w.get(path, "", "If-None-Match", tag), 401)
	}
}

func TestAuditComesBeforeBytes(t *testing.T) {
	w := newWorld(t)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	for _, path := range []string{file("06019", "dose.parquet"), file("06019", "dose.csv"), base + "/" + id, file("06019", "manifest.json")} {
		before, err := w.access.VerifyAudit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if rec := w.get(path, token); rec.Code != 200 {
			t.Fatal(rec.Code)
		}
		es, err := w.access.ListAudit(t.Context(), "epi", before, 10)
		if ends := len(es) == 2 && es[1].Action == "end" && es[1].Of == es[0].Seq; ends {
			es = es[:1]
		}
		if err != nil || len(es) != 1 || es[0].Outcome != "allowed" || es[0].Release != id || es[0].Token != 1 || es[0].Grant != 1 || es[0].Remote == "" {
			t.Errorf("%s: %+v %v", path, es, err)
		}
		if strings.HasSuffix(path, "dose.parquet") && (es[0].Rows != 3 || es[0].Bytes != int64(len(content(id, "06019", "dose"))) || es[0].Place != "06019") {
			t.Errorf("%+v", es[0])
		}
	}
	before, _ := w.access.VerifyAudit(t.Context())
	refused(t, w.get(file("06037", "dose.csv"), token), 403)
	if es, _ := w.access.ListAudit(t.Context(), "epi", before, 10); len(es) != 1 || es[0].Outcome != "denied" || es[0].Place != "06037" {
		t.Errorf("a refusal must be noted: %+v", es)
	}
	// An audit that cannot be written: no byte of anything.
	if _, err := w.db.Exec("create trigger full before insert on audit begin select raise(abort, 'disk full'); end"); err != nil {
		t.Fatal(err)
	}
	for _, name := range names() {
		refused(t, w.get(file("06019", name), token), 500)
		if rec := w.ask("HEAD", file("06019", name), token); rec.Code != 500 || rec.Header().Get("ETag") != "" {
			t.Errorf("HEAD %s: %d", name, rec.Code)
		}
	}
	refused(t, w.get(base, token), 500)
	refused(t, w.get(file("06037", "dose.csv"), token), 403)
}

func TestDamagedGrantIsARefusal(t *testing.T) {
	w := newWorld(t)
	token := w.user("steward", access.Steward, dose.Identified)
	for _, change := range []string{"role = 'root'", "role = 'steward', places = 'everything'"} {
		if _, err := w.db.Exec("update access_grant set " + change); err != nil {
			t.Fatal(err)
		}
		refused(t, w.get(file("06019", "dose.parquet"), token), 403)
		refused(t, w.get(base, token), 403)
	}
}

func TestControlDatabaseGone(t *testing.T) {
	w := newWorld(t)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	w.db.Close()
	p := refused(t, w.get(file("06019", "dose.parquet"), token), 500)
	if p.Detail != failed {
		t.Error(p.Detail)
	}
}

func TestDamagedFilesAreNotSent(t *testing.T) {
	w := newWorld(t)
	token := w.user("epi", access.Epi, dose.Identified, "06019", "06037")
	parquet := "releases/" + id + "/counties/06019/dose.parquet"
	w.write(parquet, content(id, "06019", "dose")[:50])
	refused(t, w.get(file("06019", "dose.parquet"), token), 409)
	refused(t, w.get(file("06019", "dose.csv"), token), 409)
	// A link out of the releases, to a file of the same size.
	path, out := filepath.Join(w.dir, parquet), filepath.Join(w.dir, "out")
	w.write("out", content(id, "06037", "dose"))
	if err := errors.Join(os.Remove(path), os.Symlink(out, path)); err != nil {
		t.Fatal(err)
	}
	refused(t, w.get(file("06019", "dose.parquet"), token), 409)
	// The manifest of another place in this place's folder.
	b, _ := os.ReadFile(filepath.Join(w.dir, "releases", id, "counties/06001/manifest.json"))
	w.write("releases/"+id+"/counties/06037/manifest.json", b)
	refused(t, w.get(file("06037", "dose.parquet"), token), 404)
}

func TestMadeOnceForAll(t *testing.T) {
	w := newWorld(t)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	inside, goOn := make(chan struct{}), make(chan struct{})
	w.convert = func(ctx context.Context, src, dst, format string) (int64, error) {
		close(inside)
		<-goOn
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return plainConvert(ctx, src, dst, format)
	}
	gone, leave := context.WithCancel(t.Context())
	first, _ := http.NewRequestWithContext(gone, "GET", file("06019", "dose.csv"), nil)
	first.Header.Set("Authorization", "Bearer "+token)
	var wg sync.WaitGroup
	wg.Go(func() { w.h.ServeHTTP(discard{make(http.Header)}, first) })
	<-inside
	for range 8 {
		wg.Go(func() {
			if rec := w.get(file("06019", "dose.csv"), token); rec.Code != 200 || !strings.Contains(rec.Body.String(), "<06019>") {
				t.Error(rec.Code)
			}
		})
	}
	leave() // the one who started it goes; the others still get the file
	time.Sleep(20 * time.Millisecond)
	close(goOn)
	wg.Wait()
	if n := w.converts.Load(); n != 1 {
		t.Errorf("%d conversions", n)
	}
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) WriteHeader(int)             {}
func (d discard) Write(b []byte) (int, error) { return len(b), nil }

func TestMadeNeverChanges(t *testing.T) {
	w := newWorld(t)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	path, made := file("06019", "dose.csv"), filepath.Join(w.cfg.Made, id, "06019", "dose.csv")
	was := w.get(path, token)
	w.h = New(w.cfg) // a restart
	if rec := w.get(path, token); w.converts.Load() != 1 || !bytes.Equal(rec.Body.Bytes(), was.Body.Bytes()) {
		t.Fatal("made again after a restart")
	}
	if err := os.Truncate(made, 5); err != nil {
		t.Fatal(err)
	}
	if rec := w.get(path, token); w.converts.Load() != 2 || !bytes.Equal(rec.Body.Bytes(), was.Body.Bytes()) || rec.Header().Get("ETag") != was.Header().Get("ETag") {
		t.Fatal("a cut file must be made again, the same")
	}
	w.convert = func(_ context.Context, _, dst, _ string) (int64, error) {
		return 3, os.WriteFile(dst, []byte("other bytes"), 0o600)
	}
	if err := os.Remove(made); err != nil {
		t.Fatal(err)
	}
	if p := refused(t, w.get(path, token), 409); !strings.Contains(p.Detail, "docs/RELEASES.md") || !strings.Contains(p.Detail, id+"/06019/dose.csv") {
		t.Errorf("the remedy is not told: %s", p.Detail)
	}
	for name, f := range map[string]ConvertFunc{
		"fails": func(context.Context, string, string, string) (int64, error) {
			return 0, errors.New("name of a person")
		},
		"fewer rows": func(_ context.Context, _, dst, _ string) (int64, error) {
			return 2, os.WriteFile(dst, []byte("x"), 0o600)
		},
		"panics":  func(context.Context, string, string, string) (int64, error) { panic("name of a person") },
		"no file": func(context.Context, string, string, string) (int64, error) { return 3, nil },
	} {
		w.convert = f
		w.log.Reset()
		p := refused(t, w.get(file("06019", "recipient.ndjson"), token), 500)
		if strings.Contains(p.Detail, "person") || name == "panics" && strings.Contains(w.log.String(), "person") {
			t.Errorf("%s: %s %s", name, p.Detail, w.log)
		}
	}
	w.convert = plainConvert
	if rec := w.get(file("06019", "recipient.ndjson"), token); rec.Code != 200 {
		t.Error("after failures:", rec.Code)
	}
	left, _ := filepath.Glob(filepath.Join(w.cfg.Made, id, "06019", ".part-*"))
	if len(left) != 0 {
		t.Error(left)
	}
}

func TestTooManyDownloads(t *testing.T) {
	w := newWorld(t)
	w.cfg.Downloads = 2
	w.h = New(w.cfg)
	ana, ben := w.user("ana", access.Epi, dose.Identified, "06019"), w.user("ben", access.Epi, dose.Identified, "06019")
	inside, goOn := make(chan struct{}, 2), make(chan struct{})
	w.convert = func(ctx context.Context, src, dst, format string) (int64, error) {
		inside <- struct{}{}
		<-goOn
		return plainConvert(ctx, src, dst, format)
	}
	var wg sync.WaitGroup
	for _, name := range []string{"dose.csv", "recipient.csv"} {
		wg.Go(func() { w.get(file("06019", name), ana) })
	}
	<-inside
	<-inside
	rec := w.get(file("06019", "dose.parquet"), ana)
	refused(t, rec, 429)
	if rec.Header().Get("Retry-After") == "" {
		t.Error(rec.Header())
	}
	if rec := w.get(file("06019", "dose.parquet"), ben); rec.Code != 200 {
		t.Error("another user:", rec.Code)
	}
	close(goOn)
	wg.Wait()
	if rec := w.get(file("06019", "dose.parquet"), ana); rec.Code != 200 {
		t.Error("afterwards:", rec.Code)
	}
}

func BenchmarkDownload(b *testing.B) {
	w := newWorld(b)
	w.cfg.Log = nil
	w.cfg.Downloads = 100
	l := listen(b)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, l, New(w.cfg)) }()
	defer func() { cancel(); <-ended }()
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	b.SetParallelism(25)
	b.RunParallel(func(pb *testing.PB) {
		client := &http.Client{Transport: &http.Transport{}}
		for pb.Next() {
			r, _ := http.NewRequest("GET", "http://"+l.Addr().String()+file("06019", "dose.parquet"), nil)
			r.Header.Set("Authorization", "Bearer "+token)
			res, err := client.Do(r)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if res.StatusCode != 200 {
				b.Error(res.Status)
			}
		}
	})
}
