package serve

import (
	"cmp"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Limits are what one principal may ask for, and one address that never
// signs in. They keep one caller from taking the server from the others; zero
// means the default.
type Limits struct {
	PerSecond float64 // requests, in the long run; default 200
	Burst     float64 // requests at once; default 4000
	DayBytes  int64   // sent in a day (UTC); default 1 TiB
}

// maxCallers bounds how many callers are remembered.
const maxCallers = 10_000

// pacer counts requests by caller: a bucket that holds Burst and is filled
// PerSecond.
type pacer struct {
	limits Limits
	now    func() time.Time
	mu     sync.Mutex
	of     map[string]*bucket
}

type bucket struct {
	left float64
	at   time.Time
	day  int64 // since 1970
	sent int64 // on that day
}

func newPacer(l Limits, now func() time.Time) *pacer {
	l = Limits{cmp.Or(l.PerSecond, 200), cmp.Or(l.Burst, 4000), cmp.Or(l.DayBytes, 1<<40)}
	return &pacer{limits: l, now: now, of: make(map[string]*bucket)}
}

// take counts a request of the caller, or refuses it.
func (p *pacer) take(caller string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.bucket(caller)
	if b.sent >= p.limits.DayBytes {
		return fmt.Errorf("you have read %d bytes today, which is all that is allowed; go on tomorrow, or ask the data steward: %w", b.sent, dose.ErrTooMuch)
	}
	if b.left < 1 {
		return fmt.Errorf("you ask too often; wait a few seconds, and ask for %.0f things a second at most: %w", p.limits.PerSecond, dose.ErrTooMuch)
	}
	b.left--
	return nil
}

// sent counts bytes that went to the caller.
func (p *pacer) sent(caller string, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bucket(caller).sent += n
}

// bucket returns the caller's, filled up to now. A clock that goes back fills
// nothing.
func (p *pacer) bucket(caller string) *bucket {
	now := p.now()
	day := now.Unix() / 86400
	b := p.of[caller]
	if b == nil {
		if len(p.of) >= maxCallers {
			p.forget()
		}
		b = &bucket{left: p.limits.Burst, at: now, day: day}
		p.of[caller] = b
	}
	if gone := now.Sub(b.at).Seconds(); gone > 0 {
		b.left, b.at = min(p.limits.Burst, b.left+gone*p.limits.PerSecond), now
	}
	if b.day != day {
		b.day, b.sent = day, 0
	}
	return b
}

// forget drops the callers whose buckets are full again and who read nothing,
// and all where that is not enough.
func (p *pacer) forget() {
	now := p.now()
	for caller, b := range p.of {
		if b.sent == 0 && b.left+now.Sub(b.at).Seconds()*p.limits.PerSecond >= p.limits.Burst {
			delete(p.of, caller)
		}
	}
	if len(p.of) >= maxCallers {
		clear(p.of)
	}
}

// Clients is the time that a client has, so that a stalled one holds no place
// for ever. Zero means the default.
type Clients struct {
	Head    time.Duration // to send a request's head; default 10 s
	Answer  time.Duration // to take an answer; default a minute, and for a file what Slowest says
	Slowest int64         // bytes a second below which a download is cut; default 32 KiB
}

func (c Clients) orDefault() Clients {
	return Clients{Head: cmp.Or(c.Head, 10*time.Second), Answer: cmp.Or(c.Answer, time.Minute), Slowest: cmp.Or(c.Slowest, 32<<10)}
}

// allow gives the response time for n bytes from now on, and wait before.
func allow(w http.ResponseWriter, wait time.Duration, n int64) {
	times := Clients{}.orDefault()
	if rec, ok := w.(*recorder); ok {
		times = rec.clients
	}
	d := times.Answer + wait + time.Duration(float64(n)/float64(times.Slowest)*float64(time.Second))
	// A writer without deadlines, as in tests, needs none.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}
