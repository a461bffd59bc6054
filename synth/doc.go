// Package synth makes synthetic immunization registries that look like
// California: people, households, providers, doses, and the corrections,
// repeats and faults that real feeds carry.
//
// It promises that the same Config gives the same bytes on any machine, that
// its Truth comes from its own bookkeeping and never from reading files back
// or from dosebook's pipeline, and that memory grows by eight bytes an event:
// everything else is derived again from hashes of household and person
// numbers. The truth does not hang on the formats, but for what is refused and
// why. With an Overlap it says which reports are of one dose and which recipient
// ids of one person, and Evaluate holds a reader's answer against it.
//
// What happened (world, history, chain) is kept apart from what reports say of
// it (record, retell) and from how a format writes it (cvrs, hl7, fhir). It
// never uses a real person: names are drawn from lists of common ones, streets,
// sites and ids are invented, and phones have area codes that nobody has.
package synth
