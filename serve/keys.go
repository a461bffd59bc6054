package serve

import (
	"errors"
	"net/http"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// keys tells everyone the public keys that releases are signed with, those of
// before too, so that a copy can be proven by who got it from somebody else.
func (s *server) keys(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Keys.List()
	if errors.Is(err, dose.ErrNotFound) {
		all, err = []release.Key{}, nil
	}
	if err != nil {
		return err
	}
	return writeJSON(w, r, map[string]any{"keys": all})
}
