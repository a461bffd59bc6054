package fhirbulk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/dosebook/dosebook/durable"
)

const (
	stateName   = "state.json"   // the run: what was asked, and where its status is
	journalName = "run.jsonl"    // what has come since: pages, files
	cleanupName = "cleanup.json" // status addresses still to be deleted
	filePrefix  = "file-"
	payloadName = "export-"
)

// state is what a restart needs to go on. The addresses in it may hold ids;
// the folder is the feed's alone.
type state struct {
	Config  string    `json:"config"` // fingerprint of what was asked
	Mark    string    `json:"mark"`
	Next    int       `json:"next"`           // number of the next export
	Full    bool      `json:"full,omitempty"` // everything is asked for again (Config.FullEvery)
	Exports []*export `json:"exports"`
	Result  *result   `json:"result,omitempty"`
}

// result is a finished Fetch.
type result struct {
	Payload string    `json:"payload,omitempty"` // base name; empty when nothing is new
	Size    int64     `json:"size,omitempty"`
	SHA256  string    `json:"sha256,omitempty"`
	Lines   int64     `json:"lines,omitempty"`
	Time    time.Time `json:"time"`
	Mark    string    `json:"mark"`
	Note    string    `json:"note"`
}

// export is one job at the server.
type export struct {
	Number int       `json:"number"`
	Types  []string  `json:"types"`
	Since  string    `json:"since,omitempty"`
	Status string    `json:"status,omitempty"` // empty until the server has accepted
	Begun  time.Time `json:"begun"`
	Failed int       `json:"failed,omitempty"` // runs that could not get its status

	pages []page
	known []page // as an earlier run saw them, to compare with
	got   map[int]arrived
}

// arrived is a file that lies in the folder, whole and checked.
type arrived struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Lines  int64  `json:"lines"`
}

// entry is one line of the journal.
type entry struct {
	Export  int      `json:"export"`
	Page    *page    `json:"page,omitempty"`
	At      int      `json:"at,omitempty"` // the page's place
	File    int      `json:"file,omitempty"`
	Arrived *arrived `json:"arrived,omitempty"`
	ETag    string   `json:"etag,omitempty"` // of the file that is on its way
}

// files lists the files of all pages, in the server's order. Pages repeat the
// error list, so an address counts once.
func (e *export) files() []file {
	var out []file
	seen := map[string]bool{}
	for _, p := range e.pages {
		for _, f := range p.Files {
			if f.Kind == kindError && seen[f.URL] {
				continue
			}
			seen[f.URL] = true
			out = append(out, f)
		}
	}
	return out
}

// complete says whether all pages are known.
func (e *export) complete() bool { return len(e.pages) > 0 && e.pages[len(e.pages)-1].Final }

// folder is dir: the state and the journal in it. Files are not synced one by
// one: after a power cut a file that is not what the journal says is fetched
// again.
type folder struct {
	dir string
	mu  sync.Mutex // of the journal: files arrive side by side
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f *folder) file(e *export, i int) string {
	return f.path(fmt.Sprintf("%s%d-%06d", filePrefix, e.Number, i))
}

// load reads the state and replays the journal. A state that can't be read is
// none: the run begins anew.
func (f *folder) load() (*state, map[string]string, error) {
	b, err := os.ReadFile(f.path(stateName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var s state
	if json.Unmarshal(b, &s) != nil {
		return nil, nil, nil
	}
	etags, err := f.replay(&s)
	return &s, etags, err
}

func (f *folder) replay(s *state) (map[string]string, error) {
	b, err := os.ReadFile(f.path(journalName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	etags := map[string]string{}
	byNumber := map[int]*export{}
	for _, e := range s.Exports {
		e.got = map[int]arrived{}
		byNumber[e.Number] = e
	}
	for line := range bytes.Lines(b) {
		var j entry
		if json.Unmarshal(line, &j) != nil { // a torn line: the kill's, and what it said is asked for again
			continue
		}
		e := byNumber[j.Export]
		switch {
		case e == nil:
		case j.Page != nil && j.At <= len(e.pages): // a page asked for again takes its old place
			e.pages = append(e.pages[:j.At], append([]page{*j.Page}, e.pages[min(j.At+1, len(e.pages)):]...)...)
		case j.Page != nil:
		case j.Arrived != nil:
			e.got[j.File] = *j.Arrived
		default:
			etags[f.file(e, j.File)] = j.ETag
		}
	}
	for _, e := range s.Exports {
		if !e.complete() { // what is known so far must be asked for again, and be the same
			e.known, e.pages = e.pages, nil
		}
	}
	return etags, nil
}

func (f *folder) save(s *state) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return durable.WriteFile(f.path(stateName), b)
}

// note appends to the journal. The line is written in one call.
func (f *folder) note(j entry) error {
	b, err := json.Marshal(j)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	w, err := os.OpenFile(f.path(journalName), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	// The line feed comes first too: a torn line before it ends there.
	_, err = w.Write(append(append([]byte("\n"), b...), '\n'))
	return errors.Join(err, w.Close())
}

// clear removes what this package has put into the folder, but for the list
// of addresses to be deleted.
func (f *folder) clear() error {
	if err := os.Remove(f.path(stateName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // the state goes first: what is left without it means nothing
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		n := e.Name()
		if n == journalName || strings.HasPrefix(n, filePrefix) || strings.HasPrefix(n, payloadName) || strings.HasPrefix(n, durable.Prefix) {
			err = errors.Join(err, os.RemoveAll(f.path(n)))
		}
	}
	return err
}
