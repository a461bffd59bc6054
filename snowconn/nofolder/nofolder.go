// Package nofolder keeps Snowflake's driver from making ~/.cache/snowflake at
// the start of a program that may never ask Snowflake anything.
//
// The driver looks for a place for credentials in a package variable, before
// main begins, and takes SF_TEMPORARY_CREDENTIAL_CACHE_DIR first (gosnowflake
// v2.1.0, secure_storage_manager.go). Packages are initialized in the order of
// their import paths, each when all that it imports is (Go specification,
// "Program initialization"): this one imports os alone, and comes before
// github.com/snowflakedb. It promises that the variable names a folder that is
// there, and never changes one that the user has set. Nothing is written
// there: snowconn has the driver store no credential.
package nofolder

import "os"

// Err is why the driver may make its folder after all; nil in the common case.
var Err = name()

const variable = "SF_TEMPORARY_CREDENTIAL_CACHE_DIR"

func name() error {
	if os.Getenv(variable) != "" {
		return nil
	}
	home := os.Getenv("HOME")
	if s, err := os.Stat(home); err != nil || !s.IsDir() || home == "/" {
		home = os.TempDir()
	}
	return os.Setenv(variable, home)
}
