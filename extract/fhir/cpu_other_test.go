//go:build !unix

package fhir

import "time"

func cpu() time.Duration { return time.Duration(time.Now().UnixNano()) }
