package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/drop"
	"github.com/dosebook/dosebook/extract/fhirbulk"
	"github.com/dosebook/dosebook/extract/fhirbulk/bulktest"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
	"github.com/dosebook/dosebook/synth"
)

// The demo's registries: one in each format, 15 in 100 persons known to two of
// them under other ids. The two agree on those, so that the truth can be met to
// the dose; docs/MATCHING.md measures harder overlaps.
var (
	demoFormats = map[string]string{"SDIR": synth.HL7, "RIDE": synth.FHIR}
	demoOverlap = synth.Overlap{Share: 0.15, Rekeyed: true, Formats: 0.3, Spared: true}
)

// demoLoad brings in each registry its own way. refused are the rejects of the
// two whose every file is read; the FHIR server tells only what is so today.
func (e *env) demoLoad(ctx context.Context, b *book, in string, truth *synth.Truth) (sum pipelines.Totals, refused int64, err error) {
	add := func(rep *pipelines.Report) {
		if rep != nil {
			sum.Add(rep.Totals)
		}
	}
	err = e.writing(ctx, "demo", b, func(w *duckdb.DB) error {
		rep, err := e.load(ctx, b, w, deliveries(in, truth)...)
		add(rep)
		return err
	})
	if err != nil && !errors.Is(err, dose.ErrRejects) {
		return sum, 0, err
	}
	feeds, err := e.feeds(b, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		return sum, 0, err
	}
	load := feeds.Load
	feeds.Load = func(ctx context.Context, feed string, reqs ...pipelines.Request) (*pipelines.Report, error) {
		rep, err := load(ctx, feed, reqs...)
		add(rep)
		return rep, err
	}
	list, end, err := demoFeeds(in, truth)
	if err != nil {
		return sum, 0, err
	}
	defer end()
	feeds.List = list
	if err := feeds.Open(ctx); err != nil {
		return sum, 0, err
	}
	for _, f := range feeds.List {
		if f.Name == "ride" {
			refused = sum.Rejects
		}
		if _, err := feeds.Run(ctx, f.Name); err != nil {
			return sum, 0, err
		}
	}
	return sum, refused, nil
}

// demoFeeds are the two registries that are not brought as files.
func demoFeeds(in string, truth *synth.Truth) (_ []pipelines.Feed, end func(), err error) {
	box, err := demoBox(filepath.Join(in, "SDIR"))
	if err != nil {
		return nil, nil, err
	}
	server, end, err := demoServer(filepath.Join(in, filepath.FromSlash(truth.Full["RIDE"])))
	if err != nil {
		return nil, nil, err
	}
	return []pipelines.Feed{
		{Name: "sdir", Registry: "SDIR", Format: "hl7v2", Action: "A", Limit: 1, Precision: "year", Kind: "folder", Source: box},
		{Name: "ride", Registry: "RIDE", Format: "fhir", Action: "A", Limit: 1, Precision: "year", Kind: "fhirbulk", Source: server},
	}, end, nil
}

// demoRejects counts what the files of CAIR2 and SDIR hold that must be refused.
func demoRejects(truth *synth.Truth) (n int64) {
	for _, f := range truth.Files {
		if f.Format != synth.FHIR && f.RepeatOf == "" {
			n += int64(f.Rejects)
		}
	}
	return n
}

// demoBox is a drop folder in which everything is ready.
func demoBox(dir string) (extract.Source, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, x := range entries {
		if strings.HasSuffix(x.Name(), ".hl7") {
			if err := os.WriteFile(filepath.Join(dir, x.Name()+".done"), nil, 0o600); err != nil {
				return nil, err
			}
		}
	}
	return drop.New(drop.Config{Folder: dir, Patterns: []string{"*.hl7"}, Ready: drop.Marked},
		drop.Options{Now: demoClock, Getenv: os.Getenv, Wait: pipelines.Sleep})
}

// demoClock stands still, so that an export says the same in each demo.
func demoClock() time.Time { return time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC) }

// demoServer is a FHIR server with the registry in dir, and the source that asks
// it, with a key of its own made for the occasion.
func demoServer(dir string) (_ extract.Source, end func(), err error) {
	store, err := bulktest.Folder(dir)
	if err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	private := jose.JSONWebKey{Key: key, KeyID: "demo", Algorithm: string(jose.ES384), Use: "sig"}
	text, err := private.MarshalJSON()
	if err != nil {
		return nil, nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	base := "http://" + listener.Addr().String()
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: bulktest.New(bulktest.Config{Base: base, Store: store, Now: demoClock, Gzip: true, FileLines: 20_000,
		Clients: map[string]jose.JSONWebKeySet{"dosebook": {Keys: []jose.JSONWebKey{private.Public()}}}})}
	go func() { _ = s.Serve(listener) }() // ends with Close
	source, err := fhirbulk.New(fhirbulk.Config{URL: base + "/fhir", Kickoff: "post", ClientID: "dosebook", KeyEnv: "DEMO_KEY", InsecureHTTP: true},
		fhirbulk.Options{Now: demoClock, Sleep: pipelines.Sleep, Getenv: func(string) string { return string(text) }})
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return source, func() { _ = s.Close() }, nil
}

// deliveries makes one request of each run of files of the same registry and
// action, in the order of delivery.
func deliveries(dir string, t *synth.Truth) []pipelines.Request {
	byPath := map[string]synth.File{}
	for _, f := range t.Files {
		byPath[f.Path] = f
	}
	action := map[string]string{"add": "A", "update": "U", "delete": "D", "A": "A", "U": "U", "D": "D"}
	var reqs []pipelines.Request
	for _, path := range t.Delivery {
		f := byPath[path]
		if f.Format != "" {
			continue // not CVRS: comes another way
		}
		last := len(reqs) - 1
		if last < 0 || reqs[last].Registry != f.Registry || reqs[last].Action != action[f.Action] {
			reqs = append(reqs, pipelines.Request{Registry: f.Registry, Format: "cvrs", Action: action[f.Action], Limit: 0.05})
			last++
		}
		reqs[last].Paths = append(reqs[last].Paths, filepath.Join(dir, filepath.FromSlash(path)))
	}
	return reqs
}
