package serve

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// maxForm bounds a form's bytes.
const maxForm = 32 << 10

// formToken is what a page's forms carry, so that a form can only come from a
// page that this session or token was shown (CSRF: OWASP ASVS 4.0 §4.2.2). It
// follows from the secret that the browser sends by itself and no other page
// can read, so that it needs no store and outlives a restart.
func (s *server) formToken(r *http.Request) string {
	secret := bearer(r)
	if secret == "" && s.signer != nil {
		secret = s.signer.cookie(r, sessionCookie)
	}
	if secret == "" {
		return ""
	}
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte("dosebook form 1"))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// form reads a posted form and refuses one that is from no page of this
// session. A session's must come from our origin besides (sameSite).
func (s *server) form(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, fmt.Errorf("the form can't be read: %w", dose.ErrInvalid)
	}
	want, got := s.formToken(r), r.PostForm.Get("form")
	if want == "" || !hmac.Equal([]byte(want), []byte(got)) {
		return nil, fmt.Errorf("this form is from no page that was shown to you; open the page again, and send it from there: %w", dose.ErrDenied)
	}
	return r.PostForm, nil
}

// number reads an id or a count of a form.
func formNumber(v url.Values, name string) (int64, error) {
	n, err := strconv.ParseInt(v.Get(name), 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s is a number: %w", name, dose.ErrInvalid)
	}
	return n, nil
}

// formDay reads a last day, which counts to its end; zero when it is empty.
func formDay(v url.Values, name string) (time.Time, error) {
	text := v.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s is a day, YYYY-MM-DD: %w", name, dose.ErrInvalid)
	}
	return day.AddDate(0, 0, 1), nil
}

// backFrom is the page that a refused form or page was reached from.
func backFrom(r *http.Request) string {
	switch {
	case strings.HasPrefix(r.URL.Path, "/access/"):
		return "/access"
	case strings.HasPrefix(r.URL.Path, "/releases/") && r.Method == http.MethodPost:
		return "/releases/" + url.PathEscape(r.PathValue("release"))
	}
	return ""
}
