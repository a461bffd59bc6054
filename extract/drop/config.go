package drop

import (
	"errors"
	"fmt"
	"net"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Config describes a drop box: exactly one of Folder and SFTP.
type Config struct {
	Folder string `yaml:"folder,omitempty"`
	SFTP   *SFTP  `yaml:"sftp,omitempty"`

	// Patterns are globs on the file's own name, in any case. Without one,
	// everything is taken. Hidden files, archive folders, and names that end
	// like an unfinished upload (.part, .filepart, .tmp …) are passed over
	// unless a pattern names that very beginning or ending.
	Patterns  []string `yaml:"patterns,omitempty"`
	Recursive bool     `yaml:"recursive,omitempty"` // subfolders too

	// Ready says when a file may be read: stable (the default), or done, when
	// X.done or X.txt.done lies beside X.txt.
	Ready string `yaml:"ready,omitempty"`
	// StableFor is how long size and time must not have changed between two
	// of our listings; 1m by default.
	StableFor time.Duration `yaml:"stable_for,omitempty"`
	// After says what becomes of a loaded file: leave (the default), or
	// archive, into the folder archive beside it.
	After string `yaml:"after,omitempty"`
}

// SFTP names a folder on a server. Secrets come from environment variables.
type SFTP struct {
	Host        string `yaml:"host"`
	Port        int    `yaml:"port,omitempty"` // 22
	User        string `yaml:"user"`
	KeyFile     string `yaml:"key_file,omitempty"`
	KeyEnv      string `yaml:"key_env,omitempty"`      // variable with the key's passphrase
	PasswordEnv string `yaml:"password_env,omitempty"` // variable with the password
	KnownHosts  string `yaml:"known_hosts"`            // file in OpenSSH's format
	Path        string `yaml:"path,omitempty"`         // the login folder
}

// Values of Ready and After.
const (
	Stable  = "stable"
	Marked  = "done"
	Leave   = "leave"
	Archive = "archive"
)

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Check says everything that is wrong, as one error of kind dose.ErrInvalid.
// It never shows what stands where the name of a variable should.
func (c Config) Check() error {
	var errs []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format+": %w", append(args, dose.ErrInvalid)...))
		}
	}
	bad((c.Folder == "") == (c.SFTP == nil), "give either folder or sftp")
	bad(c.Ready != "" && c.Ready != Stable && c.Ready != Marked, "ready is stable or done, not %q", c.Ready)
	bad(c.After != "" && c.After != Leave && c.After != Archive, "after is leave or archive, not %q", c.After)
	bad(c.StableFor != 0 && c.StableFor < time.Second, "stable_for is at least 1s: servers tell times in whole seconds")
	bad(c.StableFor != 0 && c.Ready == Marked, "stable_for has no meaning with ready: done")
	for _, p := range c.Patterns {
		_, err := path.Match(p, "")
		bad(err != nil || p == "", "pattern %q is no glob", p)
		bad(strings.Contains(p, "/"), "pattern %q holds a slash: patterns are matched with the file's own name; see recursive", p)
	}
	if s := c.SFTP; s != nil {
		bad(s.Host == "" || strings.ContainsAny(s.Host, "/@ "), "sftp.host is the server's name or address alone")
		bad(s.Port < 0 || s.Port > 65535, "sftp.port %d is no port", s.Port)
		bad(s.User == "", "sftp.user is missing")
		bad(s.KnownHosts == "", "sftp.known_hosts is missing: a file with the server's key, whose fingerprint you have checked with its owner")
		bad(s.KeyFile == "" && s.PasswordEnv == "", "sftp needs key_file or password_env")
		bad(s.KeyEnv != "" && s.KeyFile == "", "sftp.key_env is the passphrase of key_file, which is missing")
		bad(s.KeyEnv != "" && !envName.MatchString(s.KeyEnv), "sftp.key_env is the name of an environment variable, not the passphrase itself")
		bad(s.PasswordEnv != "" && !envName.MatchString(s.PasswordEnv), "sftp.password_env is the name of an environment variable, not the password itself")
		bad(strings.ContainsRune(s.Path, 0), "sftp.path holds a NUL")
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.Ready == "" {
		c.Ready = Stable
	}
	if c.After == "" {
		c.After = Leave
	}
	if c.StableFor == 0 {
		c.StableFor = time.Minute
	}
	if c.SFTP != nil {
		s := *c.SFTP
		if s.Port == 0 {
			s.Port = 22
		}
		if s.Path == "" {
			s.Path = "."
		}
		c.SFTP = &s
	}
	return c
}

func (s SFTP) address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// place is what people are told.
func (c Config) place() string {
	if c.SFTP != nil {
		return c.SFTP.address() + ":" + c.SFTP.Path
	}
	return c.Folder
}

// identity tells one place from another in marks and fetched copies.
func (c Config) identity() string {
	if s := c.SFTP; s != nil {
		return "sftp://" + s.User + "@" + s.address() + "/" + path.Clean(s.Path)
	}
	return "folder:" + filepath.Clean(c.Folder)
}

// unfinished are endings that uploading programs give to what they write.
var unfinished = []string{".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".swp", ".lock", "~", markerEnd}

// wants says whether the configuration asks for a file of that name.
func (c Config) wants(name string) bool {
	base := strings.ToLower(path.Base(name))
	if c.Ready == Marked && isMarker(base) {
		return false
	}
	if len(c.Patterns) == 0 {
		return ordinary(base, "")
	}
	for _, p := range c.Patterns {
		p = strings.ToLower(p)
		if ok, _ := path.Match(p, base); ok && ordinary(base, p) {
			return true
		}
	}
	return false
}

// ordinary is false for a name that is hidden or unfinished, unless the
// pattern asks for just that.
func ordinary(base, pattern string) bool {
	if strings.HasPrefix(base, ".") && !strings.HasPrefix(pattern, ".") {
		return false
	}
	for _, end := range unfinished {
		if strings.HasSuffix(base, end) && !strings.HasSuffix(pattern, end) {
			return false
		}
	}
	return true
}
