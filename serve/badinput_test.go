package serve

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// What is too deep, too long or too much is refused, fast, and names no value.
func TestGiantQuestions(t *testing.T) {
	w := asking(t, plainExtract)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	many := strings.Repeat(`"cvx",`, 9000)
	for name, body := range map[string]string{
		"deep list":      strings.Repeat("[", 60_000),
		"deep object":    strings.Repeat(`{"county":`, 6000),
		"deep in a list": `{"county":"06019","columns":` + strings.Repeat("[", 50_000),
		"many columns":   `{"county":"06019","columns":[` + many + `"none"]}`,
		"a long text":    `{"county":"` + strings.Repeat("Jane", 15_000) + `"}`,
		"beyond 64 KiB":  `{"county":"06019","columns":["` + strings.Repeat("x", maxQuestion) + `"]}`,
		"a long number":  `{"county":"06019","cvx":[` + strings.Repeat("9", 60_000) + `]}`,
	} {
		began := time.Now()
		rec := w.post(body, token)
		if p := refused(t, rec, 400); strings.Contains(p.Detail, "Jane") || len(p.Detail) > 2000 {
			t.Errorf("%s: %.200s", name, p.Detail)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	rows := "/releases/" + id + "/counties/06019/rows?table=dose"
	for name, query := range map[string]string{
		"many codes":      strings.Repeat("&cvx=99999", 5000),
		"no numbers":      "&cvx=Jane",
		"a foreign place": "&county=06037&fips=06037",
		"a long group":    "&age=" + strings.Repeat("Jane", 10_000),
	} {
		rec := w.get(rows+query, token)
		if rec.Code < 400 && name != "a foreign place" || rec.Code >= 500 || strings.Contains(rec.Body.String(), "Jane") || strings.Contains(rec.Body.String(), "<06037>") {
			t.Errorf("%s: %d %.200s", name, rec.Code, rec.Body)
		}
	}
}

// Ranges out of bounds, by the thousand, or overlapping: never more bytes than
// the file has, never another's.
func TestOddRanges(t *testing.T) {
	w := newWorld(t)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	path, whole := file("06019", "dose.parquet"), string(content(id, "06019", "dose"))
	for ranged, want := range map[string]int{
		"bytes=9999-": 416, "bytes=-0": 206, "bytes=5-2": 416, "bytes=x-y": 416, "bytes=0-99999999999999999999": 416, "lines=1-2": 416, "bytes=-99999": 206,
		"bytes=" + strings.Repeat("0-,", 5000) + "0-": 200, "bytes=0-1,-1": 206,
	} {
		rec := w.get(path, token, "Range", ranged)
		if rec.Code != want || want != 416 && rec.Body.Len() > 3*len(whole) || want == 416 && strings.Contains(rec.Body.String(), "rows of") {
			t.Errorf("%.40s: %d, want %d, %d bytes", ranged, rec.Code, want, rec.Body.Len())
		}
	}
}

// raw sends text as it is and returns the answer's head and body.
func raw(t *testing.T, address, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		return "cut"
	}
	b, _ := io.ReadAll(c)
	return string(b)
}

// Line breaks in addresses and headers make no header of an answer, and heads
// that are no HTTP or too long are refused.
func TestHeaderInjection(t *testing.T) {
	w := newWorld(t)
	w.cfg.SignIn = &SignIn{Issuer: "http://127.0.0.1:1", Client: "dosebook", URL: "https://doses.example"}
	w.h = New(w.cfg)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	for _, path := range []string{base + "/latest/counties/06019/dose.csv?x=%0d%0aX-Planted:%201", base + "/latest%0d%0aX-Planted:%201", "/overview?x=%0d%0aX-Planted:%201",
		"/signin/first/%0d%0aX-Planted:%201", "/releases/latest/counties/06019?%0d%0aX-Planted:%201"} {
		r := httptest.NewRequest("GET", "http://x"+path, nil).WithContext(t.Context())
		r.Header.Set("Accept", "text/html")
		if !strings.HasPrefix(path, "/overview") {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		rec := httptest.NewRecorder()
		w.h.ServeHTTP(rec, r)
		for name, values := range rec.Header() {
			if name == "X-Planted" || strings.ContainsAny(strings.Join(values, ""), "\r\n") {
				t.Errorf("%s: %s: %q", path, name, values)
			}
		}
	}
	l := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, l, w.h) }()
	defer func() { stop(); <-ended }()
	at := l.Addr().String()
	get := "GET " + file("06019", "dose.parquet") + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
	for name, c := range map[string]struct{ text, status string }{
		"a bare line break":       {get + token[:20] + "\n" + token[20:] + "\r\n\r\n", "400"},
		"a NUL":                   {get + token + "\x00\r\n\r\n", "400"},
		"two lengths":             {get + token + "\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "400"},
		"length and chunks":       {strings.Replace(get, "GET ", "POST ", 1) + token + "\r\nContent-Length: 5\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501"},
		"a header of 200 KB":      {get + token + "\r\nX-Long: " + strings.Repeat("a", 200_000) + "\r\n\r\n", "431"},
		"no HTTP":                 {"\x16\x03\x01\x02\x00\r\n\r\n", "400"},
		"another's host, ours":    {get + token + "\r\n\r\n", "200"},
		"a second request inside": {get + token + "\r\nX-A: b\r\n\r\nGET " + file("06037", "dose.parquet") + " HTTP/1.1\r\nHost: x\r\n\r\n", "200"},
	} {
		got := raw(t, at, c.text)
		if !strings.HasPrefix(got, "HTTP/1.1 "+c.status) && !(c.status == "431" && got == "cut") || strings.Contains(got, "<06037>") || c.status != "200" && strings.Contains(got, "rows of") {
			t.Errorf("%s: %.120q", name, got)
		}
	}
}

// Who sends a head byte by byte, or begins and never ends it, is cut when its
// time is over (by default 10 s), and others are served meanwhile.
func TestSlowClients(t *testing.T) {
	if at := (Clients{}).orDefault(); at != (Clients{10 * time.Second, time.Minute, 32 << 10}) {
		t.Errorf("by default %+v", at)
	}
	const head = 500 * time.Millisecond
	w := newWorld(t)
	w.cfg.Clients.Head = head
	w.h = New(w.cfg)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	l := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, l, w.h) }()
	defer func() { stop(); <-ended }()
	began := time.Now()
	cut := make(chan time.Duration, 20)
	for range cap(cut) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer c.Close()
			_ = c.SetDeadline(began.Add(time.Minute))
			_, _ = fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
			_, _ = bufio.NewReader(c).ReadByte()
			_, _ = io.Copy(io.Discard, c)
			cut <- time.Since(began)
		}()
	}
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+l.Addr().String()+file("06019", "dose.parquet"), nil)
	r.Header.Set("Authorization", "Bearer "+token)
	if p := do(t, http.DefaultClient, r); p.StatusCode != 200 || time.Since(began) > head+5*time.Second {
		t.Errorf("beside slow clients: %d after %v", p.StatusCode, time.Since(began))
	}
	for range cap(cut) {
		if took := <-cut; took < head/2 || took > head+10*time.Second {
			t.Errorf("a slow client was cut after %v", took)
		}
	}
}

// Who takes a file more slowly than the slowest pace is cut: the entry at its
// end says so, and its place is free again. Who reads at once has it whole.
func TestSlowDownloads(t *testing.T) {
	w := newWorld(t)
	w.cfg.Downloads, w.cfg.Clients = 1, Clients{Answer: 300 * time.Millisecond, Slowest: 64 << 20}
	w.h = New(w.cfg)
	big := bytes.Repeat([]byte("rows of <06019> "), 2<<20) // 32 MiB: more than any buffer between us
	w.write("releases/"+id+"/counties/06019/dose.parquet", big)
	sum := sha256.Sum256(big)
	text, err := json.Marshal(release.Manifest{ID: id, Place: "06019", Status: release.Ready,
		Files: []release.File{{Path: "counties/06019/dose.parquet", Bytes: int64(len(big)), SHA256: hex.EncodeToString(sum[:]), Rows: 3}}})
	if err != nil {
		t.Fatal(err)
	}
	w.write("releases/"+id+"/counties/06019/manifest.json", text)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	l := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, l, w.h) }()
	defer func() { stop(); <-ended }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.(*net.TCPConn).SetReadBuffer(64 << 10)
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", file("06019", "dose.parquet"), token); err != nil {
		t.Fatal(err)
	}
	var first [512]byte
	if _, err := io.ReadFull(c, first[:]); err != nil || !strings.HasPrefix(string(first[:]), "HTTP/1.1 200") {
		t.Fatalf("%v %s", err, first)
	}
	waitFor(t, func() bool { return w.last("epi").Action == "end" }) // without reading on
	if e := w.last("epi"); e.Outcome != "cut" || e.Bytes >= int64(len(big)) {
		t.Errorf("%+v", e)
	}
	if rest, err := io.Copy(io.Discard, c); rest >= int64(len(big)) {
		t.Errorf("%d bytes came all the same, %v", rest, err)
	}
	if rec := w.get(file("06019", "dose.parquet"), token); rec.Code != 200 || rec.Body.Len() != len(big) {
		t.Errorf("the place of one who was cut is not free: %d", rec.Code)
	}
}
