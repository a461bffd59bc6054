package serve

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

// writeCertificate makes a certificate of this machine with the serial number.
func writeCertificate(t *testing.T, dir string, serial int64) (cert, key string) {
	t.Helper()
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &priv.PublicKey, priv)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestTLSByFiles(t *testing.T) {
	w := newWorld(t)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir, 1)
	l, err := TLS(listen(t), cert, key)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, l, w.h) }()
	pemBytes, _ := os.ReadFile(cert)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pemBytes)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	r, _ := http.NewRequest("GET", "https://"+l.Addr().String()+file("06019", "dose.parquet"), nil)
	r.Header.Set("Authorization", "Bearer "+token)
	p := do(t, client, r)
	if p.StatusCode != 200 || p.text != string(content(id, "06019", "dose")) || p.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%d %v", p.StatusCode, p.Header)
	}
	old := &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11}
	if c, err := tls.Dial("tcp", l.Addr().String(), old); err == nil {
		c.Close()
		t.Error("TLS 1.1 is spoken")
	}
	client.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := TLS(listen(t), key, cert); err == nil {
		t.Error("a key as certificate")
	}
}

// A renewed certificate is taken up, a broken one is not.
func TestRenewedCertificate(t *testing.T) {
	dir := t.TempDir()
	c := &certificate{}
	serial := func() int64 {
		t.Helper()
		c.looked = time.Time{}
		now, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return now.Leaf.SerialNumber.Int64()
	}
	c.certFile, c.keyFile = writeCertificate(t, dir, 1)
	if serial() != 1 {
		t.Error("first")
	}
	writeCertificate(t, dir, 2)
	later := time.Now().Add(time.Second)
	_ = os.Chtimes(c.certFile, later, later)
	if serial() != 2 {
		t.Error("the renewed one is not used")
	}
	if err := os.WriteFile(c.keyFile, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = os.Chtimes(c.keyFile, later.Add(time.Second), later.Add(time.Second))
	if serial() != 2 {
		t.Error("a broken key took the good one's place")
	}
	if err := os.Remove(c.certFile); err != nil || serial() != 2 {
		t.Error("a missing file took the good one's place", err)
	}
}

func TestProxies(t *testing.T) {
	w := newWorld(t)
	w.cfg.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	w.h = New(w.cfg)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	for header, want := range map[string]string{ // httptest's peer is 192.0.2.1
		"": "192.0.2.1", "198.51.100.7": "198.51.100.7", "203.0.113.9, 198.51.100.7": "198.51.100.7", "198.51.100.7, 192.0.2.8": "198.51.100.7",
		"x": "192.0.2.1", "198.51.100.7, x": "192.0.2.1", "192.0.2.5": "192.0.2.1", "2001:db8::1": "2001:db8::1", "198.51.100.7:80": "192.0.2.1",
	} {
		head := []string{"X-Forwarded-For", header}
		if header == "" {
			head = nil
		}
		before, _ := w.access.VerifyAudit(t.Context())
		w.get(base, token, head...)
		if es, err := w.access.ListAudit(t.Context(), "epi", before, 1); err != nil || len(es) != 1 || es[0].Remote != want {
			t.Errorf("%q: %+v %v", header, es, err)
		}
	}
	w.cfg.Proxies = nil
	w.h = New(w.cfg)
	before, _ := w.access.VerifyAudit(t.Context())
	w.get(base, token, "X-Forwarded-For", "198.51.100.7")
	if es, _ := w.access.ListAudit(t.Context(), "epi", before, 1); es[0].Remote != "192.0.2.1" {
		t.Error("believed a header of somebody")
	}
}

var metricLine = regexp.MustCompile(`^(# (HELP|TYPE) dosebook_http_\w+ [A-Za-z. ]+|dosebook_http_\w+(\{route="[^"]*",status="\d+"\})? [0-9.e+-]+)$`)

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	token := w.user("epi.person@county.example", access.Epi, dose.Identified, "06019")
	w.get(file("06019", "dose.parquet"), token)
	w.get(file("06019", "dose.parquet"), token)
	w.get(file("06037", "dose.parquet"), token)
	w.get("/nobody/"+token, "")
	w.ask("PERSON", "/", "")
	text := w.get("/metrics", "").Body.String()
	route := `{route="GET /api/v1/releases/{id}/counties/{fips}/{file}",status=`
	for _, want := range []string{
		`dosebook_http_requests_total` + route + `"200"} 2`, `dosebook_http_requests_total` + route + `"403"} 1`,
		`dosebook_http_requests_total{route="none",status="404"} 1`, "dosebook_http_requests_running 1\n", `dosebook_http_request_seconds_total` + route,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, token) || strings.Contains(text, "person") || strings.Contains(text, "06019") || strings.Contains(text, "PERSON") {
		t.Error("metrics hold what a request held")
	}
	for line := range strings.Lines(text) {
		if !metricLine.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("no line of the format: %q", line)
		}
	}
}

// After the word to stop, what runs is answered to its end and nobody else is
// let in.
func TestGracefulStop(t *testing.T) {
	w := newWorld(t)
	token := w.user("epi", access.Epi, dose.Identified, "06019")
	inside, goOn := make(chan struct{}), make(chan struct{})
	w.convert = func(ctx context.Context, src, dst, format string) (int64, error) {
		close(inside)
		<-goOn
		return plainConvert(ctx, src, dst, format)
	}
	l := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, l, w.h) }()
	got := make(chan string, 1)
	go func() {
		r, _ := http.NewRequest("GET", "http://"+l.Addr().String()+file("06019", "dose.csv"), nil)
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			got <- err.Error()
			return
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			b = []byte(err.Error())
		}
		got <- string(b)
	}()
	<-inside
	stop()
	for at := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			break
		}
		c.Close()
		if time.Since(at) > 5*time.Second {
			t.Fatal("somebody is still let in")
		}
	}
	select {
	case err := <-ended:
		t.Fatal("ended while a download ran:", err)
	default:
	}
	close(goOn)
	if text := <-got; text != "csv of "+string(content(id, "06019", "dose")) {
		t.Errorf("the running download has %q", text)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
