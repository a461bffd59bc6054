package fhirbulk

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// manifest is what the server says is there (Bulk Data guide 3.0.0, Output
// Manifest). Guide 4.0.0 renames error to outcome.
type manifest struct {
	TransactionTime string   `json:"transactionTime"`
	RequiresToken   bool     `json:"requiresAccessToken"`
	Output          []output `json:"output"`
	Deleted         []output `json:"deleted"`
	Error           []output `json:"error"`
	Outcome         []output `json:"outcome"`
	Link            []link   `json:"link"`
}

type output struct {
	Type  string `json:"type"`
	URL   string `json:"url"`
	Count *int64 `json:"count"`
}

type link struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

// kind of a file: what it is to us.
type kind string

const (
	kindOutput  kind = "output"
	kindDeleted kind = "deleted"
	kindError   kind = "error"
)

// file is one file of an export.
type file struct {
	Kind  kind   `json:"kind"`
	Type  string `json:"type"`
	URL   string `json:"url"`
	Count *int64 `json:"count,omitempty"`
}

// page is one manifest as kept: an export without partial manifests has one.
type page struct {
	Time    string    `json:"time"` // transactionTime as the server writes it
	Token   bool      `json:"token,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Next    string    `json:"next,omitempty"`
	Final   bool      `json:"final,omitempty"` // nothing can be added any more
	Files   []file    `json:"files"`

	address string
}

// readPage checks a manifest and makes a page of it. complete says that the
// server has finished the export.
func readPage(b []byte, h http.Header, complete bool) (page, error) {
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return page{}, fmt.Errorf("the manifest is no JSON: %w", dose.ErrInvalid)
		}
		return page{}, fmt.Errorf("the manifest has fields of a wrong type: %w", dose.ErrInvalid)
	}
	if _, err := instant(m.TransactionTime); err != nil {
		return page{}, err
	}
	p := page{Time: m.TransactionTime, Token: m.RequiresToken}
	if at, err := http.ParseTime(h.Get("Expires")); err == nil {
		p.Expires = at
	}
	for _, l := range m.Link {
		if l.Relation == "next" {
			p.Next = l.URL
		}
	}
	p.Final = complete && p.Next == ""
	for _, list := range []struct {
		kind  kind
		files []output
	}{{kindOutput, m.Output}, {kindDeleted, m.Deleted}, {kindError, m.Error}, {kindError, m.Outcome}} {
		for _, o := range list.files {
			if o.URL == "" || list.kind == kindOutput && o.Type != "" && !typeName(o.Type) {
				return page{}, fmt.Errorf("the manifest lists a file without a usable url or type: %w", dose.ErrInvalid)
			}
			if o.Count != nil && *o.Count < 0 {
				return page{}, fmt.Errorf("the manifest counts less than nothing: %w", dose.ErrInvalid)
			}
			p.Files = append(p.Files, file{list.kind, o.Type, o.URL, o.Count})
		}
	}
	return p, nil
}

// instant reads a FHIR instant. It must be there: without it the next run
// would not know where this one ended.
func instant(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, fmt.Errorf("the manifest has no transactionTime: %w", dose.ErrInvalid)
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, fmt.Errorf("the manifest's transactionTime is no instant: %w", dose.ErrInvalid)
	}
	return t, nil
}

// same says whether q is p asked for again. A page is frozen once it was
// given; only its link may come later, and addresses may be renewed (Bulk Data
// guide 3.0.0, In-Progress Status).
func (p page) same(q page) bool {
	return p.Time == q.Time && p.Token == q.Token && (p.Next == "" || q.Next != "") &&
		slices.EqualFunc(p.Files, q.Files, func(a, b file) bool {
			return a.Kind == b.Kind && a.Type == b.Type && (a.Count == nil) == (b.Count == nil) && (a.Count == nil || *a.Count == *b.Count)
		})
}

// equal says whether q is p to the letter.
func (p page) equal(q page) bool {
	return p.same(q) && p.Next == q.Next && p.Final == q.Final &&
		slices.EqualFunc(p.Files, q.Files, func(a, b file) bool { return a.URL == b.URL })
}

// rank orders types in the payload: what an Immunization refers to stands
// before it, and deletions stand at the end.
func (f file) rank() int {
	switch {
	case f.Kind == kindDeleted:
		return 5
	case f.Type == immunization:
		return 4
	}
	if i := slices.Index([]string{"Patient", "Location", "Organization"}, f.Type); i >= 0 {
		return i
	}
	return 3
}

func byRank(a, b file) int {
	return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Type, b.Type))
}
