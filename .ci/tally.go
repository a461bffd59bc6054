//go:build ignore

// Command tally runs `go test -json` with the arguments it gets, prints what
// a person wants to see (a line a package, the whole output of what failed,
// why something was skipped) and closes with
//
//	N passed, N failed, N skipped
//
// alone on a line, after the tests that took longest. It exits 1 when anything
// failed, or when nothing ran. Subtests count; a package that doesn't build, or
// dies outside a test, counts as one failure.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
)

type event struct {
	Action, Package, ImportPath, Test, Output, FailedBuild string
	Elapsed                                                float64 // s
}

type tally struct {
	passed, failed, skipped int
	output                  map[string][]string // of a test, or of a package under its own name
	failures                map[string]int      // tests that failed, by package
	long                    []event             // tests that ended, without subtests
}

func main() {
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
	t := tally{output: map[string][]string{}, failures: map[string]int{}}
	in := bufio.NewScanner(out)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text())
			continue
		}
		t.add(e)
	}
	readErr, runErr := in.Err(), cmd.Wait()
	if readErr != nil || (runErr != nil && t.failed == 0) {
		fmt.Println("tally: go test ended early:", readErr, runErr)
		t.failed++
	}
	slices.SortFunc(t.long, func(a, b event) int { return cmp.Compare(b.Elapsed, a.Elapsed) })
	fmt.Println("\nthe longest, in seconds, with what ran beside them:")
	for _, e := range t.long[:min(20, len(t.long))] {
		fmt.Printf("%7.1f  %s %s\n", e.Elapsed, path.Base(e.Package), e.Test)
	}
	fmt.Printf("\n%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
	if t.failed > 0 || t.passed == 0 {
		os.Exit(1)
	}
}

func (t *tally) add(e event) {
	key := e.Package + " " + e.Test
	if (e.Action == "pass" || e.Action == "fail") && e.Test != "" && !strings.Contains(e.Test, "/") {
		t.long = append(t.long, e)
	}
	switch e.Action {
	case "build-output":
		fmt.Print(e.Output)
	case "output":
		if e.Test == "" && (strings.HasPrefix(e.Output, "ok ") || strings.HasPrefix(e.Output, "FAIL\t")) {
			fmt.Print(e.Output)
			return
		}
		t.output[key] = append(t.output[key], e.Output)
	case "pass":
		if e.Test != "" {
			t.passed++
		}
		delete(t.output, key)
	case "skip":
		if e.Test != "" {
			t.skipped++
			fmt.Print(strings.Join(t.output[key], ""))
		}
		delete(t.output, key)
	case "fail":
		t.fail(e, key)
	}
}

func (t *tally) fail(e event, key string) {
	if e.Test == "" && t.failures[e.Package] > 0 {
		return // its tests have said so
	}
	t.failed++
	t.failures[e.Package]++
	fmt.Print(strings.Join(t.output[key], ""))
	delete(t.output, key)
}
