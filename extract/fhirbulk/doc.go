// Package fhirbulk is the source of a registry that offers FHIR Bulk Data
// (guide 3.0.0, with SMART Backend Services).
//
// It promises that one Fetch brings one payload, gzip of NDJSON, that holds
// every line of every file the server listed, in an order that depends on
// nothing but the manifest: what Immunizations refer to, Immunizations,
// deletions. A killed Fetch goes on by the status address and ends in the same
// bytes. A listed file that is missing, cut or miscounted, an error file, a
// manifest that changes or goes back in time fail the run: the mark stays.
//
// It never interprets a line, never keeps a token on disk, never sends one
// over plain http or to a host that the configuration does not name, and never
// lets a query, a token or the server's free text into a log or an error.
package fhirbulk
