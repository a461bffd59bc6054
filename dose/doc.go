// Package dose is the vocabulary of dosebook: the columns of a reported dose
// and of the event we make of it, the codes of the field, the kinds of error.
//
// It promises that every name, type and meaning is declared once, as data:
// the Arrow schemas, the SQL tables and docs/DATA.md are made from these
// declarations. It never reads a file of records, never opens a connection,
// and imports the standard library and Arrow only, so that every other
// package may import it.
package dose
