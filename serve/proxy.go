package serve

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// forwarded is the header by which a trusted proxy tells whom it speaks for.
const forwarded = "X-Forwarded-For"

// behind sets the request's address to that of the client where the peer is a
// trusted proxy: the last address of X-Forwarded-For that is no trusted proxy
// itself, since a client can write what stands before it. Of another peer the
// header is not believed.
func (s *server) behind(r *http.Request) {
	list := r.Header.Values(forwarded)
	if len(list) == 0 || !s.trusts(remote(r)) {
		return
	}
	hops := strings.Split(strings.Join(list, ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		addr, err := netip.ParseAddr(hop)
		if err != nil {
			return // what can't be read is not believed: the proxy's own address stands
		}
		if !s.trusts(hop) {
			r.RemoteAddr = net.JoinHostPort(addr.String(), "0")
			return
		}
	}
}

func (s *server) trusts(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(s.Proxies, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
}
