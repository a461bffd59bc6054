package drop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/dosebook/dosebook/dose"
)

// server is a box on an SFTP server: one connection, one thing at a time. The
// connection ends when the context does, or when nothing comes for idle.
type server struct {
	dir     string
	conn    *ssh.Client
	client  *sftp.Client
	idle    time.Duration
	timer   *time.Timer
	silent  atomic.Bool // the timer has ended the connection
	ctx     func() error
	release func() bool
}

const (
	dialTimeout = 30 * time.Second
	parallel    = 64       // reads in flight a file
	packet      = 32 << 10 // bytes a read, so that at most 2 MB are in flight
)

// dial connects, checks the server's key, signs in, and finds the folder.
func (s *Source) dial(ctx context.Context) (box, error) {
	conf, err := s.clientConfig()
	if err != nil {
		return nil, err
	}
	ctx2, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	d := net.Dialer{KeepAlive: 15 * time.Second}
	addr := s.c.SFTP.address()
	raw, err := d.DialContext(ctx2, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, dose.ErrUpstream)
	}
	// From here on the end of ctx, or silence, closes the connection, which
	// ends whatever waits for it.
	sv := &server{dir: s.c.SFTP.Path, idle: s.idle, ctx: ctx.Err}
	sv.timer = time.AfterFunc(s.idle, func() { sv.silent.Store(true); raw.Close() })
	sv.release = context.AfterFunc(ctx, func() { raw.Close() })
	c, chans, reqs, err := ssh.NewClientConn(raw, addr, conf)
	if err != nil {
		return nil, errors.Join(sv.signInError(err), sv.end(raw))
	}
	sv.kick()
	sv.conn = ssh.NewClient(c, chans, reqs)
	sv.client, err = sftp.NewClient(sv.conn, sftp.MaxPacketChecked(packet), sftp.MaxConcurrentRequestsPerFile(parallel))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the server gives no SFTP: %w", sv.failure(err)), sv.end(sv.conn))
	}
	return sv, nil
}

// end stops what watches the connection, and closes it.
func (s *server) end(c io.Closer) error {
	s.timer.Stop()
	s.release()
	_ = c.Close() // it may be closed already, and nothing was written
	return nil
}

func (s *server) close() error {
	_ = s.client.Close()
	return s.end(s.conn)
}

// kick is called whenever the server has done something.
func (s *server) kick() { s.timer.Reset(s.idle) }

// failure gives an error its kind. An answer of the server that only one file
// is wrong becomes an unreadable.
func (s *server) failure(err error) error {
	var answer *sftp.StatusError
	switch {
	case err == nil:
		return nil
	case s.ctx() != nil:
		return s.ctx()
	case s.silent.Load():
		return fmt.Errorf("the server was silent for %v: %w", s.idle, dose.ErrUpstream)
	case errors.Is(err, fs.ErrNotExist):
		return err
	case errors.Is(err, fs.ErrPermission):
		return unreadable{fmt.Errorf("%w: %w", err, dose.ErrDenied)}
	case errors.As(err, &answer):
		return unreadable{fmt.Errorf("%w: %w", err, dose.ErrUpstream)}
	}
	return fmt.Errorf("the connection broke off: %w: %w", err, dose.ErrUpstream)
}

func (s *server) list(ctx context.Context, recursive bool) ([]entry, error) {
	return walk(recursive, func(name string) ([]fs.FileInfo, error) {
		s.timer.Reset(5 * s.idle) // a long list comes in many answers
		defer s.kick()
		infos, err := s.client.ReadDirContext(ctx, path.Join(s.dir, name))
		if errors.Is(err, fs.ErrNotExist) && name == "." {
			return nil, fmt.Errorf("%w: is sftp.path right? It begins at the login folder, unless with a slash: %w", err, dose.ErrUpstream)
		}
		return infos, s.failure(err)
	})
}

// open asks first what the name is: opening a pipe may never return.
func (s *server) open(_ context.Context, name string) (file, error) {
	s.kick()
	full := path.Join(s.dir, name)
	fi, err := s.client.Lstat(full)
	if err != nil {
		return nil, s.failure(err)
	}
	if !fi.Mode().IsRegular() {
		return nil, errChanged
	}
	s.kick()
	f, err := s.client.Open(full)
	if err != nil {
		return nil, s.failure(err)
	}
	return &remoteFile{f, s}, nil
}

// rename asks whether the new name is taken: OpenSSH refuses then, other
// servers may overwrite (SFTP version 3, 6.5, says it is an error).
func (s *server) rename(_ context.Context, from, to string) error {
	from, to = path.Join(s.dir, from), path.Join(s.dir, to)
	s.kick()
	if _, err := s.client.Lstat(to); err == nil {
		return fs.ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return s.failure(err)
	}
	s.kick()
	if fi, err := s.client.Stat(path.Dir(to)); err != nil || !fi.IsDir() {
		if err := s.client.Mkdir(path.Dir(to)); err != nil {
			return fmt.Errorf("make the folder %s: %w", path.Base(path.Dir(to)), s.failure(err))
		}
	}
	s.kick()
	return s.failure(s.client.Rename(from, to))
}

// remoteFile tells the watch about every sign of life, and gives errors their
// kind.
type remoteFile struct {
	*sftp.File
	s *server
}

func (f *remoteFile) ReadAt(b []byte, off int64) (int, error) {
	f.s.kick()
	n, err := f.File.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		err = f.s.failure(err)
	}
	return n, err
}

func (f *remoteFile) WriteTo(w io.Writer) (int64, error) {
	f.s.kick()
	n, err := f.File.WriteTo(kicker{w, f.s})
	return n, f.s.failure(err)
}

func (f *remoteFile) Stat() (fs.FileInfo, error) {
	f.s.kick()
	fi, err := f.File.Stat()
	return fi, f.s.failure(err)
}

type kicker struct {
	io.Writer
	s *server
}

func (k kicker) Write(b []byte) (int, error) {
	k.s.kick()
	return k.Writer.Write(b)
}
