package front

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks whose forwarded headers count. The zero value trusts nobody.
type Proxies []netip.Prefix

func (p Proxies) trusts(a netip.Addr) bool {
	for _, n := range p {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// forwardedHeaders are removed from every request once they have been judged.
var forwardedHeaders = []string{
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server",
	"X-Real-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "Fastly-Client-Ip", "X-Original-Host",
}

var (
	errForwardedFor   = errors.New("the declared proxy sent an X-Forwarded-For that cannot be read")
	errForwardedProto = errors.New("the declared proxy sent an X-Forwarded-Proto that is neither http nor https")
)

// client returns the client's address as RemoteAddr and the scheme that it used. The remote's own port is kept where
// no proxy stands between; a forwarded address gets port 0.
func (p Proxies) client(r *http.Request) (remote, scheme string, err error) {
	scheme = "http"
	if r.TLS != nil {
		scheme = "https"
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !p.trusts(peer.Addr().Unmap()) {
		return r.RemoteAddr, scheme, nil
	}
	switch proto := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("X-Forwarded-Proto"), ","))); proto {
	case "https", "":
		// A declared proxy that does not say so ends TLS: why else would it stand there.
		scheme = "https"
	case "http":
		scheme = "http"
	default:
		return "", "", errForwardedProto
	}
	addr, err := p.forwardedFor(peer.Addr().Unmap(), r.Header.Values("X-Forwarded-For"))
	if err != nil {
		return "", "", err
	}
	return netip.AddrPortFrom(addr, 0).String(), scheme, nil
}

// maxHops bounds the chain that is looked at.
const maxHops = 16

// forwardedFor walks from the right: what stands left of the first address that is not a declared proxy was written by strangers.
func (p Proxies) forwardedFor(peer netip.Addr, lines []string) (netip.Addr, error) {
	addr := peer
	if len(lines) == 0 {
		return addr, nil
	}
	hops := strings.Split(strings.Join(lines, ","), ",")
	for i := len(hops) - 1; i >= 0 && len(hops)-i <= maxHops; i-- {
		a, err := parseHop(strings.TrimSpace(hops[i]))
		if err != nil {
			return netip.Addr{}, errForwardedFor
		}
		addr = a
		if !p.trusts(a) {
			break
		}
	}
	return addr, nil
}

// parseHop accepts an address, with or without a port.
func parseHop(s string) (netip.Addr, error) {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, errForwardedFor
	}
	return a.Unmap(), nil
}
