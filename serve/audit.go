package serve

import (
	"fmt"
	"net/http"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

// maxReadings bounds one answer of who saw a place.
const maxReadings = 10_000

// whoSaw tells a county's steward, or an auditor, who read files that hold
// its people: ?since=YYYY-MM-DD, by default the last 30 days.
func (s *server) whoSaw(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	place, err := dose.ParsePlace(r.PathValue("fips"))
	if err != nil {
		return err
	}
	e := access.Entry{Action: "audit", Place: string(place)}
	scope, err := s.decide(r, p, access.Read, access.Resource{Kind: access.AuditLog, Place: place}, e)
	if err != nil {
		return err
	}
	since := r.URL.Query().Get("since")
	if since == "" {
		since = s.Now().UTC().AddDate(0, 0, -30).Format(time.DateOnly)
	}
	if _, err := time.Parse(time.DateOnly, since); err != nil {
		return fmt.Errorf("since is a day such as 2026-10-01: %w", dose.ErrInvalid)
	}
	all, err := s.Access.WhoSaw(r.Context(), place, since, maxReadings)
	if err != nil {
		return err
	}
	e.Grant = scope.Grant
	if err := s.note(r, p, e); err != nil {
		return err
	}
	return writeJSON(w, r, map[string]any{"place": place, "since": since, "readings": all, "more": len(all) == maxReadings})
}
