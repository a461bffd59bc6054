package pipelines

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/smtp"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Webhook posts notices as JSON. The field text alone is enough for chat
// services that take incoming webhooks.
type Webhook struct {
	URL    string // may be a secret: it stands in no error
	Token  string // sent as bearer; may be empty
	Client *http.Client
}

// Name implements Channel.
func (w *Webhook) Name() string { return "webhook" }

// Send implements Channel.
func (w *Webhook) Send(ctx context.Context, n Notice) error {
	n.Says = n.subject() + ": " + n.Says
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook: the address is none: %w", dose.ErrInvalid)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", n.key())
	if w.Token != "" {
		req.Header.Set("Authorization", "Bearer "+w.Token)
	}
	res, err := cmp.Or(w.Client, http.DefaultClient).Do(req)
	if where := (*url.Error)(nil); errors.As(err, &where) {
		err = where.Err
	}
	if err != nil {
		return fmt.Errorf("webhook: %w: %w", dose.ErrUpstream, err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection can be used again
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("webhook: answered %d: %w", res.StatusCode, dose.ErrUpstream)
	}
	return nil
}

// Mail sends notices by SMTP, never without TLS unless Plain says so.
type Mail struct {
	Server         string // host:port
	From           string
	To             []string
	User, Password string      // both empty: no sign-in
	TLS            bool        // TLS from the first byte, as on port 465; else STARTTLS
	Plain          bool        // no TLS: for a relay on the same machine
	Roots          *tls.Config // for tests; may be nil
}

// Check says what is wrong with the settings.
func (m *Mail) Check() error {
	host, port, err := net.SplitHostPort(m.Server)
	switch {
	case err != nil || host == "" || port == "":
		return fmt.Errorf("mail: server is host:port, such as mail.example.org:587: %w", dose.ErrInvalid)
	case m.From == "" || len(m.To) == 0:
		return fmt.Errorf("mail: from and to are needed: %w", dose.ErrInvalid)
	case strings.ContainsAny(m.From+strings.Join(m.To, ""), "\r\n"):
		return fmt.Errorf("mail: an address holds a line break: %w", dose.ErrInvalid)
	case m.Plain && m.User != "":
		return fmt.Errorf("mail: a password is never sent without TLS: %w", dose.ErrInvalid)
	}
	return nil
}

// Name implements Channel.
func (m *Mail) Name() string { return "mail" }

// Send implements Channel.
func (m *Mail) Send(ctx context.Context, n Notice) (err error) {
	defer func() {
		if err != nil && !errors.Is(err, dose.ErrInvalid) {
			err = fmt.Errorf("mail: %w: %w", dose.ErrUpstream, err)
		}
	}()
	if err := m.Check(); err != nil {
		return err
	}
	c, err := m.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if m.User != "" {
		host, _, _ := net.SplitHostPort(m.Server)
		if err := c.Auth(smtp.PlainAuth("", m.User, m.Password, host)); err != nil {
			return errors.New("the server refused the sign-in")
		}
	}
	if err := c.Mail(m.From); err != nil {
		return err
	}
	for _, to := range m.To {
		if err := c.Rcpt(to); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(m.message(n)); err != nil {
		return err
	}
	// The server's answer to the end of the data is what counts.
	if err := w.Close(); err != nil {
		return err
	}
	_ = c.Quit()
	return nil
}

func (m *Mail) dial(ctx context.Context) (*smtp.Client, error) {
	host, _, err := net.SplitHostPort(m.Server)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.Server)
	if err != nil {
		return nil, err
	}
	if end, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(end); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	conf := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if m.Roots != nil {
		conf.RootCAs = m.Roots.RootCAs
	}
	if m.TLS {
		conn = tls.Client(conn, conf)
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if m.TLS || m.Plain {
		return c, nil
	}
	err = errors.New("the server does not offer it")
	if ok, _ := c.Extension("STARTTLS"); ok {
		err = c.StartTLS(conf)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("STARTTLS: %w", err), c.Close())
	}
	return c, nil
}

func (m *Mail) message(n Notice) []byte {
	var b bytes.Buffer
	for _, h := range [][2]string{{"From", m.From}, {"To", strings.Join(m.To, ", ")},
		{"Subject", mime.QEncoding.Encode("utf-8", n.subject())}, {"Date", n.Raised.Format(time.RFC1123Z)},
		{"Message-ID", fmt.Sprintf("<%s-%d@%s>", n.key(), n.Raised.UnixMicro(), m.From[strings.LastIndexByte(m.From, '@')+1:])},
		{"MIME-Version", "1.0"}, {"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "8bit"}, {"Auto-Submitted", "auto-generated"}} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	fmt.Fprintf(&b, "\r\n%s\r\n", strings.NewReplacer("\r", " ", "\n", " ").Replace(n.Says))
	if n.Feed != "" {
		fmt.Fprintf(&b, "\r\n'dosebook feeds show %s' has the runs.\r\n", n.Feed)
	}
	return b.Bytes()
}

// key tells notices of feeds from those of access, which name no feed.
func (n Notice) key() string {
	if n.Feed == "" {
		return "dosebook-access-notice-" + strconv.FormatInt(n.ID, 10)
	}
	return "dosebook-notice-" + strconv.FormatInt(n.ID, 10)
}

// subject is a notice in one line.
func (n Notice) subject() string {
	if n.Feed == "" {
		return fmt.Sprintf("dosebook access: %s, %s", n.Kind, n.Day)
	}
	s := fmt.Sprintf("dosebook feed %s is %s, %s", n.Feed, n.Kind, n.Day)
	if !n.Cleared.IsZero() {
		s += " (over since)"
	}
	return s
}
