package opendata

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// ckan reads a resource by CKAN's action API 3: package_show for the resource,
// then its rows from the datastore in order of _id, or its file.
type ckan struct {
	c  Config
	cl *client
}

// resource is what package_show says of one.
type resource struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Format       string `json:"format"`
	URL          string `json:"url"`
	LastModified string `json:"last_modified"`
	Datastore    bool   `json:"datastore_active"`
}

// action asks for one of CKAN's actions.
func (k *ckan) action(ctx context.Context, name string, q url.Values, result any) error {
	says := struct {
		Success bool `json:"success"`
		Result  any  `json:"result"`
	}{Result: result}
	if err := k.cl.json(ctx, "api/3/action/"+name, q, &says); err != nil {
		return err
	}
	if !says.Success {
		return fmt.Errorf("the portal says that %s failed: %w", name, dose.ErrUpstream)
	}
	return nil
}

func (k *ckan) resource(ctx context.Context) (resource, error) {
	var p struct {
		Resources []resource `json:"resources"`
	}
	if err := k.action(ctx, "package_show", url.Values{"id": {k.c.Dataset}}, &p); err != nil {
		return resource{}, err
	}
	var fit []resource
	var names []string
	for _, r := range p.Resources {
		names = append(names, r.Name)
		named := k.c.Resource != "" && (r.ID == k.c.Resource || r.Name == k.c.Resource)
		if named || k.c.Resource == "" && strings.EqualFold(r.Format, "csv") {
			fit = append(fit, r)
		}
	}
	if len(fit) != 1 {
		return resource{}, fmt.Errorf("the package has %d resources, and %d fit: name one by resource: its id, or one of %q: %w", len(names), len(fit), names, dose.ErrInvalid)
	}
	return fit[0], nil
}

// rows reports whether r is read from the datastore.
func (k *ckan) rows(r resource) (bool, error) {
	if (k.c.Via == "rows" || len(k.c.Filters) > 0) && !r.Datastore {
		return false, fmt.Errorf("the resource has no datastore: leave out via and filters: %w", dose.ErrInvalid)
	}
	return r.Datastore && k.c.Via != "file", nil
}

func (k *ckan) head(ctx context.Context) (head, error) {
	r, err := k.resource(ctx)
	if err != nil {
		return head{}, err
	}
	byRows, err := k.rows(r)
	if err != nil {
		return head{}, err
	}
	h := head{stamp: modified(r.LastModified), count: -1, id: r.ID}
	if !byRows {
		h.url = r.URL
	}
	if r.Datastore {
		s, err := k.search(ctx, r.ID, 0, 0)
		if err != nil {
			return head{}, err
		}
		h.count = *s.Total
		if byRows {
			h.columns = s.names()
		}
	}
	return h, nil
}

// modified reads CKAN's time, which is UTC without saying so.
func modified(s string) time.Time {
	t, err := time.Parse("2006-01-02T15:04:05", s) // fractions are accepted
	if err != nil {
		return time.Time{}
	}
	return t
}

// searched is the answer of datastore_search.
type searched struct {
	Fields []struct {
		ID string `json:"id"`
	} `json:"fields"`
	Records   []record `json:"records"`
	Total     *int64   `json:"total"`
	Estimated bool     `json:"total_was_estimated"`
}

func (s *searched) names() string {
	var out []string
	for _, f := range s.Fields {
		if f.ID != "_id" {
			out = append(out, f.ID)
		}
	}
	return strings.Join(out, "\n")
}

// search asks for limit rows from offset on. The limit may be the server's
// instead (ckan.datastore.search.rows_max), so what comes is counted.
func (k *ckan) search(ctx context.Context, id string, limit int, offset int64) (*searched, error) {
	q := url.Values{"resource_id": {id}, "limit": {strconv.Itoa(limit)}, "offset": {strconv.FormatInt(offset, 10)},
		"sort": {"_id asc"}, "include_total": {"true"}}
	if len(k.c.Filters) > 0 {
		text, err := json.Marshal(k.c.Filters)
		if err != nil {
			return nil, err
		}
		q.Set("filters", string(text))
	}
	var s searched
	if err := k.action(ctx, "datastore_search", q, &s); err != nil {
		return nil, err
	}
	if s.Total == nil || s.Estimated || *s.Total < 0 || len(s.Fields) == 0 {
		return nil, fmt.Errorf("the datastore gives no exact count of the rows, or no columns: %w", dose.ErrUpstream)
	}
	return &s, nil
}

func (k *ckan) body(ctx context.Context, h head, to *csvFile) (int64, error) {
	if h.url != "" {
		return k.file(ctx, h, to)
	}
	return pages(h.count, to, h.names(), func(offset int64) ([]record, error) {
		s, err := k.search(ctx, h.id, k.c.page(), offset)
		if err != nil {
			return nil, err
		}
		if *s.Total != h.count || s.names() != h.columns {
			return nil, &changed{fmt.Sprintf("the table changed while it was read: it had %d rows and has %d, or its columns are others", h.count, *s.Total)}
		}
		return s.Records, nil
	}, "_id")
}

// file downloads the resource as it stands. Every row must have as many cells
// as the header, and the transfer must have an end of its own: a length, a
// last chunk or an end of stream.
func (k *ckan) file(ctx context.Context, h head, to *csvFile) (int64, error) {
	u, err := k.cl.base.Parse(h.url)
	if err != nil || !k.cl.allowed(u) {
		return 0, fmt.Errorf("the portal gives no https address for the file: %w", dose.ErrUpstream)
	}
	var rows int64
	err = k.cl.get(ctx, u, func(r *http.Response) error {
		open := r.ContentLength < 0 && len(r.TransferEncoding) == 0 && r.ProtoMajor == 1 && !r.Uncompressed
		if open && h.count < 0 {
			return final{fmt.Errorf("neither the portal's count nor the transfer's length tells whether the file is whole: %w", dose.ErrUpstream)}
		}
		if err := to.reset(); err != nil {
			return final{err}
		}
		rows, err = to.copy(r.Body)
		return err
	})
	return rows, err
}
