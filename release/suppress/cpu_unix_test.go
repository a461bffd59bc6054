//go:build unix

package suppress

import (
	"syscall"
	"time"
)

// cpu is the CPU time that this process has used: on a busy machine the clock
// says little.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
