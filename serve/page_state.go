package serve

import (
	"net/http"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

func (s *server) overviewPage(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	return dose.ErrNotFound
}
func (s *server) overviewCSV(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	return dose.ErrNotFound
}
func (s *server) qualityPage(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	return dose.ErrNotFound
}
func (s *server) qualityCSV(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	return dose.ErrNotFound
}
func (s *server) accessPage(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	return dose.ErrNotFound
}
func (s *server) releasesPage(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	return dose.ErrNotFound
}
func (s *server) releasePage(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	return dose.ErrNotFound
}
