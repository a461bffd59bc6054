package pipelines

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

var told = Notice{ID: 7, Feed: "cair2", Kind: late, Day: "2022-03-13", Says: "the data of 2022-03-13 is not here", Raised: time.Date(2022, 3, 13, 17, 0, 0, 0, time.UTC)}

func TestWebhook(t *testing.T) {
	status := http.StatusNoContent
	var got map[string]any
	var head http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head, got = r.Header, nil
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
	}))
	w := &Webhook{URL: srv.URL + "/hooks/s3cret", Token: "t0ken"}
	if err := w.Send(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	if got["text"] != "dosebook feed cair2 is late, 2022-03-13: the data of 2022-03-13 is not here" || got["feed"] != "cair2" || got["kind"] != "late" ||
		got["day"] != "2022-03-13" || got["raised_at"] != "2022-03-13T17:00:00Z" || got["id"] != 7.0 || got["cleared_at"] != nil {
		t.Errorf("body %v", got)
	}
	if head.Get("Authorization") != "Bearer t0ken" || head.Get("Content-Type") != "application/json" || head.Get("Idempotency-Key") != "dosebook-notice-7" {
		t.Errorf("header %v", head)
	}
	fails := func(says string) {
		t.Helper()
		err := w.Send(t.Context(), told)
		if !errors.Is(err, dose.ErrUpstream) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "t0ken") {
			t.Errorf("%v, want %q", err, says)
		}
	}
	status = http.StatusInternalServerError
	fails("answered 500")
	srv.Close()
	fails("refused")
	w.URL = "http://[s3cret"
	if err := w.Send(t.Context(), told); !errors.Is(err, dose.ErrInvalid) || strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
}

// smtpServer speaks enough SMTP for one sender, with STARTTLS and a sign-in.
type smtpServer struct {
	addr     string
	conf     *tls.Config
	implicit bool // TLS from the first byte
	starttls bool // offers STARTTLS
	refuse   bool // says no to the mail's end
	got      chan string
}

func newSMTP(t *testing.T, s smtpServer) *smtpServer {
	t.Helper()
	web := httptest.NewUnstartedServer(nil) // for its certificate
	web.StartTLS()
	t.Cleanup(web.Close)
	pool := web.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	s.conf = &tls.Config{Certificates: web.TLS.Certificates, RootCAs: pool}
	s.got = make(chan string, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s.addr = l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.talk(c)
		}
	}()
	return &s
}

// talk serves one connection and hands over the whole conversation.
func (s *smtpServer) talk(c net.Conn) {
	defer c.Close()
	if s.implicit {
		c = tls.Server(c, s.conf)
	}
	var all strings.Builder
	defer func() { s.got <- all.String() }()
	r, say := bufio.NewReader(c), func(line string) { _, _ = io.WriteString(c, line+"\r\n") }
	secure := s.implicit
	say("220 test")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		all.WriteString(line)
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		switch verb {
		case "EHLO":
			say("250-test")
			if s.starttls && !secure {
				say("250-STARTTLS")
			}
			say("250 AUTH PLAIN")
		case "STARTTLS":
			say("220 go on")
			c = tls.Server(c, s.conf)
			r, secure = bufio.NewReader(c), true
			say = func(line string) { _, _ = io.WriteString(c, line+"\r\n") }
		case "AUTH":
			say("235 welcome")
		case "DATA":
			say("354 go on")
			for line != ".\r\n" {
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
				all.WriteString(line)
			}
			if s.refuse {
				say("451 no room")
			} else {
				say("250 taken")
			}
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func TestMail(t *testing.T) {
	for name, c := range map[string]struct {
		server smtpServer
		mail   Mail
		says   string
	}{
		"STARTTLS":         {server: smtpServer{starttls: true}, mail: Mail{User: "u", Password: "p4ss"}},
		"TLS":              {server: smtpServer{implicit: true}, mail: Mail{TLS: true}},
		"plain":            {mail: Mail{Plain: true}},
		"no STARTTLS":      {says: "STARTTLS"},
		"refused":          {server: smtpServer{starttls: true, refuse: true}, says: "no room"},
		"password, no TLS": {mail: Mail{Plain: true, User: "u", Password: "p4ss"}, says: "never sent without TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSMTP(t, c.server)
			m := c.mail
			m.Server, m.From, m.To, m.Roots = s.addr, "dosebook@example.org", []string{"steward@example.org", "oncall@example.org"}, s.conf
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
			defer stop()
			err := m.Send(ctx, told)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "p4ss") {
					t.Errorf("%v, want %q", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := <-s.got
			for _, part := range []string{"MAIL FROM:<dosebook@example.org>", "RCPT TO:<steward@example.org>", "RCPT TO:<oncall@example.org>",
				"Subject: dosebook feed cair2 is late, 2022-03-13\r\n", "\r\nthe data of 2022-03-13 is not here\r\n", "Message-ID: <dosebook-notice-7-"} {
				if !strings.Contains(got, part) {
					t.Errorf("no %q in %q", part, got)
				}
			}
			if c.mail.User != "" && !strings.Contains(got, base64.StdEncoding.EncodeToString([]byte("\x00u\x00p4ss"))) {
				t.Error("no sign-in")
			}
		})
	}
	gone := newSMTP(t, smtpServer{})
	m := Mail{Server: gone.addr[:strings.LastIndexByte(gone.addr, ':')] + ":1", From: "a@example.org", To: []string{"b@example.org"}}
	if err := m.Send(t.Context(), told); !errors.Is(err, dose.ErrUpstream) {
		t.Error(err)
	}
	for _, bad := range []Mail{{Server: "mail"}, {Server: "mail:25"}, {Server: "m:25", From: "a@b", To: []string{"c@d\r\nRCPT TO:<e@f>"}}} {
		if err := bad.Check(); !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// A notice of access names no feed: neither does its subject, and its key is
// none of a feed's notice.
func TestNoticeWithoutFeed(t *testing.T) {
	n := Notice{ID: 7, Kind: "volume", Day: "2022-03-13", Says: "ana read much", Raised: told.Raised}
	text := string((&Mail{From: "a@b.example", To: []string{"c@d.example"}}).message(n))
	if n.key() == told.key() || n.subject() != "dosebook access: volume, 2022-03-13" || strings.Contains(text, "feed") || !strings.Contains(text, "ana read much") {
		t.Errorf("%s\n%s", n.key(), text)
	}
}
