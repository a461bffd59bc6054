package serve

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// metrics counts requests by route and status since the server's start. It
// knows routes as they are written in the code, never an address, a user or a
// value of a request: so nothing in it is about a person, and nobody outside
// can make it grow.
type metrics struct {
	mu      sync.Mutex
	running int
	of      map[series]*counted
}

type series struct {
	route  string
	status int
}

type counted struct {
	requests, bytes int64
	seconds         float64
}

func (m *metrics) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running++
}

func (m *metrics) end(route string, status int, bytes int64, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running--
	key := series{cmp.Or(route, "none"), status}
	c := m.of[key]
	if c == nil {
		c = new(counted)
		m.of[key] = c
	}
	c.requests++
	c.bytes += bytes
	c.seconds += took.Seconds()
}

// text is the exposition format of Prometheus, version 0.0.4.
func (m *metrics) text() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "# HELP dosebook_http_requests_running Requests being answered.\n# TYPE dosebook_http_requests_running gauge\ndosebook_http_requests_running %d\n", m.running)
	keys := slices.SortedFunc(maps.Keys(m.of), func(a, b series) int {
		return cmp.Or(strings.Compare(a.route, b.route), a.status-b.status)
	})
	for _, family := range []struct {
		name, help string
		value      func(*counted) any
	}{
		{"requests_total", "Requests answered.", func(c *counted) any { return c.requests }},
		{"response_bytes_total", "Bytes of answers.", func(c *counted) any { return c.bytes }},
		{"request_seconds_total", "Time spent on answers.", func(c *counted) any { return c.seconds }},
	} {
		fmt.Fprintf(&b, "# HELP dosebook_http_%s %s\n# TYPE dosebook_http_%[1]s counter\n", family.name, family.help)
		for _, k := range keys {
			fmt.Fprintf(&b, "dosebook_http_%s{route=%q,status=\"%d\"} %v\n", family.name, k.route, k.status, family.value(m.of[k]))
		}
	}
	return []byte(b.String())
}

func (s *server) showMetrics(w http.ResponseWriter, r *http.Request) error {
	return page(w, r, "text/plain; version=0.0.4; charset=utf-8", s.metrics.text())
}
