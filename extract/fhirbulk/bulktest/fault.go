package bulktest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Place is where in the course of an export a fault stands.
type Place string

// The places of faults.
const (
	Discovery Place = "discovery"
	Token     Place = "token"
	Kickoff   Place = "kickoff"
	Status    Place = "status"
	File      Place = "file"
	ErrorFile Place = "errorfile"
	Delete    Place = "delete"
)

// Kind is what goes wrong.
type Kind string

// The kinds of faults. Those in the first group fit any place.
const (
	TooMany     Kind = "too-many"     // 429 with RetryAfter
	Unavailable Kind = "unavailable"  // 503 with RetryAfter
	ServerError Kind = "server-error" // 500 without a body
	FailedJob   Kind = "failed-job"   // 500 with an OperationOutcome
	Transient   Kind = "transient"    // 500 with an OperationOutcome of code transient
	BadRequest  Kind = "bad-request"  // 400 with an OperationOutcome, whose text names a person
	Forbidden   Kind = "forbidden"    // 403
	DenyToken   Kind = "deny-token"   // 401
	Expired     Kind = "expired"      // 404; on Status the whole export is gone
	Hang        Kind = "hang"         // no answer until the client goes
	Reset       Kind = "reset"        // the connection breaks before the answer
	Redirect    Kind = "redirect"     // 307 to Config.RedirectTo and the same path

	NoLocation  Kind = "no-location"  // Kickoff: 202 without a status address
	NotJSON     Kind = "not-json"     // Status: a manifest that is none
	NoTime      Kind = "no-time"      // Status: a manifest without transactionTime
	TimeBack    Kind = "time-back"    // Status: a transactionTime of years ago
	WrongCount  Kind = "wrong-count"  // Status: each count is one too high
	ErrorOutput Kind = "error-output" // Status: the manifest lists an error file with errors
	Warnings    Kind = "warnings"     // Status: the same with warnings only
	ChangedPage Kind = "changed-page" // Status: the first page loses its last file
	ForeignFile Kind = "foreign-file" // Status: the first file lies at Config.RedirectTo
	Cut         Kind = "cut"          // File: half of the body, the connection closed
	NoLastLine  Kind = "no-last-line" // File: the body ends inside its last line, without a sign
	Stall       Kind = "stall"        // File: half of the body, then silence
	EarlyToken  Kind = "early-token"  // Token: the token is dead when its first request comes
	NoToken     Kind = "no-token"     // Token: an answer without one
)

// Fault goes wrong Times times (0: always) at Place, after Skip requests there
// that went well.
type Fault struct {
	Kind       Kind
	Place      Place
	Skip       int
	Times      int
	RetryAfter string // of TooMany and Unavailable, as it stands in the header
}

// strikes says which faults meet this request. Each request counts once for
// each fault.
func (s *Server) strikes(p Place) map[Kind]Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[Kind]Fault{}
	for i, f := range s.config.Faults {
		if f.Place != p {
			continue
		}
		s.met[i]++
		if n := s.met[i] - f.Skip; n > 0 && (f.Times == 0 || n <= f.Times) {
			out[f.Kind] = f
		}
	}
	return out
}

// common answers with the faults that fit any place. It says whether it did.
func (s *Server) common(w http.ResponseWriter, r *http.Request, faults map[Kind]Fault) bool {
	for kind, f := range faults {
		switch kind {
		case TooMany, Unavailable:
			if f.RetryAfter != "" {
				w.Header().Set("Retry-After", f.RetryAfter)
			}
			w.WriteHeader(map[Kind]int{TooMany: 429, Unavailable: 503}[kind])
		case ServerError:
			w.WriteHeader(http.StatusInternalServerError)
		case FailedJob:
			outcome(w, http.StatusInternalServerError, "error", "processing")
		case Transient:
			outcome(w, http.StatusInternalServerError, "error", "transient")
		case BadRequest:
			outcome(w, http.StatusBadRequest, "error", "not-supported")
		case Forbidden:
			outcome(w, http.StatusForbidden, "error", "forbidden")
		case DenyToken:
			outcome(w, http.StatusUnauthorized, "error", "login")
		case Expired:
			outcome(w, http.StatusNotFound, "error", "not-found")
		case Hang:
			<-r.Context().Done()
		case Reset:
			reset(w)
		case Redirect:
			http.Redirect(w, r, s.config.RedirectTo+r.URL.Path, http.StatusTemporaryRedirect)
		default:
			continue
		}
		return true
	}
	return false
}

// Person is in every OperationOutcome's text and in every address's query: it
// must never be seen in a client's logs or errors.
const Person = "Querida Testperson"

func outcome(w http.ResponseWriter, status int, severity, code string) {
	w.Header().Set("Content-Type", "application/fhir+json")
	w.WriteHeader(status)
	fmt.Fprintln(w, outcomeLine(severity, code))
}

func outcomeLine(severity, code string) string {
	return fmt.Sprintf(`{"resourceType":"OperationOutcome","issue":[{"severity":%q,"code":%q,"diagnostics":"the record of %s can't be read"}]}`, severity, code, Person)
}

// reset breaks the connection without an answer.
func reset(w http.ResponseWriter) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = c.Close()
	}
}

// ParseFault reads KIND@PLACE, KIND@PLACE*TIMES: a switch for a command line.
func ParseFault(s string) (Fault, error) {
	kind, rest, ok := strings.Cut(s, "@")
	place, times, many := strings.Cut(rest, "*")
	f := Fault{Kind: Kind(kind), Place: Place(place)}
	if many {
		if _, err := fmt.Sscanf(times, "%d", &f.Times); err != nil || f.Times < 1 {
			return f, fmt.Errorf("fault %q: %q is no number of times", s, times)
		}
	}
	if !ok || !slices.Contains(Kinds(), f.Kind) || !slices.Contains(Places(), f.Place) {
		return f, fmt.Errorf("fault %q: write KIND@PLACE, with a kind of %v and a place of %v", s, Kinds(), Places())
	}
	return f, nil
}

// Places lists where faults may stand.
func Places() []Place { return []Place{Discovery, Token, Kickoff, Status, File, ErrorFile, Delete} }

// Kinds lists what may go wrong.
func Kinds() []Kind {
	return []Kind{TooMany, Unavailable, ServerError, FailedJob, Transient, BadRequest, Forbidden, DenyToken, Expired, Hang, Reset, Redirect,
		NoLocation, NotJSON, NoTime, TimeBack, WrongCount, ErrorOutput, Warnings, ChangedPage, ForeignFile, Cut, NoLastLine, Stall, EarlyToken, NoToken}
}

// longAgo is what TimeBack says.
var longAgo = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
