package serve

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// problem is RFC 9457's problem detail.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// advice is what to do for the kinds whose errors do not say it themselves.
var advice = map[int]string{
	http.StatusUnauthorized:       "send a valid token in the header 'Authorization: Bearer dbk_…'; the data steward makes them with 'dosebook access token create'",
	http.StatusNotFound:           "there is nothing at this address; see / for the addresses there are",
	http.StatusServiceUnavailable: "not ready: there is no approved release to read yet, or the control database does not answer; the log says which",
	http.StatusMethodNotAllowed:   "this address does not answer this method; the header Allow names those it does",
}

const unreadable = "damaged file: what this answer is made of is missing or damaged, or was made by another version, so nothing was sent; " +
	"tell the data steward, who runs 'dosebook verify --deep' and builds the release anew; other pages and files are not touched by this"

const failed = "the server could not do this; nothing was sent. Try again, and if it happens again tell the data steward the time"

// newProblem says of err only what was written for the caller: the text of
// an error of known kind. All else stays in the log.
func newProblem(err error) problem {
	status := dose.Status(err)
	var at statusError
	damage := errors.As(err, new(fault)) // whatever else the error wraps
	switch {
	case errors.As(err, &at):
		status = at.status
	case damage:
		status = http.StatusConflict
	}
	p := problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: failed}
	switch {
	case damage:
		p.Detail = unreadable
	case status == http.StatusUnauthorized, errors.As(err, &at):
		p.Detail = advice[status]
	case status < 500 && !namesPath(err):
		p.Detail = err.Error()
		for _, kind := range []error{dose.ErrInvalid, dose.ErrDenied, dose.ErrNotFound, dose.ErrHeld, dose.ErrGone, dose.ErrTooMuch} {
			p.Detail = strings.TrimSuffix(p.Detail, ": "+kind.Error())
		}
	}
	return p
}

// namesPath says that a part of err is the system's, with a path of this
// machine in its text.
func namesPath(err error) bool {
	return errors.As(err, new(*fs.PathError)) || errors.As(err, new(*os.LinkError))
}

// ofSource says whose matter an error is that came up while something was made
// of a released file: the asker's where the question does not fit the file
// (release.FieldError), else it is no fault of the request.
func ofSource(err error) error {
	if dose.Status(err) == http.StatusBadRequest && !errors.As(err, new(release.FieldError)) {
		faulty(&err)
	}
	return err
}

// statusError is a refusal that has a status but no kind: 404 and 405 of the
// routes.
type statusError struct {
	status int
	allow  string
}

func (e statusError) Error() string { return http.StatusText(e.status) }

// render answers with the problem. Headers of the answer that failed go.
func render(w http.ResponseWriter, r *http.Request, err error) {
	p := newProblem(err)
	h := w.Header()
	for _, name := range []string{"Content-Disposition", "Content-Encoding", "Content-Length", "ETag", "Repr-Digest", "X-Dosebook-Rows", "Last-Modified"} {
		h.Del(name)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	switch p.Status {
	case http.StatusUnauthorized:
		challenge := `Bearer realm="dosebook"`
		if r.Header.Get("Authorization") != "" {
			challenge += `, error="invalid_token"`
		}
		h.Set("WWW-Authenticate", challenge)
	case http.StatusTooManyRequests:
		h.Set("Retry-After", "5")
	}
	var at statusError
	if errors.As(err, &at) && at.allow != "" {
		h.Set("Allow", at.allow)
	}
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_ = json.NewEncoder(w).Encode(p)
	}
}

// gone says that the client went away: no server's fault.
func gone(err error) bool { return errors.Is(err, context.Canceled) }
