package opendata

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// soda reads a table by SODA 2.x (dev.socrata.com): /api/views for columns and
// the time of the last change, /resource for the count and the rows in order
// of :id, which alone is stable from page to page ("Paging through data").
type soda struct {
	c  Config
	cl *client
}

type sodaColumn struct {
	FieldName string   `json:"fieldName"`
	Position  int      `json:"position"`
	Flags     []string `json:"flags"`
}

func (s *soda) head(ctx context.Context) (head, error) {
	var view struct {
		RowsUpdatedAt int64        `json:"rowsUpdatedAt"`
		Columns       []sodaColumn `json:"columns"`
	}
	if err := s.cl.json(ctx, "api/views/"+s.c.Dataset+".json", nil, &view); err != nil {
		return head{}, err
	}
	slices.SortStableFunc(view.Columns, func(a, b sodaColumn) int { return a.Position - b.Position })
	var names []string
	for _, col := range view.Columns {
		// A name with a colon is the portal's own: row ids, computed regions.
		if col.FieldName != "" && !strings.HasPrefix(col.FieldName, ":") && !slices.Contains(col.Flags, "hidden") {
			names = append(names, col.FieldName)
		}
	}
	if len(names) == 0 {
		return head{}, fmt.Errorf("the portal names no columns: is this a table? %w", dose.ErrInvalid)
	}
	h := head{columns: strings.Join(names, "\n")}
	if view.RowsUpdatedAt > 0 {
		h.stamp = time.Unix(view.RowsUpdatedAt, 0).UTC()
	}
	var err error
	h.count, err = s.count(ctx)
	return h, err
}

func (s *soda) count(ctx context.Context) (int64, error) {
	q := s.where(url.Values{"$select": {"count(*) AS n"}})
	var rows []map[string]json.RawMessage
	if err := s.cl.json(ctx, s.path(), q, &rows); err != nil {
		return 0, err
	}
	if len(rows) == 1 && len(rows[0]) == 1 {
		n, err := strconv.ParseInt(cell(rows[0]["n"]), 10, 64)
		if err == nil && n >= 0 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("the portal gives no count of the rows: %w", dose.ErrUpstream)
}

func (s *soda) path() string { return "resource/" + s.c.Dataset + ".json" }

func (s *soda) where(q url.Values) url.Values {
	if s.c.Where != "" {
		q.Set("$where", s.c.Where)
	}
	return q
}

func (s *soda) body(ctx context.Context, h head, to *csvFile) (int64, error) {
	names := h.names()
	fields := append([]string{":id"}, names...)
	for i, f := range fields[1:] {
		fields[i+1] = "`" + f + "`"
	}
	return pages(h.count, to, names, func(offset int64) ([]record, error) {
		var rows []record
		err := s.cl.json(ctx, s.path(), s.where(url.Values{
			"$select": {strings.Join(fields, ",")},
			"$order":  {":id"},
			"$limit":  {strconv.Itoa(s.c.page())},
			"$offset": {strconv.FormatInt(offset, 10)},
		}), &rows)
		return rows, err
	}, ":id")
}
