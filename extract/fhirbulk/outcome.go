package fhirbulk

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// refusal is an answer of the server that is none: its status and what its
// OperationOutcome says in codes. Free text is left out: it may name people.
type refusal struct {
	what, url string
	status    int
	issue     issue
	kind      error
}

func (e *refusal) Error() string {
	text := fmt.Sprintf("%s: %s answered %d", e.what, e.url, e.status)
	if e.issue.Severity != "" || e.issue.Code != "" {
		text += " (" + e.issue.String() + ")"
	}
	if e.status == http.StatusMethodNotAllowed {
		text += ": the server may want the other of kickoff get and post"
	}
	return text + ": " + e.kind.Error()
}

func (e *refusal) Unwrap() error { return e.kind }

// refuse reads the rest of an answer that can't be used and says so. The kind
// follows the status: 401 and 403 are denied, other 4xx are what the server
// says, the rest may pass.
func (r *reply) refuse() error {
	defer r.Body.Close()
	e := &refusal{what: r.call.what, url: redacted(r.call.url), status: r.StatusCode, kind: dose.ErrUpstream}
	switch {
	case r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden:
		e.kind = dose.ErrDenied
	case passing(r.StatusCode):
	case r.StatusCode < 500:
		e.kind = dose.ErrInvalid
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxOutcome))
	if err == nil {
		e.issue = outcome(b)
	}
	if e.issue.transient() {
		e.kind = dose.ErrUpstream
	}
	return e
}

// issue is one finding of an OperationOutcome, codes only.
type issue struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
}

func (i issue) String() string { return i.Severity + "/" + i.Code }

// transient: "the system may be able to process the request later" (FHIR R4,
// issue-type, transient and below).
func (i issue) transient() bool {
	switch i.Code {
	case "transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled":
		return true
	}
	return false
}

// failed says whether the finding means that something is missing.
func (i issue) failed() bool { return i.Severity != "warning" && i.Severity != "information" }

// code returns s if it is a code, so that nothing else reaches an error text.
func code(s string) string {
	if len(s) > 32 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return "unreadable"
	}
	return s
}

func issuesOf(b []byte) ([]issue, error) {
	var o struct {
		ResourceType string  `json:"resourceType"`
		Issue        []issue `json:"issue"`
	}
	if err := json.Unmarshal(b, &o); err != nil || o.ResourceType != "OperationOutcome" {
		return nil, errors.New("no OperationOutcome")
	}
	for i, x := range o.Issue {
		o.Issue[i] = issue{code(x.Severity), code(x.Code)}
	}
	return o.Issue, nil
}

// outcome returns the first finding of an answer, or none.
func outcome(b []byte) issue {
	issues, err := issuesOf(b)
	if err != nil || len(issues) == 0 {
		return issue{}
	}
	return issues[0]
}

// findings counts what error files say.
type findings struct {
	failed, other int
	first         issue // the first that failed
}

// add reads one error file: NDJSON of OperationOutcome. A line that is none
// counts as failed: what can't be read can't be called harmless.
func (f *findings) add(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxOutcome)
	for lines.Scan() {
		b := lines.Bytes()
		if len(strings.TrimSpace(string(b))) == 0 {
			continue
		}
		issues, err := issuesOf(b)
		if err != nil || len(issues) == 0 {
			issues = []issue{{"unreadable", "unreadable"}}
		}
		for _, i := range issues {
			if !i.failed() {
				f.other++
				continue
			}
			if f.failed++; f.failed == 1 {
				f.first = i
			}
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("error file: a line is longer than %d bytes: %w", maxOutcome, dose.ErrUpstream)
	}
	return lines.Err()
}
