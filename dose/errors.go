package dose

import (
	"errors"
	"fmt"
	"net/http"
)

// The kinds of error. Wrap one of them with %w; Exit and Status read it back.
var (
	ErrInvalid     = errors.New("invalid input")
	ErrDenied      = errors.New("denied")
	ErrUnknownUser = errors.New("not signed in")
	ErrNotFound    = errors.New("not found")
	ErrGone        = errors.New("gone")
	ErrLocked      = errors.New("locked")
	ErrHeld        = errors.New("held")
	ErrUpstream    = errors.New("upstream failed")
	ErrTooMuch     = errors.New("too much")
	ErrRejects     = errors.New("rejects beyond the limit")
)

// kinds is the one table of error kind, HTTP status, exit code.
var kinds = []struct {
	err          error
	status, exit int
}{
	{ErrInvalid, http.StatusBadRequest, 2},
	{ErrUnknownUser, http.StatusUnauthorized, 3},
	{ErrDenied, http.StatusForbidden, 3},
	{ErrNotFound, http.StatusNotFound, 4},
	{ErrGone, http.StatusGone, 4},
	{ErrLocked, http.StatusConflict, 5},
	{ErrHeld, http.StatusConflict, 5},
	{ErrUpstream, http.StatusBadGateway, 6},
	{ErrTooMuch, http.StatusTooManyRequests, 1},
	{ErrRejects, http.StatusUnprocessableEntity, 7},
}

// ExitCode returns the exit code of a command that ended with err: 0 for nil,
// 1 for an error of no known kind.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.exit
		}
	}
	return 1
}

// Status returns the HTTP status for err: 200 for nil, 500 for an error of no
// known kind.
func Status(err error) int {
	if err == nil {
		return http.StatusOK
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.status
		}
	}
	return http.StatusInternalServerError
}

// Wrap adds what was being done to *err, if there is one. Use it deferred.
func Wrap(err *error, format string, args ...any) {
	if *err != nil {
		*err = fmt.Errorf(fmt.Sprintf(format, args...)+": %w", *err)
	}
}
