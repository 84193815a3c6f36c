package hookrun

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"countersign/internal/egress"
)

// maxRules bounds each list of Egress, maxPorts the ports that workers can connect to (Spec.Ports takes 32).
const (
	maxRules = 256
	maxPorts = 28
)

// rules is Egress, parsed.
type rules struct {
	hosts    []hostRule
	nets     []netRule
	only     []string
	loopback bool
}

// hostRule opens a port of a host: "api.example.com", "*.example.com", or "*" for all public ones.
type hostRule struct {
	pattern string
	port    int
}

// netRule opens a port of the names that resolve into a network.
type netRule struct {
	net  netip.Prefix
	port int
}

func newRules(e Egress) (*rules, error) {
	r := &rules{loopback: e.Loopback}
	if len(e.Allow) > maxRules || len(e.Only) > maxRules {
		return nil, fmt.Errorf("functions.egress: more than %d rules", maxRules)
	}
	var errs []error
	for _, a := range e.Allow {
		errs = append(errs, r.add(strings.ToLower(strings.TrimSpace(a))))
	}
	for _, h := range e.Only {
		h = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(h)), ".")
		if !hostName(strings.TrimPrefix(h, "*.")) {
			errs = append(errs, fmt.Errorf("functions.egress.only: %q is not a host name", h))
			continue
		}
		r.only = append(r.only, h)
	}
	if n := len(r.ports()); n > maxPorts {
		errs = append(errs, fmt.Errorf("functions.egress.allow: %d different ports, more than %d", n, maxPorts))
	}
	return r, errors.Join(errs...)
}

func (r *rules) add(a string) error {
	i := strings.LastIndexByte(a, ':')
	if i < 0 {
		return fmt.Errorf("functions.egress.allow: %q is not host:port", a)
	}
	port, err := strconv.Atoi(a[i+1:])
	if err != nil || port < 1 || port > 65535 {
		return fmt.Errorf("functions.egress.allow: %q has no port", a)
	}
	host := strings.Trim(a[:i], "[]")
	if n, err := netip.ParsePrefix(host); err == nil {
		r.nets = append(r.nets, netRule{n.Masked(), port})
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap().WithZone("")
		r.nets = append(r.nets, netRule{netip.PrefixFrom(ip, ip.BitLen()), port})
		return nil
	}
	host = strings.TrimSuffix(host, ".")
	if host != "*" && !hostName(strings.TrimPrefix(host, "*.")) {
		return fmt.Errorf("functions.egress.allow: %q names no host", a)
	}
	r.hosts = append(r.hosts, hostRule{host, port})
	return nil
}

// hostName reports whether s can be looked up: labels of letters, digits, hyphens and underscores.
func hostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

func matches(pattern, host string) bool {
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(host, suffix) && len(host) > len(suffix)
	}
	return pattern == host
}

// ports lists what a worker's network answers: the Runtime API first, then 443, 80, and what the rules open.
func (r *rules) ports() []int {
	out := []int{apiPort, 443, 80}
	for _, h := range r.hosts {
		out = append(out, h.port)
	}
	for _, n := range r.nets {
		out = append(out, n.port)
	}
	slices.Sort(out[1:])
	out = slices.Compact(out)
	if i := slices.Index(out[1:], apiPort); i >= 0 {
		out = slices.Delete(out, i+1, i+2)
	}
	return out
}

// policy is what the dialer must keep to for one host and port. The error says which setting would open it.
func (r *rules) policy(host string, port int) (*egress.Policy, error) {
	address := net.JoinHostPort(host, strconv.Itoa(port))
	for _, h := range r.hosts {
		if h.port == port && h.pattern != "*" && matches(h.pattern, host) {
			return egress.NewPolicy(r.loopback, host)
		}
	}
	if len(r.only) > 0 && !slices.ContainsFunc(r.only, func(p string) bool { return matches(p, host) }) {
		return nil, fmt.Errorf("%w: %s is not listed in functions.egress.only", egress.ErrRefused, host)
	}
	open := port == 443
	var nets []string
	for _, h := range r.hosts {
		open = open || h.port == port && h.pattern == "*"
	}
	for _, n := range r.nets {
		if n.port == port {
			nets = append(nets, n.net.String())
		}
	}
	if !open && len(nets) == 0 {
		return nil, fmt.Errorf("%w: port %d is closed; functions.egress.allow with %q opens it", egress.ErrRefused, port, address)
	}
	p, err := egress.NewPolicy(r.loopback, nets...)
	if err == nil && !open {
		return p, errNetsOnly
	}
	return p, err
}

// errNetsOnly comes with a policy of which only the listed networks count: the port is closed for public addresses.
var errNetsOnly = errors.New("hookrun: listed networks only")

// inNets reports whether an address is in a network whose port the rules open.
func (r *rules) inNets(ip netip.Addr, port int) bool {
	return slices.ContainsFunc(r.nets, func(n netRule) bool { return n.port == port && n.net.Contains(ip.Unmap()) })
}

// direct lists the ports that code may connect to by itself where Landlock bounds them but there is no network of its own.
func (r *rules) direct(isolated bool) []int {
	if isolated {
		return nil
	}
	return slices.DeleteFunc(r.ports(), func(p int) bool { return p == apiPort || p == 80 })
}
