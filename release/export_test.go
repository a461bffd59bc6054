package release

// For the tests that stand outside, over the true warehouse.
var (
	AllFormats = allFormats
	ReadBack   = readBack
	Python     = python
)
