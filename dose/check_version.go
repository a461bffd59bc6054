package dose

// versionRules are the checks on versions of an event, made in the warehouse.
var versionRules = map[Check]Rule{
	AddOfKnown: {"add-of-known", "ADD_OF_KNOWN", Warning, false, "", "an addition for an event that is known with other content: taken as its newer version", "send corrections as updates", "CDC clearinghouse guide",
		"@cmd/dosebook/repeats_test.go", "@cmd/dosebook/repeats_test.go", 0},
	UpdateOfUnknown: {"update-of-unknown", "UPDATE_OF_UNKNOWN", Warning, false, "", "an update for an event that was never added: taken as its first version", "check whether the file of additions is missing", "CDC clearinghouse guide",
		"@cmd/dosebook/repeats_test.go", "@cmd/dosebook/repeats_test.go", 0},
	DeleteOfUnknown: {"delete-of-unknown", "DELETE_OF_UNKNOWN", Warning, false, "", "a delete for an event that is not known: kept as a tombstone", "check whether the file of additions is missing", "CDC clearinghouse guide",
		"@cmd/dosebook/repeats_test.go", "@cmd/dosebook/repeats_test.go", 0},
	AbsentFromSnapshot: {"absent-from-snapshot", "ABSENT_FROM_SNAPSHOT", Warning, false, "", "the event is not in the registry's latest snapshot: it counts as deleted", "check with the registry whether the event was withdrawn", "dosebook",
		"@testdata/cases/store-snapshot-rows-with-times", "@testdata/cases/store-snapshot-takes-away", 0},
	Revived: {"revived", "REVIVED", Warning, false, "", "an event that was deleted was sent again and lives again", "nothing to do if this was meant", "CDC clearinghouse guide",
		"@cmd/dosebook/repeats_test.go", "@cmd/dosebook/repeats_test.go", 0},
}
