//go:build !nosnowflake && unix

package snowflake

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/loadtest"
)

// killEnv makes the test binary a loader: host, port, database folder, lake,
// after how many steps somebody is killed (-1: never), and the process id of
// the server that is (0: the loader itself).
const killEnv = "DOSEBOOK_TEST_LOADER"

// onDisk names a store that outlives its server. One session at a time may
// have it.
func onDisk(host string, port int, folder string) Config {
	return Config{Account: "fakesnow", User: "test", Role: "LOADER", Warehouse: "W", Database: "STORE", TokenEnv: "TOKEN", Host: host, Port: port,
		Protocol: "http", Timeout: time.Minute, SignIn: time.Minute, params: map[string]string{"FAKESNOW_DB_PATH": folder}}
}

// killLog is the log that all processes of the test see: the second to write
// it finds the segments there.
func killLog(t testing.TB, lake string) *loadtest.Log {
	l := loadtest.NewLog(lake)
	row := func(id string, cvx int32) loadtest.Row {
		return loadtest.Row{ID: id, Recip: "r" + id, Day: 18700, CVX: cvx, County: "06001", Given: "06001", Name: "same"}
	}
	l.Enter(t, loadtest.Payload{Name: "one", Registry: "CAIR2", Action: "A", Time: 10, Rows: []loadtest.Row{row("1", 208), row("2", 208), row("3", 208)}})
	l.Enter(t, loadtest.Payload{Name: "two", Registry: "CAIR2", Action: "U", Time: 20, Rows: []loadtest.Row{row("1", 207), row("2", 207), row("4", 208)}})
	return l
}

// TestLoaderProcess is the loader of TestKilled.
func TestLoaderProcess(t *testing.T) {
	said := strings.Split(os.Getenv(killEnv), "|")
	if len(said) != 6 {
		t.Skip("it is the loader of TestKilled")
	}
	port, _ := strconv.Atoi(said[1])
	at, _ := strconv.Atoi(said[4])
	server, _ := strconv.Atoi(said[5])
	l := killLog(t, said[3])
	now := time.Now
	if at < 0 { // when the dead loader's lease is over
		now = func() time.Time { return time.Now().Add(time.Hour) }
	}
	d := openAt(t, onDisk(said[0], port, said[2]), load.Lake{Dir: said[3]}, Options{Lease: 10 * time.Minute, Now: now})
	pos, err := d.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	d.after = func(string) {
		if seen++; pos != 1 || seen-1 != at {
			return
		}
		if server == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		_ = syscall.Kill(server, syscall.SIGKILL)
	}
	if server != 0 {
		serverDies(t, d, l, &seen, at)
		return
	}
	for to := pos + 1; to <= 2; to++ {
		apply(t, d, l, to)
		if at >= 0 && pos == 0 {
			break // the first entry only
		}
	}
	is(t, d, l, 2-int64(btoi(at >= 0 && pos == 0)))
	t.Logf("steps %d", seen)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// serverDies is a load whose server is killed: it ends with an error of the
// kind that another try may help, unless it was done before.
func serverDies(t *testing.T, d *DB, l *loadtest.Log, seen *int, at int) {
	d.patience = time.Second
	_, err := d.Apply(t.Context(), l.Entries(1, 2), l.Known(2))
	if *seen > at && !errors.Is(err, dose.ErrUpstream) {
		t.Errorf("the server was killed after step %d, and the load says %v", at, err)
	}
	_ = d.Close() // there is nobody to sign out from
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestKilled: the loader and then its server are killed after a step, or the
// server alone; on a new server the next run finishes what the first began,
// without a row missing or double.
func TestKilled(t *testing.T) {
	loadtest.Needed(t, serverErr)
	shared(t) // skips where there is no emulator
	if os.Getenv("DOSEBOOK_FAKESNOW") != "" {
		t.Skip("it needs servers of its own")
	}
	times := 1
	if long() {
		times = 30 // 15 of each
	}
	n := hooks(t, config(shared(t)), killLog(t, t.TempDir()))
	for i := range times {
		folder, lake := t.TempDir(), filepath.Join(t.TempDir(), "lake")
		killLog(t, lake)
		f := loadtest.Snowflake(t, "NOTHING=1")
		loader(t, f, folder, lake, 0, 0)
		at := 1 + (2*(i/2)+1)*n/max(times, 2)
		killed, victim := false, "server"
		if i%2 == 0 {
			victim = "loader"
			killed = loader(t, f, folder, lake, at, 0)
		} else {
			loader(t, f, folder, lake, at, f.PID)
			killed = !f.Alive()
		}
		f.Stop()
		f = loadtest.Snowflake(t, "NOTHING=1")
		loader(t, f, folder, lake, -1, 0)
		f.Stop()
		t.Logf("%s killed after step %d: %t", victim, at, killed)
	}
}

// loader runs the loader as a process, and says whether it was killed.
func loader(t *testing.T, f *loadtest.Fakesnow, folder, lake string, at, server int) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestLoaderProcess$", "-test.v")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%d|%s|%s|%d|%d", killEnv, f.Host, f.Port, folder, lake, at, server))
	out, err := cmd.CombinedOutput()
	var killed bool
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok {
		killed = s.Signaled()
	}
	if err != nil && !(killed && at > 0 && server == 0) {
		t.Fatalf("the loader at step %d: %v\n%s", at, err, out)
	}
	return killed
}
