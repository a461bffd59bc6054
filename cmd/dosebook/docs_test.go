package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	inCode      = regexp.MustCompile("`(dosebook [^`]+)`")
	codeLine    = regexp.MustCompile(`^\s*(?:sudo -u \w+ )?(dosebook .*)`)
	commandEnd  = regexp.MustCompile(`\s{2,}| [·|#>&] | #|'|\\$`)
	flagInText  = regexp.MustCompile(`--([a-z][a-z-]*)`)
	commandWord = regexp.MustCompile(`^[a-z][a-z-]*$`)
)

// commandsIn are the commands that a page tells its reader to give: lines of its
// blocks, and code within its text.
func commandsIn(page string) (out []string) {
	block := false
	for line := range strings.Lines(page) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			block = !block
			continue
		}
		if m := codeLine.FindStringSubmatch(line); block && m != nil {
			out = append(out, m[1])
		}
		if !block {
			for _, m := range inCode.FindAllStringSubmatch(line, -1) {
				out = append(out, m[1])
			}
		}
	}
	for i, c := range out {
		out[i] = strings.TrimSpace(commandEnd.Split(c, 2)[0])
	}
	return out
}

// unknownIn says what of a command the program doesn't have; nothing for none.
func unknownIn(text string) string {
	var words []string
	for _, w := range strings.Fields(text)[1:] {
		words = append(words, strings.Trim(w, "[]"))
	}
	c, rest, err := newRoot(io.Discard, io.Discard).Find(words)
	if err != nil || !c.HasParent() && len(rest) > 0 && commandWord.MatchString(rest[0]) {
		return "there is no such command"
	}
	if c.HasSubCommands() && len(rest) > 0 && commandWord.MatchString(rest[0]) {
		return fmt.Sprintf("%s has no %q", c.CommandPath(), rest[0])
	}
	c.InitDefaultHelpFlag()
	for _, m := range flagInText.FindAllStringSubmatch(text, -1) {
		if c.Flags().Lookup(m[1]) == nil && c.InheritedFlags().Lookup(m[1]) == nil && c.Root().PersistentFlags().Lookup(m[1]) == nil {
			return fmt.Sprintf("%s has no --%s", c.CommandPath(), m[1])
		}
	}
	return ""
}

// Every command that a page names is one that the program has, with the flags
// that stand there.
func TestDocsNameCommandsThatExist(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range append(pages, "../../README.md") {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range commandsIn(string(page)) {
			n++
			if says := unknownIn(c); says != "" {
				t.Errorf("%s: %s: %s", filepath.Base(path), c, says)
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d commands were found", n)
	}
	for _, c := range []string{"dosebook nosuch", "dosebook release nosuch", "dosebook release build --nosuch", "dosebook pull URL --nosuch x"} {
		if unknownIn(c) == "" {
			t.Errorf("%s passes", c)
		}
	}
}
