// Package bulktest is a registry's Bulk Data server (guide 3.0.0) with SMART
// Backend Services, for tests and for the demo.
//
// It promises to check what a true server checks: the assertion's signature,
// audience, life and single use, the token of every request, the order of
// kick-off, polling and fetching. Given the same resources and clock it gives
// the same bytes. What a bad server does, it does by switch: see Fault.
//
// It never writes its resources, and it filters by type and _since only:
// patient and group level give what system level gives, and _typeFilter is
// ignored, which the guide allows.
package bulktest
