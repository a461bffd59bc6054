package drop

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/dosebook/dosebook/dose"
)

// passwordServer is an SFTP server that asks for a password in the way given,
// which the machine's own sshd can't do without changing a user.
func passwordServer(t *testing.T, signer ssh.Signer, way string) string {
	t.Helper()
	right := func(ok bool) (*ssh.Permissions, error) {
		if !ok {
			return nil, errors.New("no")
		}
		return nil, nil
	}
	conf := &ssh.ServerConfig{}
	conf.AddHostKey(signer)
	ask := func(questions ...string) func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		return func(_ ssh.ConnMetadata, c ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			got, err := c("", "", questions, make([]bool, len(questions)))
			return right(err == nil && len(got) == 1 && got[0] == "right")
		}
	}
	switch way {
	case "password":
		conf.PasswordCallback = func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) { return right(string(p) == "right") }
	case "keyboard":
		conf.KeyboardInteractiveCallback = ask("Password: ")
	case "code":
		conf.KeyboardInteractiveCallback = ask("Password: ", "Code: ")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { serveSFTP(c, conf) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return l.Addr().String()
}

func serveSFTP(c net.Conn, conf *ssh.ServerConfig) {
	defer c.Close()
	_, chans, reqs, err := ssh.NewServerConn(c, conf)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(reqs)
	for ch := range chans {
		channel, requests, err := ch.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				_ = r.Reply(r.Type == "subsystem", nil)
			}
		}()
		if s, err := sftp.NewServer(channel, sftp.ReadOnly()); err == nil {
			_ = s.Serve()
			_ = s.Close()
		}
	}
}

func TestPasswords(t *testing.T) {
	s := &sshd{dir: t.TempDir()}
	keyFile := s.dir + "/host"
	s.hostKey = writeKey(t, keyFile)
	signer, err := (&Source{c: Config{SFTP: &SFTP{KeyFile: keyFile}}}).key()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ way, password, says string }{
		{"password", "right", ""}, {"keyboard", "right", ""},
		{"password", "wr0ng", "refused user, key or password"}, {"keyboard", "wr0ng", "refused user, key or password"},
		{"code", "right", "more than a password"},
	} {
		t.Run(fmt.Sprint(c.way, c.says == ""), func(t *testing.T) {
			w := newSFTPWorld(t, s, passwordServer(t, signer, c.way), nil)
			w.config.SFTP.KeyFile, w.config.SFTP.PasswordEnv = "", "DROP_PASSWORD"
			w.env["DROP_PASSWORD"] = c.password
			w.put("a.txt", "1", 1)
			if c.says == "" {
				w.wantRun("a.txt=1", "1 file")
				return
			}
			_, err := w.fetch()
			if !errors.Is(err, dose.ErrDenied) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), c.password) {
				t.Errorf("the error is %v, want %q", err, c.says)
			}
		})
	}
}

func TestKeyPassphrase(t *testing.T) {
	srv := startSSHD(t)
	w := newSFTPWorld(t, srv, srv.addr, nil)
	w.put("a.txt", "1", 1)
	w.config.SFTP.KeyFile = lockedCopy(t, srv.key, "open sesame")
	for _, c := range []struct{ env, text, says string }{
		{"", "", "sftp.key_env"}, {"KEY", "hunter2", "passphrase"}, {"KEY", "", "passphrase"},
	} {
		w.config.SFTP.KeyEnv, w.env["KEY"] = c.env, c.text
		_, err := w.fetch()
		if !errors.Is(err, dose.ErrDenied) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("passphrase %q: %v", c.text, err)
		}
	}
	w.env["KEY"] = "open sesame"
	w.wantRun("a.txt=1", "1 file")
}
