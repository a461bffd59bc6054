package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// moving is a server whose latest release changes all the time.
type moving struct {
	*world
	url   string
	ids   []string
	token string
	flips atomic.Int64
}

func newMoving(t *testing.T) *moving {
	m := &moving{world: newWorld(t), ids: []string{id}}
	m.cfg.Downloads, m.cfg.Limits = 64, Limits{PerSecond: 1e9, Burst: 1e9, DayBytes: 1 << 50}
	m.cfg.Log = nil
	m.h = New(m.cfg)
	for i := range 4 {
		next := fmt.Sprintf("%06d-%08x", 50+i, i)
		m.release(next, release.Ready, "06019")
		m.ids = append(m.ids, next)
	}
	m.token = m.user("epi", access.Epi, dose.Identified, "06019")
	l := listen(t)
	m.url = "http://" + l.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := Run(ctx, l, m.h); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		path := m.dir + "/releases/latest"
		for ctx.Err() == nil {
			next := m.ids[int(m.flips.Add(1))%len(m.ids)]
			if err := os.WriteFile(path+".next", []byte(next), 0o600); err == nil {
				_ = os.Rename(path+".next", path)
			}
			time.Sleep(2 * time.Millisecond)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return m
}

// fetch gets path; most bounds what is read of the body, -1 for all. It
// follows redirects, and says which release the file is of.
func (m *moving) fetch(path string, most int64, head ...string) (of string, status int, h http.Header, body []byte, err error) {
	r, err := http.NewRequest(http.MethodGet, m.url+path, nil)
	if err != nil {
		return "", 0, nil, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+m.token)
	for i := 0; i < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", 0, nil, nil, err
	}
	defer res.Body.Close()
	in := io.Reader(res.Body)
	if most >= 0 {
		in = io.LimitReader(res.Body, most)
	}
	body, err = io.ReadAll(in)
	return strings.Split(res.Request.URL.Path, "/")[4], res.StatusCode, res.Header, body, err
}

func many(t *testing.T, n int) int {
	if testing.Short() {
		return n / 20
	}
	if os.Getenv("DOSEBOOK_TEST_LONG") != "1" {
		return n / 15
	}
	return n
}

// TestDownloadsWhileReleasesChange: each of 10,000 is the file of one
// manifest, whichever release was the latest just then.
func TestDownloadsWhileReleasesChange(t *testing.T) {
	m := newMoving(t)
	hashes := map[string]string{}
	for _, rel := range m.ids {
		list, err := m.cfg.Releases.Manifest(rel)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list.Files {
			hashes[rel+"/"+f.Path] = f.SHA256
		}
	}
	var next atomic.Int64
	var seen sync.Map
	total := int64(many(t, 10_000))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for n := next.Add(1); n <= total; n = next.Add(1) {
				table := []string{"dose_event", "dose", "recipient"}[n%3]
				name := "counties/06019/" + table + ".parquet"
				of, status, _, body, err := m.fetch(base+"/latest/"+name, -1)
				sum := sha256.Sum256(body)
				if err != nil || status != 200 || hashes[of+"/"+name] != hex.EncodeToString(sum[:]) {
					t.Errorf("%s of %s: %d %v, not the manifest's", name, of, status, err)
					return
				}
				seen.Store(of, true)
			}
		})
	}
	wg.Wait()
	for _, rel := range m.ids {
		if _, ok := seen.Load(rel); !ok {
			t.Errorf("no download was of %s", rel)
		}
	}
	t.Logf("%d downloads, %d changes of release", total, m.flips.Load())
}

// TestCutDownloadsGoOn: a download that is cut anywhere goes on where it was,
// at the release's own address; at latest, If-Range gives the rest of the same
// file or the whole of the new one, never a mixture.
func TestCutDownloadsGoOn(t *testing.T) {
	m := newMoving(t)
	var whole, rest atomic.Int64
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for range many(t, 1000) / 8 {
				format := []string{"parquet", "csv", "csv.gz"}[r.IntN(3)]
				name := "/counties/06019/dose." + format
				want := func(of string) []byte {
					b := content(of, "06019", "dose")
					if format != "parquet" {
						b = append([]byte(format+" of "), b...)
					}
					return b
				}
				of, status, h, first, err := m.fetch(base+"/latest"+name, r.Int64N(250))
				if err != nil || status != 200 {
					t.Errorf("%s: %d %v", name, status, err)
					return
				}
				ranged := fmt.Sprintf("bytes=%d-", len(first))
				_, status, _, more, err := m.fetch(base+"/"+of+name, -1, "Range", ranged, "If-Range", h.Get("ETag"))
				if err != nil || status != 206 || !bytes.Equal(append(bytes.Clone(first), more...), want(of)) {
					t.Errorf("%s of %s goes on from %d: %d %v", name, of, len(first), status, err)
				}
				now, status, _, more, err := m.fetch(base+"/latest"+name, -1, "Range", ranged, "If-Range", h.Get("ETag"))
				switch {
				case err != nil:
					t.Error(err)
				case status == 206:
					rest.Add(1)
					more = append(bytes.Clone(first), more...)
				case status == 200:
					whole.Add(1)
				}
				if !bytes.Equal(more, want(now)) || status == 206 && now != of {
					t.Errorf("%s at latest: %d, a mixture of %s and %s", name, status, of, now)
				}
			}
		})
	}
	wg.Wait()
	if whole.Load() == 0 || rest.Load() == 0 {
		t.Errorf("%d whole, %d rests: a case is missing", whole.Load(), rest.Load())
	}
	t.Logf("%d went on, %d began anew, %d changes of release", rest.Load(), whole.Load(), m.flips.Load())
}
