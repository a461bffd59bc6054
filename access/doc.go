// Package access says who may see what, and keeps the audit: users, grants
// and tokens in the control database, one decision function for every door.
//
// It promises that a decision fails closed (an unknown role, place, action or
// a damaged grant is a refusal), that a revocation is in force with the next
// request, that a token or session is shown once and kept as its SHA-256, and
// that an audit entry has reached the disk before Audit returns. It never opens a
// release, and never holds a record of a person's dose.
package access
