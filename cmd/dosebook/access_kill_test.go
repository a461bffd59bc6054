package main

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
)

// The server killed during downloads, again and again: no client ever got a
// byte of a file without an entry that is on the disk, and the chain is whole.
func TestKilledWhileServing(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d := copyOf(t, w)
	token, m := d.token(t, "epi@la.example", "06037", "epi"), d.latest(t)
	files := []string{"dose_event.parquet", "dose.parquet", "recipient.parquet", "dose.csv", "dose_event.csv.gz", "recipient.ndjson"}
	var mu sync.Mutex
	got, cut := map[string]int{}, 0
	for range size(5, 25, 200) {
		c := command(t.Context(), "serve", "--listen", "127.0.0.1:0", "--data", string(d))
		pipe, err := c.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		s := &server{}
		lines := bufio.NewScanner(pipe)
		for s.url == "" && lines.Scan() {
			_, s.url, _ = strings.Cut(lines.Text(), "listening on ")
		}
		go func() {
			for lines.Scan() { // so that the server never waits for its log
			}
		}()
		var clients sync.WaitGroup
		for n := range 4 {
			clients.Go(func() {
				for i := n; ; i++ {
					name := files[i%len(files)]
					a, err := s.ask("/api/v1/releases/"+m.ID+"/counties/06037/"+name, token, "")
					mu.Lock()
					if a.status == 200 && len(a.body) > 0 {
						got[name]++
					}
					if err != nil && len(a.body) > 0 {
						cut++
					}
					mu.Unlock()
					if err != nil {
						return
					}
				}
			})
		}
		time.Sleep(time.Duration(20+rand.IntN(150)) * time.Millisecond)
		_ = c.Process.Kill()
		clients.Wait()
		_ = c.Wait()
	}
	noted, ends := map[string]int{}, 0
	for line := range strings.Lines(d.ok(t, "audit", "export")) {
		var x struct{ Entry access.Entry }
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatal(err)
		}
		switch {
		case x.Entry.Action == "read" && x.Entry.Outcome == "allowed":
			noted[x.Entry.File]++
		case x.Entry.Action == "end":
			ends++
		}
	}
	total := 0
	for name, n := range got {
		if total += n; noted[name] < n {
			t.Errorf("%s: %d clients had bytes, %d entries", name, n, noted[name])
		}
	}
	if total == 0 {
		t.Error("nobody got a byte")
	}
	t.Logf("%d answers with bytes, %d of them cut; entries %v, %d ends", total, cut, noted, ends)
	d.ok(t, "audit", "verify")
}
