package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// devPorts are the open listeners of dev.
type devPorts struct {
	// hosts are the loopback addresses asked for.
	hosts               []string
	http, https         []net.Listener
	lanHTTP, lanHTTPS   []net.Listener
	lan                 []string
	httpPort, httpsPort int
	onlyAddress         string // an explicit address, which then begins the issuer
}

// listenDev opens http at the port and https at the next one (both free ones if it is 0), on every address.
func listenDev(listen, lan string) (_ *devPorts, err error) {
	p := &devPorts{}
	host, portText, err := net.SplitHostPort(listen)
	port, err2 := strconv.Atoi(portText)
	if err != nil || err2 != nil || port < 0 || port > 65534 {
		return nil, hint(fmt.Errorf("--listen %s is not ADDR:PORT", listen), "countersign dev --listen 127.0.0.1:7500")
	}
	switch ip := net.ParseIP(host); {
	case host == "" || host == "localhost":
		p.hosts = []string{"127.0.0.1", "::1"}
	case ip != nil && ip.IsLoopback():
		p.hosts, p.onlyAddress = []string{host}, host
	default:
		return nil, hint(fmt.Errorf("--listen %s is not a loopback address: everybody near could read every code", listen),
			"for phones and containers: countersign dev --lan %s", host)
	}
	if p.lan, err = lanAddresses(lan); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	next := 0
	if port != 0 {
		next = port + 1
	}
	if p.http, p.lanHTTP, p.httpPort, err = p.listen(port); err != nil {
		return nil, err
	}
	p.https, p.lanHTTPS, p.httpsPort, err = p.listen(next)
	return p, err
}

// listen opens one port on all addresses. Port 0 takes one that is free on all of them.
func (p *devPorts) listen(port int) (local, lan []net.Listener, got int, err error) {
	for range 20 {
		local, got, err = listenAll(p.hosts, port)
		if err == nil {
			if lan, _, err = listenAll(p.lan, got); err == nil {
				return local, lan, got, nil
			}
			closeAll(local)
		}
		if port != 0 || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return nil, nil, 0, explainListen(err)
}

func listenAll(hosts []string, port int) (out []net.Listener, got int, err error) {
	got = port
	for i, h := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(h, strconv.Itoa(got)))
		if err != nil {
			if i > 0 && noSuchAddress(err) {
				continue // a machine without IPv6
			}
			closeAll(out)
			return nil, 0, err
		}
		out, got = append(out, l), l.Addr().(*net.TCPAddr).Port
	}
	return out, got, nil
}

func noSuchAddress(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

// explainListen says who has the port, if that can be known.
func explainListen(err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Addr == nil {
		return err
	}
	addr := op.Addr.String()
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		who := "another program"
		client := &http.Client{Timeout: 300 * time.Millisecond}
		if res, err := client.Get("http://" + addr + "/healthz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK && res.Header.Get("Cache-Control") == "no-store" {
				who = "another countersign"
			}
		}
		return hint(fmt.Errorf("%s is in use by %s", addr, who), "stop it, or take another port: countersign dev --listen 127.0.0.1:7500 (0 takes free ones)")
	case errors.Is(err, syscall.EACCES):
		return hint(fmt.Errorf("%s needs administrator's rights", addr), "take a port above 1023: countersign dev --listen 127.0.0.1:7500")
	case noSuchAddress(err):
		return hint(fmt.Errorf("this machine has no address %s", addr), "its addresses: ip addr")
	}
	return err
}

// lanAddresses expands 0.0.0.0 to the machine's own addresses, since Host needs names that can be declared.
func lanAddresses(lan string) ([]string, error) {
	if lan == "" {
		return nil, nil
	}
	ip, err := netip.ParseAddr(lan)
	if err != nil {
		return nil, hint(fmt.Errorf("--lan %s is not an address", lan), "countersign dev --lan 192.168.1.20 (0.0.0.0: every address of this machine)")
	}
	if ip.IsLoopback() {
		return nil, hint(fmt.Errorf("--lan %s is a loopback address, which dev serves anyway", lan), "countersign dev --lan 192.168.1.20")
	}
	if !ip.IsUnspecified() {
		return []string{ip.String()}, nil
	}
	all, err := net.InterfaceAddrs()
	var out []string
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			out = append(out, n.IP.String())
		}
	}
	if err == nil && len(out) == 0 {
		err = errors.New("this machine has no address but loopback")
	}
	return out, err
}

// names are the addresses that the certificate must hold beside the loopback ones.
func (p *devPorts) names() []string { return append(slices.Clone(p.hosts), p.lan...) }

// baseURLs is the closed list of what Host may be. The first one begins the issuer: the LAN address if there is one,
// since phones and this machine both reach it.
func (p *devPorts) baseURLs(extra []string) []string {
	url := func(scheme, host string, port int) string {
		return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port))
	}
	names := []string{"localhost", "127.0.0.1", "::1"}
	if p.onlyAddress != "" && p.onlyAddress != "127.0.0.1" {
		names = append(names, p.onlyAddress)
	}
	names = append(append(names, p.lan...), extra...)
	first := "localhost"
	if p.onlyAddress != "" {
		first = p.onlyAddress
	}
	if len(p.lan) > 0 {
		first = p.lan[0]
	}
	out := []string{url("http", first, p.httpPort)}
	for _, scheme := range []struct {
		name string
		port int
	}{{"http", p.httpPort}, {"https", p.httpsPort}} {
		for _, n := range names {
			if u := url(scheme.name, n, scheme.port); !slices.Contains(out, u) {
				out = append(out, u)
			}
		}
	}
	return out
}

func (p *devPorts) close() {
	for _, list := range [][]net.Listener{p.http, p.https, p.lanHTTP, p.lanHTTPS} {
		closeAll(list)
	}
}

func closeAll(list []net.Listener) {
	for _, l := range list {
		l.Close()
	}
}
