package serve

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/dosebook/dosebook/access"
)

// visit is what one request was allowed to read, for the entry at its end.
type visit struct {
	seq   int64 // of the entry that allowed it; 0: nothing was sent
	entry access.Entry
}

type visitKey struct{}

// begin gives the request a visit.
func begin(r *http.Request) (*http.Request, *visit) {
	v := new(visit)
	return r.WithContext(context.WithValue(r.Context(), visitKey{}, v)), v
}

// allowed keeps the entry whose bytes are about to leave.
func allowed(r *http.Request, seq int64, e access.Entry) {
	if v, ok := r.Context().Value(visitKey{}).(*visit); ok && e.Action != "head" && e.Bytes > 0 {
		v.seq, v.entry = seq, e
	}
}

// endTime bounds how long the end of a download is waited for.
const endTime = 10 * time.Second

// ended notes how a download ended: whole, a part (Range), none (the client
// had it), or cut. The bytes are out by then, so an end that can't be noted
// is logged; the entry that allowed it stands.
func (s *server) ended(w http.ResponseWriter, r *http.Request, v *visit) {
	rec, ok := w.(*recorder)
	if !ok || v.seq == 0 {
		return
	}
	_ = http.NewResponseController(rec.ResponseWriter).Flush() // else the last bytes wait for the disk
	e := v.entry
	e.Action, e.Of, e.Bytes, e.Outcome, e.Rows, e.Time = "end", v.seq, rec.bytes, outcome(rec), 0, time.Time{}
	ctx, stop := context.WithTimeout(context.WithoutCancel(r.Context()), endTime)
	defer stop()
	if err := s.Access.Audit(ctx, e); err != nil {
		s.Log.Error("the end of a download could not be noted", "entry", v.seq, "err", err.Error())
	}
}

func outcome(rec *recorder) string {
	want, err := strconv.ParseInt(rec.Header().Get("Content-Length"), 10, 64)
	several := rec.status == http.StatusPartialContent && err != nil // multipart says no length
	switch {
	case rec.status != http.StatusOK && rec.status != http.StatusPartialContent:
		return "none"
	case !several && (err != nil || rec.bytes != want):
		return "cut"
	case rec.status == http.StatusPartialContent:
		return "part"
	}
	return "whole"
}
