//go:build !nosnowflake

package snowtable

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/dosebook/dosebook/dose"
)

// between stands between the source and the emulator and may change an answer
// that holds rows. The emulator gives every result in one piece; chunked has
// it given in parts to be downloaded, as Snowflake does.
type between struct {
	url    string
	change func(data map[string]any)
	chunks [][]byte
	cut    atomic.Int64 // number of the part that breaks off; -1 for none
}

func putBetween(t *testing.T, c *Config, change func(b *between, data map[string]any)) *between {
	t.Helper()
	b := &between{}
	b.cut.Store(-1)
	b.change = func(data map[string]any) { change(b, data) }
	to, err := url.Parse("http://" + c.Host + ":" + strconv.Itoa(c.Port))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = b.modify
	mux := http.NewServeMux()
	mux.HandleFunc("/part/{n}", b.part)
	mux.Handle("/", proxy)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	at, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	b.url, c.Host = srv.URL, at.Hostname()
	if c.Port, err = strconv.Atoi(at.Port()); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *between) modify(r *http.Response) error {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Data    map[string]any  `json:"data"`
		Success bool            `json:"success"`
		Code    json.RawMessage `json:"code,omitempty"`
		Message json.RawMessage `json:"message,omitempty"`
	}
	if json.Unmarshal(text, &answer) == nil && answer.Data["rowsetBase64"] != nil && answer.Data["rowsetBase64"] != "" {
		b.change(answer.Data)
		if text, err = json.Marshal(answer); err != nil {
			return err
		}
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	r.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return nil
}

func (b *between) part(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n >= len(b.chunks) {
		http.NotFound(w, r)
		return
	}
	if int64(n) == b.cut.Load() {
		w.Header().Set("Content-Length", strconv.Itoa(len(b.chunks[n])))
		_, _ = w.Write(b.chunks[n][:len(b.chunks[n])/2])
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(b.chunks[n])
}

// chunked takes the rows out of an answer and has them downloaded in parts of
// size rows, the first of them in the answer itself.
func (b *between) chunked(t *testing.T, data map[string]any, size int64) {
	text, err := base64.StdEncoding.DecodeString(data["rowsetBase64"].(string))
	if err != nil {
		t.Error(err)
		return
	}
	r, err := ipc.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Error(err)
		return
	}
	defer r.Release()
	b.chunks = nil
	var list []map[string]any
	for r.Next() {
		rec := r.RecordBatch()
		for from := int64(0); from < rec.NumRows(); from += size {
			part := rec.NewSlice(from, min(from+size, rec.NumRows()))
			var buf bytes.Buffer
			z := gzip.NewWriter(&buf)
			w := ipc.NewWriter(z, ipc.WithSchema(r.Schema()))
			if err := errors.Join(w.Write(part), w.Close(), z.Close()); err != nil {
				t.Error(err)
			}
			list = append(list, map[string]any{"url": fmt.Sprintf("%s/part/%d", b.url, len(b.chunks)), "rowCount": part.NumRows(),
				"uncompressedSize": 1, "compressedSize": buf.Len()})
			b.chunks = append(b.chunks, buf.Bytes())
			part.Release()
		}
	}
	data["rowsetBase64"], data["chunks"], data["qrmk"] = "", list, "key"
}

// thousand makes a table of 1,000 events.
func thousand(t *testing.T) Config {
	db, c := database(t)
	run(t, db, `CREATE TABLE VW_ALL_IIS_LHJ AS SELECT 'E' || (10000 + S) AS VAX_EVENT_ID, 'Maria' AS RECIP_FIRST_NAME, CAST('2021-03-02' AS DATE) AS ADMIN_DATE
		FROM (SELECT ROW_NUMBER() OVER (ORDER BY 1) AS S FROM TABLE(GENERATOR(ROWCOUNT => 1000)))`)
	c.Snapshot = true
	return c
}

func TestResultInParts(t *testing.T) {
	c := thousand(t)
	want := fetch(t, c, t.TempDir(), "").Mark
	b := putBetween(t, &c, func(b *between, data map[string]any) { b.chunked(t, data, 77) })
	if got := fetch(t, c, t.TempDir(), ""); got.Mark != want || len(b.chunks) != 13 {
		t.Errorf("%d parts: %s, want %s", len(b.chunks), got.Mark, want)
	}
	for _, n := range []int64{0, 6, 12} {
		b.cut.Store(n)
		fails(t, c, "", dose.ErrUpstream, "download the result")
	}
}

func TestRowsThatDoNotAddUp(t *testing.T) {
	for words, change := range map[string]func(b *between, data map[string]any){
		"should have 1001 rows and has 1000": func(_ *between, data map[string]any) { data["total"] = 1001 },
		"should have 7 rows and has 77": func(b *between, data map[string]any) {
			b.chunked(t, data, 77)
			data["chunks"].([]map[string]any)[3]["rowCount"] = 7
		},
		"should have 1000 rows and has 923": func(b *between, data map[string]any) {
			b.chunked(t, data, 77)
			data["chunks"] = append(data["chunks"].([]map[string]any)[:5], data["chunks"].([]map[string]any)[6:]...)
		},
		"as json": func(_ *between, data map[string]any) { data["queryResultFormat"] = "json" },
	} {
		t.Run(words, func(t *testing.T) {
			c := thousand(t)
			putBetween(t, &c, change)
			fails(t, c, "", dose.ErrUpstream, words)
		})
	}
}

func TestErrorsSayNothingOfRows(t *testing.T) {
	c := thousand(t)
	bad := c
	bad.Table = "NOT_THERE"
	fails(t, bad, "", dose.ErrDenied, "002003", "does not exist, or the role")
	bad = c
	bad.Table, bad.Query = "", "SELECT VAX_EVENT_ID, ADMIN_DATE, CAST(RECIP_FIRST_NAME AS NUMBER) AS CVX FROM VW_ALL_IIS_LHJ"
	fails(t, bad, "", dose.ErrInvalid, "100035", "cast it in query")
	bad.Query = "SELECT FROM WHERE 'Maria'"
	fails(t, bad, "", dose.ErrInvalid, "001003")
	bad = c
	bad.Port = 1
	fails(t, bad, "", dose.ErrUpstream, "check host")
}

// TestRefusedSignIn: the server's own numbers of a refusal.
func TestRefusedSignIn(t *testing.T) {
	for code, kind := range map[string]error{"390100": dose.ErrDenied, "390144": dose.ErrDenied, "394400": dose.ErrDenied, "390201": dose.ErrUpstream} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"data":{},"success":false,"code":"%s","message":"Maria, your password sesame is wrong"}`, code)
		}))
		u, err := url.Parse(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		c := good()
		c.Host, c.Protocol = u.Hostname(), "http"
		if c.Port, err = strconv.Atoi(u.Port()); err != nil {
			t.Fatal(err)
		}
		fails(t, c, "", kind, code)
		srv.Close()
	}
}

func TestCancelled(t *testing.T) {
	c := thousand(t)
	ctx, cancel := context.WithCancel(t.Context())
	putBetween(t, &c, func(*between, map[string]any) { cancel() })
	dir := t.TempDir()
	if _, err := source(t, c).Fetch(ctx, dir, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestWrongMark(t *testing.T) {
	c := good()
	fails(t, c, "{", dose.ErrInvalid, "mark")
	if strings.Contains(c.query(), "sesame") {
		t.Error("the mark holds the password")
	}
}
