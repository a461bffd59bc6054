package fhirbulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// param is one parameter of a kick-off, with its type in a POST body.
type param struct{ name, kind, value string }

func (r *run) params(w wish) []param {
	p := []param{{"_outputFormat", "valueString", "application/fhir+ndjson"}}
	if w.since != "" {
		p = append(p, param{"_since", "valueInstant", w.since})
	}
	p = append(p, param{"_type", "valueString", strings.Join(w.types, ",")})
	for _, f := range r.config.TypeFilter {
		for _, t := range w.types {
			if strings.HasPrefix(f, t+"?") {
				p = append(p, param{"_typeFilter", "valueString", f})
			}
		}
	}
	if r.config.Partial {
		p = append(p, param{"allowPartialManifests", "valueBoolean", "true"})
	}
	return p
}

// kickoff asks for an export and returns its status address (Bulk Data guide
// 3.0.0, Kick-off Request).
func (r *run) kickoff(ctx context.Context, w wish) (string, error) {
	path := map[string]string{"patient": "/Patient/$export", "system": "/$export", "group": "/Group/" + url.PathEscape(r.config.Group) + "/$export"}[r.config.Level]
	k := call{what: "kick-off", method: http.MethodGet, url: r.config.URL + path, token: atHome, within: r.config.PollMax,
		header: http.Header{"Accept": {"application/fhir+json"}, "Prefer": {"respond-async"}}}
	if err := k.fill(r.config.Kickoff, r.params(w)); err != nil {
		return "", err
	}
	resp, err := r.client.do(ctx, k)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusAccepted {
		return "", resp.refuse()
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxOutcome)
	_ = resp.Body.Close()
	status, err := resolve(k.url, resp.Header.Get("Content-Location"))
	if err != nil {
		return "", fmt.Errorf("kick-off: %s names no status address: %w", redacted(k.url), dose.ErrInvalid)
	}
	r.client.log.Info("export begun", "types", strings.Join(w.types, ","), "since", w.since, "status", redacted(status))
	return status, r.client.mayReach(status)
}

// fill puts the parameters into the query or into a Parameters resource.
func (k *call) fill(how string, params []param) error {
	if how == "get" {
		q := url.Values{}
		for _, p := range params {
			q.Add(p.name, p.value)
		}
		k.url += "?" + q.Encode()
		return nil
	}
	list := make([]map[string]any, len(params))
	for i, p := range params {
		var v any = p.value
		if p.kind == "valueBoolean" {
			v = p.value == "true"
		}
		list[i] = map[string]any{"name": p.name, p.kind: v}
	}
	b, err := json.Marshal(map[string]any{"resourceType": "Parameters", "parameter": list})
	k.method, k.body = http.MethodPost, b
	k.header.Set("Content-Type", "application/fhir+json")
	return err
}

// resolve reads an address that may be relative to the one it came from.
func resolve(base, ref string) (string, error) {
	b, err := url.Parse(base)
	if err != nil || ref == "" {
		return "", errors.New("no address")
	}
	u, err := b.Parse(ref)
	if err != nil {
		return "", errors.New("no address")
	}
	return u.String(), nil
}

// pages polls the status address until the last page of the manifest is known
// (Bulk Data guide 3.0.0, Status Request). Nothing is fetched yet: a page
// that changes would make it worthless.
func (r *run) pages(ctx context.Context, e *export) error {
	address := e.Status
	e.pages = nil
	for try := 1; ; try++ {
		p, wait, err := r.ask(ctx, e, address, try)
		if err != nil {
			return err
		}
		if p != nil {
			if err := r.turn(e, address, *p, try > 1); err != nil {
				return err
			}
			if p.Final {
				e.known = nil
				return nil
			}
			if p.Next != "" {
				if address, err = resolve(address, p.Next); err != nil {
					return spoiled{fmt.Errorf("the manifest's next link is no address: %w", dose.ErrInvalid)}
				}
				try = 0
				continue
			}
		}
		if r.client.now().Sub(e.Begun) > r.config.PollMax {
			return spoiled{fmt.Errorf("the export is not finished after %s (poll_max): %w", r.config.PollMax, dose.ErrUpstream)}
		}
		if err := r.client.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// turn keeps a page: a new one, or the last one as it is now, which must still
// be what it was.
func (r *run) turn(e *export, address string, p page, seen bool) error {
	at := len(e.pages)
	if n := len(e.pages); seen && n > 0 && e.pages[n-1].address == address {
		at = n - 1
	}
	p.address = address
	var before *page
	switch {
	case at < len(e.pages):
		before = &e.pages[at]
	case at < len(e.known):
		before = &e.known[at]
	}
	if before != nil && !before.same(p) {
		return spoiled{fmt.Errorf("page %d of the manifest changed after it was given: %w", at+1, dose.ErrUpstream)}
	}
	if len(e.pages) > 0 && e.pages[0].Time != p.Time {
		return spoiled{fmt.Errorf("the pages of the manifest have different transactionTimes: %w", dose.ErrInvalid)}
	}
	if at >= 10_000 {
		return spoiled{fmt.Errorf("the manifest has more than 10,000 pages: %w", dose.ErrInvalid)}
	}
	known := before != nil && before.equal(p)
	e.pages = append(e.pages[:at], p)
	if known { // it stands in the journal
		return nil
	}
	return r.folder.note(entry{Export: e.Number, Page: &p, At: at})
}

// ask polls once. Without a page it says how long to wait.
func (r *run) ask(ctx context.Context, e *export, address string, try int) (*page, time.Duration, error) {
	resp, b, err := r.client.read(ctx, call{what: "status", method: http.MethodGet, url: address, token: atHome, header: accept("application/json")}, maxManifest)
	if err != nil {
		return nil, 0, r.failing(e, err)
	}
	status := resp.StatusCode
	// With separate-export-status the job's status stands in a header. We
	// never ask for it, but a server may always answer so.
	if first, _, _ := strings.Cut(resp.Header.Get("X-Export-Status"), " "); status == http.StatusOK && first != "" {
		if n, err := strconv.Atoi(first); err == nil {
			status = n
		}
	}
	wait, ok := retryAfter(resp.Header, r.client.now())
	if !ok {
		wait = backoff(try)
	}
	switch {
	case status == http.StatusNotFound || status == http.StatusGone:
		_ = resp.Body.Close()
		return nil, 0, errExpired
	case status >= 400 && resp.StatusCode == http.StatusOK:
		return nil, 0, spoiled{fmt.Errorf("the export failed at the server (%d, %s): %w", status, outcome(b), dose.ErrUpstream)}
	case status >= 400:
		return nil, 0, r.failing(e, resp.refuse())
	case status == http.StatusAccepted && !(r.config.Partial && hasManifest(b)):
		r.client.log.Debug("export in progress", "wait", wait)
		return nil, wait, nil
	}
	p, err := readPage(b, resp.Header, status == http.StatusOK)
	if err != nil {
		return nil, 0, spoiled{fmt.Errorf("%s: %w", redacted(address), err)}
	}
	return &p, wait, nil
}

// failing decides what a refused status request means. With a finding that is
// not transient the export has failed; else it may be the road to it, and the
// next run asks again, a few times.
func (r *run) failing(e *export, err error) error {
	var no *refusal
	if !errors.As(err, &no) {
		return err
	}
	if no.kind == dose.ErrDenied {
		return err
	}
	e.Failed++
	if e.Failed >= 3 || no.issue.Severity != "" && !no.issue.transient() {
		return spoiled{err}
	}
	return errors.Join(err, r.folder.save(r.state))
}

// hasManifest tells a manifest in a 202 from an OperationOutcome or a text.
func hasManifest(b []byte) bool {
	var m manifest
	return json.Unmarshal(b, &m) == nil && m.TransactionTime != ""
}
