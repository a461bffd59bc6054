// Package pipelines runs the line: a payload is kept as received, decoded,
// mapped, written as a segment, entered in the ledger, and applied to the
// warehouses.
//
// It promises that a run killed at any instant loses nothing and doubles
// nothing: the same command again ends as if it had never been disturbed. The
// ledger's entry is the one moment at which a payload comes to count. It
// never looks inside a record.
package pipelines
