// Package release turns a warehouse at one ledger position into files: for
// each county its dose events, doses and recipients, and the tables around
// them.
//
// It promises that a release is there whole or not at all, never changes
// after that, and is the same bytes whenever the same ledger position is
// built. It never decides who may read a file.
package release
