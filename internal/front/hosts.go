package front

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Hosts is the closed list of declared base URLs: what Host may say, and which pool it means. Safe for concurrent use.
type Hosts struct {
	mu sync.RWMutex
	// origin ("http://localhost:7446") → pool id, "" for all pools.
	pools map[string]string
	order []string
	// lookup answers for origins that are not in the table (pools with names of their own).
	lookup func(origin string) (poolID string, ok bool)
}

// NewHosts returns an empty list. lookup may be nil; it is asked for origins that were not declared.
func NewHosts(lookup func(origin string) (poolID string, ok bool)) *Hosts {
	return &Hosts{pools: map[string]string{}, lookup: lookup}
}

// Declare adds a base URL ("https://id.example.com") for one pool, or for all if poolID is empty. A path is refused.
func (h *Hosts) Declare(baseURL, poolID string) error {
	o, err := OriginOf(baseURL)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.pools[o]; !ok {
		h.order = append(h.order, o)
	}
	h.pools[o] = poolID
	return nil
}

// List returns the declared origins in the order of their declaration.
func (h *Hosts) List() []string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Clone(h.order)
}

// Owner returns the pool of a declared base URL, "" if it is for all pools. ok is false if it was not declared.
func (h *Hosts) Owner(baseURL string) (poolID string, ok bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	poolID, ok = h.pools[baseURL]
	return poolID, ok
}

// find looks up scheme and Host header.
func (h *Hosts) find(scheme, host string) (poolID string, ok bool) {
	o, ok := origin(scheme, host)
	if !ok {
		return "", false
	}
	h.mu.RLock()
	poolID, ok = h.pools[o]
	h.mu.RUnlock()
	if !ok && h.lookup != nil {
		return h.lookup(o)
	}
	return poolID, ok
}

// OriginOf returns the origin of a base URL in the form that the list uses: lower case, without a default port.
func OriginOf(baseURL string) (string, error) {
	u, err := url.Parse(baseURL)
	switch {
	case err != nil:
		return "", fmt.Errorf("%q is not a URL", baseURL)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("%q must begin with http:// or https://", baseURL)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return "", fmt.Errorf("%q must be scheme, host and port only", baseURL)
	}
	o, ok := origin(u.Scheme, u.Host)
	if !ok {
		return "", fmt.Errorf("%q has no usable host", baseURL)
	}
	return o, nil
}

// maxHost bounds a Host header: a DNS name of 253 bytes and a port.
const maxHost = 260

// origin joins scheme and host in canonical form.
func origin(scheme, host string) (string, bool) {
	if host == "" || len(host) > maxHost {
		return "", false
	}
	host = strings.ToLower(host)
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port = host[:i], host[i+1:]
		if port == "" || strings.Trim(port, "0123456789") != "" {
			return "", false
		}
	}
	if !hostName(name) {
		return "", false
	}
	if (scheme == "http" && port == "80") || (scheme == "https" && port == "443") || port == "" {
		return scheme + "://" + name, true
	}
	return scheme + "://" + name + ":" + port, true
}

// hostName accepts names, IPv4 and bracketed IPv6.
func hostName(s string) bool {
	if strings.HasPrefix(s, "[") {
		return strings.HasSuffix(s, "]") && net.ParseIP(s[1:len(s)-1]) != nil
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return s != ""
}
