package serve

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

const publicBase = "/api/v1/public"

// publicRoutes are the public tables: nobody signs in, and what is served is
// only what a publication's manifest lists. {day} is the last day that the
// tables count, and stays: latest is answered with 303 to the newest.
func (s *server) publicRoutes() []route {
	day := param("path", "day", "Last day of the tables, or latest", textSchema("^([0-9]{4}-[0-9]{2}-[0-9]{2}|latest)$"))
	file := param("path", "file", "As the manifest lists it", textSchema("^[A-Za-z0-9_.]+$"))
	return []route{
		get(publicBase, "Publications of the public tables", anyone, s.anybody(s.publications), answer{200, jsonType, publicationList{}, "Oldest first"}),
		get(publicBase+"/{day}", "What a publication holds and how much is hidden", anyone, s.anybody(s.publication),
			append(refusals(404), answer{200, jsonType, release.PublicManifest{}, "Its manifest"})...).with(day),
		get(publicBase+"/{day}/{file}", "A public table, its description, its changes, or its proof", anyone, s.anybody(s.publicFile),
			append(refusals(404), answer{200, "text/csv; charset=utf-8", nil, "A table"}, answer{303, "", nil, "latest: to the newest"})...).with(day, file),
	}
}

// publicationList is the answer to GET /api/v1/public.
type publicationList struct {
	Publications []publicationLink `json:"publications"`
	Latest       string            `json:"latest"`
}

type publicationLink struct {
	AsOf string `json:"as_of"`
	URL  string `json:"url"`
}

// anybody is a route without sign-in, paced by the address that asks.
func (s *server) anybody(h handler) http.Handler {
	return open(func(w http.ResponseWriter, r *http.Request) error {
		if err := s.pace.take("public from " + remote(r)); err != nil {
			return err
		}
		if r.PathValue("day") == "latest" {
			day, err := s.Public.Latest()
			if err != nil {
				return err
			}
			http.Redirect(w, r, path.Join(publicBase, day, r.PathValue("file")), http.StatusSeeOther)
			return nil
		}
		w.Header().Set("Access-Control-Allow-Origin", "*") // public, and no cookie counts here
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
		return h(w, r)
	})
}

// publications lists all publications, newest last.
func (s *server) publications(w http.ResponseWriter, r *http.Request) error {
	days, err := s.Public.List()
	if err != nil {
		return err
	}
	list := publicationList{Publications: []publicationLink{}, Latest: publicBase + "/latest"}
	for _, day := range days {
		list.Publications = append(list.Publications, publicationLink{day, publicBase + "/" + day})
	}
	return writeJSON(w, r, list)
}

// publication shows the manifest of one.
func (s *server) publication(w http.ResponseWriter, r *http.Request) error {
	m, err := s.Public.Manifest(r.PathValue("day"))
	if err != nil {
		return err
	}
	return writeJSON(w, r, m)
}

var publicTypes = map[string]string{".csv": "text/csv; charset=utf-8", ".json": "application/json", ".md": "text/markdown; charset=utf-8"}

// publicFile sends a file of a publication.
func (s *server) publicFile(w http.ResponseWriter, r *http.Request) error {
	m, err := s.Public.Manifest(r.PathValue("day"))
	if err != nil {
		return err
	}
	name := r.PathValue("file")
	f, listed := m.File(name)
	_, proof := proofs[name]
	if !listed && !proof {
		return fmt.Errorf("the publication of %s has no such file; see %s/%s: %w", m.ID, publicBase, m.ID, dose.ErrNotFound)
	}
	body, err := os.OpenInRoot(s.Public.Dir, filepath.Join(m.ID, name))
	if os.IsNotExist(err) && proof {
		return fmt.Errorf("the publication of %s is not signed: %w", m.ID, dose.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("open %s: %v", name, err) // not "not found": the manifest has it
	}
	defer body.Close()
	return sendPublic(w, r, body, f, name)
}

func sendPublic(w http.ResponseWriter, r *http.Request, body *os.File, f release.File, name string) error {
	st, err := body.Stat()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", proofs[name])
	if f.Path != "" {
		sum, err := hex.DecodeString(f.SHA256)
		if err != nil || st.Size() != f.Bytes {
			return fmt.Errorf("%s is not as its manifest says; run 'dosebook verify'", name)
		}
		h.Set("Content-Type", publicTypes[path.Ext(name)])
		h.Set("ETag", `"`+f.SHA256+`"`)
		h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum)+":")
		if strings.HasSuffix(name, ".csv") {
			h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
		}
	}
	h.Set("Cache-Control", "public, max-age=86400, immutable")
	allow(w, 0, st.Size())
	http.ServeContent(w, r, "", time.Time{}, body)
	return nil
}
