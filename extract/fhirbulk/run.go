package fhirbulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/extract"
)

// run is one Fetch.
type run struct {
	*Source
	folder *folder
	state  *state
	etags  map[string]string // of files that are on their way, by path
	last   mark
	notes  findings
}

// wish is one export that a run asks for.
type wish struct {
	types       []string
	since       string
	deletedOnly bool // of this export only the deletions are wanted
}

// wishes says which exports make this run, in order. The Immunizations come
// first: whoever they refer to is then in the second export, which sees a
// later state.
func (r *run) wishes() []wish {
	all, others := r.config.Types, slices.DeleteFunc(slices.Clone(r.config.Types), func(t string) bool { return t == immunization })
	changed := wish{types: []string{immunization}, since: r.last.Time}
	switch {
	case r.last.Time == "":
		return []wish{{types: all}}
	case r.fullDue(): // without _since the server tells no deletions
		changed.deletedOnly = true
		return []wish{changed, {types: all}}
	case r.config.Patients == "since":
		return []wish{{types: all, since: r.last.Time}}
	case len(others) == 0:
		return []wish{changed}
	}
	return []wish{changed, {types: others}}
}

// fullDue says whether everything is to be asked for again. A run that has
// begun keeps to what it was begun for.
func (r *run) fullDue() bool { return r.state.Full }

// begin takes up what is in the folder, or starts anew.
func (r *run) begin(ctx context.Context, last string) error {
	var err error
	if r.state, r.etags, err = r.folder.load(); err != nil {
		return err
	}
	switch {
	case r.state == nil:
		if err := r.folder.clear(); err != nil {
			return err
		}
		r.tidy(ctx)
	case r.state.Config != r.asks || r.state.Mark != last || !r.intact():
		if err := r.abandon(ctx); err != nil {
			return err
		}
	default:
		r.tidy(ctx)
		return nil
	}
	r.state, r.etags = r.fresh(last, 1), map[string]string{}
	return r.folder.save(r.state)
}

func (r *run) fresh(last string, next int) *state {
	full := r.last.Time != "" && r.config.FullEvery > 0 && !r.client.now().Before(r.last.Full.Add(r.config.FullEvery))
	return &state{Config: r.asks, Mark: last, Next: next, Full: full}
}

// intact says whether a finished payload is still what it was.
func (r *run) intact() bool {
	res := r.state.Result
	if res == nil || res.Payload == "" {
		return true
	}
	size, sum, err := durable.Hash(r.folder.path(res.Payload))
	return err == nil && size == res.Size && sum == res.SHA256
}

// again forgets the exports, so that they are asked for anew. Their numbers
// are not used again: what still lies there can't be mistaken.
func (r *run) again(ctx context.Context, last string) error {
	next := r.state.Next
	if err := r.abandon(ctx); err != nil {
		return err
	}
	r.state, r.etags, r.notes = r.fresh(last, next), map[string]string{}, findings{}
	return r.folder.save(r.state)
}

// fetch goes through the exports and makes the payload.
func (r *run) fetch(ctx context.Context) error {
	var parts []part
	wishes := r.wishes()
	for i, w := range wishes {
		if err := r.export(ctx, i, w); err != nil {
			return err
		}
		own := r.parts(r.state.Exports[i], w)
		parts = append(parts, own...)
		if i == 0 && !r.state.Full && countLines(own, true) == 0 {
			parts = nil // patients alone make no record
			break
		}
	}
	return r.finish(ctx, parts)
}

// export brings one export into the folder: begun, its pages known, its files
// there.
func (r *run) export(ctx context.Context, i int, w wish) error {
	if len(r.state.Exports) <= i {
		status, err := r.kickoff(ctx, w)
		if err != nil {
			return err
		}
		// A kill before this line leaves an export at the server that nobody
		// knows: it expires there.
		r.state.Exports = append(r.state.Exports, &export{Number: r.state.Next, Types: w.types, Since: w.since, Status: status,
			Begun: r.client.now(), got: map[int]arrived{}})
		r.state.Next++
		if err := r.folder.save(r.state); err != nil {
			return err
		}
	}
	e := r.state.Exports[i]
	if !e.complete() {
		if err := r.pages(ctx, e); err != nil {
			return err
		}
	}
	if err := r.checkTime(i); err != nil {
		return err
	}
	if err := r.files(ctx, e, func(f file) bool { return f.Kind == kindError }); err != nil {
		return err
	}
	if err := r.checkErrors(e); err != nil {
		return err
	}
	return r.files(ctx, e, w.wants)
}

// wants says which files of the export the payload needs.
func (w wish) wants(f file) bool {
	return f.Kind == kindDeleted || f.Kind == kindOutput && !w.deletedOnly
}

// checkTime refuses an export that is older than the last one: its changes
// would be taken for newer than they are.
func (r *run) checkTime(i int) error {
	at, err := instant(r.state.Exports[i].pages[0].Time)
	if err != nil {
		return spoiled{err}
	}
	before := r.last.Time
	if i > 0 {
		before = r.state.Exports[i-1].pages[0].Time
	}
	if before == "" {
		return nil
	}
	if t, err := instant(before); err == nil && at.Before(t) {
		return spoiled{fmt.Errorf("transactionTime went back: the export's is %s, the one before had %s: %w", at.UTC().Format(time.RFC3339), t.UTC().Format(time.RFC3339), dose.ErrInvalid)}
	}
	return nil
}

// checkErrors reads the error files. Resources that the server could not give
// are missing, so the run fails; warnings are told.
func (r *run) checkErrors(e *export) error {
	var own findings
	for i, f := range e.files() {
		if f.Kind != kindError {
			continue
		}
		if err := readFile(r.folder.file(e, i), own.add); err != nil {
			return spoiled{fmt.Errorf("error file %d: %w", i+1, err)}
		}
	}
	if own.failed > 0 {
		return spoiled{fmt.Errorf("the export is incomplete: the server reports %d errors, the first %s: ask the registry: %w", own.failed, own.first, dose.ErrUpstream)}
	}
	r.notes.other += own.other
	return nil
}

// fetched is the result as the runner wants it.
func (r *run) fetched() extract.Fetched {
	res := r.state.Result
	f := extract.Fetched{Mark: res.Mark, Note: res.Note}
	if res.Payload != "" {
		f.Payloads = []extract.Payload{{Path: r.folder.path(res.Payload), Name: res.Payload, SourceTime: res.Time}}
	}
	return f
}

// pending is a status address that the server is still to be told of.
type pending struct {
	Status string `json:"status"`
	Tries  int    `json:"tries"`
}

const maxDeletes = 5

// abandon ends the run in the folder: the addresses are noted, then all else
// goes, then the server is told.
func (r *run) abandon(ctx context.Context) error {
	list, err := r.pending()
	if err != nil {
		return err
	}
	for _, e := range r.state.Exports {
		if !slices.ContainsFunc(list, func(p pending) bool { return p.Status == e.Status }) {
			list = append(list, pending{Status: e.Status})
		}
	}
	if err := r.keepPending(list); err != nil {
		return err
	}
	if err := r.folder.clear(); err != nil {
		return err
	}
	r.tidy(ctx)
	return nil
}

func (r *run) pending() (list []pending, _ error) {
	b, err := os.ReadFile(r.folder.path(cleanupName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	_ = json.Unmarshal(b, &list) // what can't be read expires at the server
	return list, err
}

func (r *run) keepPending(list []pending) error {
	path := r.folder.path(cleanupName)
	if len(list) == 0 {
		if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	b, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, b)
}

// tidy tells the server which exports are no longer needed (Bulk Data guide,
// Delete Request). What fails is tried again at the next run, a few times.
func (r *run) tidy(ctx context.Context) {
	list, err := r.pending()
	if err != nil || len(list) == 0 {
		return
	}
	var left []pending
	for _, p := range list {
		resp, err := r.client.do(ctx, call{what: "delete", method: http.MethodDelete, url: p.Status, token: atHome, within: 10 * time.Second,
			header: accept("application/fhir+json")})
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode < 300 || resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone {
				continue
			}
		}
		if p.Tries++; p.Tries < maxDeletes {
			left = append(left, p)
		}
		r.client.log.Info("an export could not be deleted at the server", "url", redacted(p.Status), "tries", p.Tries)
	}
	if err := r.keepPending(left); err != nil {
		r.client.log.Info("the list of exports to delete could not be written", "error", err)
	}
}
