package egress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// ErrRefused is wrapped by errors for addresses that the policy does not allow.
var ErrRefused = errors.New("egress: address not allowed")

// Policy says which inside addresses may be reached. The zero Policy allows public addresses only.
type Policy struct {
	loopback bool
	hosts    map[string]bool // lower case, "host" or "host:port"
	nets     []netip.Prefix
}

// maxAllow bounds the list of exceptions.
const maxAllow = 256

// NewPolicy returns the policy that allows public addresses and the exceptions listed: host names ("sms.internal",
// also with a port: "sms.internal:8443"), addresses ("10.1.2.3") and networks ("10.0.0.0/8"). A name stands for whatever address it
// resolves to. loopback allows this machine, as dev mode does. All problems of the list are reported together.
func NewPolicy(loopback bool, allow ...string) (*Policy, error) {
	p := &Policy{loopback: loopback, hosts: map[string]bool{}}
	if len(allow) > maxAllow {
		return nil, fmt.Errorf("egress: more than %d exceptions", maxAllow)
	}
	var errs []error
	for _, a := range allow {
		if err := p.add(strings.ToLower(strings.TrimSpace(a))); err != nil {
			errs = append(errs, err)
		}
	}
	return p, errors.Join(errs...)
}

func (p *Policy) add(a string) error {
	if n, err := netip.ParsePrefix(a); err == nil {
		if n.Addr().Is4In6() {
			return fmt.Errorf("egress: %q: write IPv4 networks in IPv4 form", a)
		}
		p.nets = append(p.nets, n.Masked())
		return nil
	}
	if ip, err := netip.ParseAddr(strings.Trim(a, "[]")); err == nil {
		ip = ip.Unmap().WithZone("")
		p.nets = append(p.nets, netip.PrefixFrom(ip, ip.BitLen()))
		return nil
	}
	host := a
	if h, port, err := net.SplitHostPort(a); err == nil {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("egress: %q: bad port", a)
		}
		if _, err := netip.ParseAddr(h); err == nil {
			p.hosts[net.JoinHostPort(h, port)] = true
			return nil
		}
		host = h
	}
	if !hostName(host) {
		return fmt.Errorf("egress: %q is not a host name, address or network", a)
	}
	p.hosts[strings.TrimSuffix(a, ".")] = true
	return nil
}

func hostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
			return false
		}
	}
	return s[0] != '.' && s[0] != '-'
}

// AllowsName reports whether host (name or address, as dialled) and port are an exception by name.
func (p *Policy) AllowsName(host, port string) bool {
	if p == nil || len(p.hosts) == 0 {
		return false
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return p.hosts[host] || p.hosts[net.JoinHostPort(host, port)]
}

// Check returns nil if the address may be connected to, else an error that wraps ErrRefused.
func (p *Policy) Check(ip netip.Addr) error {
	ip = ip.WithZone("").Unmap()
	if !ip.IsValid() {
		return fmt.Errorf("%w: no address", ErrRefused)
	}
	if p != nil {
		for _, n := range p.nets {
			if n.Contains(ip) {
				return nil
			}
		}
		if p.loopback && ip.IsLoopback() {
			return nil
		}
	}
	if why := inside(ip); why != "" {
		return fmt.Errorf("%w: %s is %s", ErrRefused, ip, why)
	}
	return nil
}

// CheckURL says whether a target may be configured: http or https, a host, no user information, no address that
// Check refuses. Names are judged when they are dialled.
func (p *Policy) CheckURL(raw string) (*url.URL, error) {
	if len(raw) > 2048 {
		return nil, errors.New("egress: the URL is longer than 2048 bytes")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("egress: not a URL")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("egress: the scheme must be https or http")
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("egress: the URL names no host")
	case u.User != nil:
		return nil, errors.New("egress: the URL must not hold a user name or password")
	case u.Fragment != "":
		return nil, errors.New("egress: the URL must not have a fragment")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, errors.New("egress: bad port")
		}
	}
	return u, p.checkHost(u)
}

func (p *Policy) checkHost(u *url.URL) error {
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if p.AllowsName(host, portOf(u)) {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return p.Check(ip)
	}
	if looksNumeric(host) {
		return fmt.Errorf("%w: %q is an address in an unusual form", ErrRefused, host)
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return p.Check(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	return nil
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// looksNumeric finds forms of an IPv4 address that some resolvers accept (0x7f.1, 017700000001, 2130706433).
func looksNumeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if strings.HasPrefix(last, "0x") {
		return true
	}
	for i := range len(last) {
		if last[i] < '0' || last[i] > '9' {
			return false
		}
	}
	return last != ""
}
