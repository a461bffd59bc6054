package bulktest

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Store holds the registry's resources. The zero value is empty. It may be
// changed while a server runs: an export is of the moment of its kick-off.
type Store struct {
	mu        sync.RWMutex
	resources map[string][]resource // by type, in the order in which they came; without a line: gone
	places    map[string]int        // of Type/id in its list
	deleted   []resource            // Bundles
}

// resource is one line, and when it was last changed.
type resource struct {
	updated time.Time
	line    []byte
}

// Folder reads a folder of NDJSON files, *.ndjson, of any mix of types. A
// resource's time is its meta.lastUpdated; one without is as old as can be. A
// Bundle is a deletion: its entries name what is gone, its meta.lastUpdated
// since when.
func Folder(dir string) (*Store, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	if err != nil {
		return nil, err
	}
	s := &Store{}
	for _, p := range paths {
		if err := s.read(p); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(p), err)
		}
	}
	return s, nil
}

func (s *Store) read(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		if err := s.Put(lines.Text()); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return lines.Err()
}

// Put adds a resource, or replaces the one with its type and id. A Bundle is
// kept as a deletion, and what it names goes.
func (s *Store) Put(line string) error {
	var head struct {
		ResourceType string `json:"resourceType"`
		ID           string `json:"id"`
		Meta         struct {
			LastUpdated time.Time `json:"lastUpdated"`
		} `json:"meta"`
		Entry []struct {
			Request struct {
				URL string `json:"url"`
			} `json:"request"`
		} `json:"entry"`
	}
	if err := json.Unmarshal([]byte(line), &head); err != nil || head.ResourceType == "" {
		return errors.New("no FHIR resource")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resources == nil {
		s.resources, s.places = map[string][]resource{}, map[string]int{}
	}
	r := resource{head.Meta.LastUpdated, []byte(strings.TrimSpace(line))}
	if head.ResourceType == "Bundle" {
		s.deleted = append(s.deleted, r)
		for _, e := range head.Entry {
			typ, _, _ := strings.Cut(e.Request.URL, "/")
			if i, ok := s.places[e.Request.URL]; ok {
				s.resources[typ][i].line = nil
			}
		}
		return nil
	}
	list, name := s.resources[head.ResourceType], head.ResourceType+"/"+head.ID
	if i, ok := s.places[name]; ok && head.ID != "" {
		list[i] = r
		return nil
	}
	s.places[name] = len(list)
	s.resources[head.ResourceType] = append(list, r)
	return nil
}

// Delete removes a resource, such as Immunization/12, at a time.
func (s *Store) Delete(reference string, at time.Time) error {
	b, err := json.Marshal(map[string]any{"resourceType": "Bundle", "type": "transaction", "meta": map[string]any{"lastUpdated": at.UTC().Format(time.RFC3339Nano)},
		"entry": []any{map[string]any{"request": map[string]any{"method": "DELETE", "url": reference}}}})
	if err != nil {
		return err
	}
	return s.Put(string(b))
}

// types lists what the store holds, by name.
func (s *Store) types() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []string
	for t := range s.resources {
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}

// changed lists the resources of a type that were changed after since and not
// after until. Deletions are those of type Bundle.
func (s *Store) changed(typ string, since, until time.Time) [][]byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := s.resources[typ]
	if typ == "Bundle" {
		list = s.deleted
	}
	var out [][]byte
	for _, r := range list {
		if r.line != nil && (since.IsZero() || r.updated.After(since)) && !r.updated.After(until) {
			out = append(out, r.line)
		}
	}
	return out
}

// byDefault returns v, or fallback when v is its zero value.
func byDefault[T comparable](v, fallback T) T { return cmp.Or(v, fallback) }
