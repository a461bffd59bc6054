// Package serve is the HTTP door to releases.
//
// It promises that no byte of a record leaves before the caller is known, a
// grant covers the file, and the audit entry is on the disk; that a file is
// the one its manifest names, or no file at all; and that a problem says what
// to do. It never opens a warehouse, never decides by itself who may read
// (package access does), and never logs a query string, a token or a value
// of a record.
package serve
