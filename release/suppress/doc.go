// Package suppress makes tables of counts fit to be published: what is small
// is hidden, and what else must be hidden so that nobody can work it out.
//
// It promises three things of a table that it lets go. Every count that the
// rule calls small is hidden, and every statistic made from it. For each
// hidden count there is a proof: two other tables of whole numbers that agree
// with everything published, one in which the count is at the low end of the
// rule's range and one in which it is at the high end (ADR 0012). And the
// proof is checked by code that shares nothing with the search that found it;
// Attack, which works out bounds by linear programming from what is published
// alone, is a second opinion.
//
// The rules are those of the CalHHS Data De-Identification Guidelines: the
// publication scoring criteria and section 4.4.
//
// It knows no release and no warehouse, never changes a count, never hides a
// zero, and never takes back what was published before: what can't be
// protected any more is held.
package suppress
