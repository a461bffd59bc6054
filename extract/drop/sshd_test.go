package drop

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// sshd is OpenSSH's own server on a port of this machine, as the present
// user, for one test.
type sshd struct {
	dir, addr string
	hostKey   ssh.PublicKey
	hostKeys  []ssh.PublicKey // of all kinds, hostKey among them
	key       string          // file of the user's private key
}

func findSSHD(t testing.TB) string {
	t.Helper()
	for _, p := range []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"} {
		if exists(p) {
			return p
		}
	}
	if required("sftp") {
		t.Fatal("sshd is missing: install openssh-server")
	}
	t.Skip("sshd is missing: install openssh-server to run this")
	return ""
}

func startSSHD(t testing.TB) *sshd {
	t.Helper()
	bin := findSSHD(t)
	s := &sshd{dir: t.TempDir(), addr: freePort(t)}
	s.hostKey = writeKey(t, filepath.Join(s.dir, "host"))
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s.hostKeys = []ssh.PublicKey{s.hostKey, savedKey(t, filepath.Join(s.dir, "host-ec"), ec), savedKey(t, filepath.Join(s.dir, "host-rsa"), rs)}
	s.key = filepath.Join(s.dir, "user")
	user := writeKey(t, s.key)
	_, port, _ := net.SplitHostPort(s.addr)
	write(t, filepath.Join(s.dir, "authorized"), ssh.MarshalAuthorizedKey(user))
	write(t, filepath.Join(s.dir, "config"), fmt.Appendf(nil, `Port %s
ListenAddress 127.0.0.1
HostKey %[2]s/host
HostKey %[2]s/host-ec
HostKey %[2]s/host-rsa
PidFile %[2]s/pid
AuthorizedKeysFile %[2]s/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
ForceCommand internal-sftp
Subsystem sftp internal-sftp
`, port, s.dir))
	if os.Getuid() == 0 { // where root's sshd keeps an empty folder
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	cmd := exec.Command(bin, "-D", "-e", "-f", filepath.Join(s.dir, "config"))
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("sshd said:\n%s", log.String())
		}
	})
	for range 100 {
		if c, err := net.Dial("tcp", s.addr); err == nil {
			_ = c.Close()
			return s
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("sshd does not answer")
	return nil
}

// newSFTPWorld is a world whose box is read over SFTP; knows holds the host's
// key for addr.
func newSFTPWorld(t testing.TB, s *sshd, addr string, change func(*Config)) *world {
	t.Helper()
	w := newWorld(t, nil)
	host, port, _ := net.SplitHostPort(addr)
	w.config = Config{SFTP: &SFTP{Host: host, User: os.Getenv("USER"), KeyFile: s.key, KnownHosts: filepath.Join(t.TempDir(), "known_hosts"), Path: w.box}}
	if w.config.SFTP.User == "" {
		w.config.SFTP.User = "root"
	}
	_, _ = fmt.Sscan(port, &w.config.SFTP.Port)
	w.knows(addr, s.hostKey)
	if change != nil {
		change(&w.config)
	}
	return w
}

func (w *world) knows(addr string, key ssh.PublicKey) {
	w.t.Helper()
	write(w.t, w.config.SFTP.KnownHosts, []byte(knownhosts.Line([]string{knownhosts.Normalize(addr)}, key)+"\n"))
}

func writeKey(t testing.TB, path string) ssh.PublicKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return savedKey(t, path, private)
}

func savedKey(t testing.TB, path string, private crypto.Signer) ssh.PublicKey {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, pem.EncodeToMemory(block))
	key, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// proxy stands before a server and spoils things. It counts what the server
// sends.
type proxy struct {
	addr   string
	cutAt  atomic.Int64 // cut the connection after so many bytes from the server; 0: never
	mute   atomic.Bool  // pass on nothing more
	perSec atomic.Int64 // bytes a second; 0: all
	sent   atomic.Int64
	after  atomic.Pointer[func(sent int64)] // called on the way
}

// then sets what is called on the way, with what has been sent so far.
func (p *proxy) then(f func(sent int64)) { p.after.Store(&f) }

func startProxy(t testing.TB, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String()}
	var all sync.WaitGroup
	var open sync.Map
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", to)
			if err != nil {
				_ = c.Close()
				continue
			}
			open.Store(c, true)
			open.Store(up, true)
			all.Go(func() { _, _ = io.Copy(up, c); _ = up.Close() })
			all.Go(func() { p.pass(c, up); _ = c.Close(); _ = up.Close() })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true })
		all.Wait()
	})
	return p
}

func (p *proxy) pass(c io.Writer, up io.Reader) {
	var sent int64
	buf := make([]byte, 8<<10)
	for {
		n, err := up.Read(buf)
		if err != nil {
			return
		}
		cut := p.cutAt.Load()
		if cut > 0 && sent+int64(n) >= cut {
			_, _ = c.Write(buf[:cut-sent])
			return
		}
		for p.mute.Load() {
			time.Sleep(10 * time.Millisecond)
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return
		}
		sent += int64(n)
		total := p.sent.Add(int64(n))
		if f := p.after.Load(); f != nil {
			(*f)(total)
		}
		if rate := p.perSec.Load(); rate > 0 {
			time.Sleep(time.Duration(int64(n) * int64(time.Second) / rate))
		}
	}
}

// lockedCopy writes the key again, under a passphrase.
func lockedCopy(t testing.TB, path, passphrase string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	write(t, path+".locked", pem.EncodeToMemory(block))
	return path + ".locked"
}
