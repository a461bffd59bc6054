package release

// ID is the name that a release of this ledger position has, built from
// whatever warehouse.
func ID(seq int64, segments []Segment) string { return identify(seq, segments) }
