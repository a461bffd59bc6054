package serve

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// TLS wraps l with the certificate and key of two PEM files. A renewed
// certificate is taken up within a minute, without a restart; one that can't
// be read leaves the old one in use.
func TLS(l net.Listener, certFile, keyFile string) (net.Listener, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile}
	if _, err := c.get(nil); err != nil {
		return nil, fmt.Errorf("tls: %w: %w", err, dose.ErrInvalid)
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"http/1.1"}}), nil
}

// lookEvery is how often the files are looked at.
const lookEvery = time.Minute

type certificate struct {
	certFile, keyFile string
	mu                sync.Mutex
	now               *tls.Certificate
	looked, changed   time.Time
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != nil && time.Since(c.looked) < lookEvery {
		return c.now, nil
	}
	c.looked = time.Now()
	changed, err := newest(c.certFile, c.keyFile)
	if err != nil || c.now != nil && changed.Equal(c.changed) {
		return c.or(err)
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return c.or(err)
	}
	c.now, c.changed = &pair, changed
	return c.now, nil
}

// or is the certificate that is in use, or else why there is none.
func (c *certificate) or(err error) (*tls.Certificate, error) {
	if c.now != nil {
		return c.now, nil
	}
	return nil, err
}

func newest(files ...string) (at time.Time, err error) {
	for _, file := range files {
		st, failed := os.Stat(file)
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		if st.ModTime().After(at) {
			at = st.ModTime()
		}
	}
	return at, err
}
