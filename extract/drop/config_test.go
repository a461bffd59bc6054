package drop

import (
	"bytes"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

// The configuration as people write it.
func TestConfigYAML(t *testing.T) {
	for _, c := range []struct {
		text string
		ok   func(Config) bool
	}{
		{`
folder: inbox
`, func(c Config) bool {
			return c.Folder == "inbox" && c.Ready == Stable && c.StableFor == time.Minute && c.After == Leave
		}},
		{`
sftp:
  host: sftp.registry.example
  user: dosebook
  key_file: keys/registry
  key_env: REGISTRY_KEY_PASSPHRASE
  known_hosts: keys/known_hosts
  path: /outgoing/cvrs
patterns: ["*.txt", "*.txt.gz"]
stable_for: 5m
after: archive
`, func(c Config) bool {
			return c.SFTP.address() == "sftp.registry.example:22" && c.SFTP.Path == "/outgoing/cvrs" && c.StableFor == 5*time.Minute &&
				c.After == Archive && c.wants("A.TXT") && !c.wants("a.hl7")
		}},
		{`
sftp: {host: "2001:db8::1", port: 2222, user: u, password_env: REGISTRY_PASSWORD, known_hosts: known_hosts}
ready: done
recursive: true
`, func(c Config) bool {
			return c.SFTP.address() == "[2001:db8::1]:2222" && c.SFTP.Path == "." && c.Ready == Marked && c.Recursive && !c.wants("a.done")
		}},
	} {
		var got Config
		d := yaml.NewDecoder(bytes.NewBufferString(c.text))
		d.KnownFields(true)
		if err := d.Decode(&got); err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if err := got.Check(); err != nil {
			t.Errorf("%s: %v", c.text, err)
		} else if !c.ok(got.withDefaults()) {
			t.Errorf("%s became %+v", c.text, got)
		}
	}
}
