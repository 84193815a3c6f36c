package hookrun

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
)

const (
	// maxNames bounds the names that one worker can look up; beyond, look-ups fail.
	maxNames = 4096
	// dnsTTL is short enough for clients that keep names, and any: a name's address never changes while the worker lives.
	dnsTTL = 60
)

// names gives each name that a worker looks up an address of its own in 127.64.0.0/10, so that a connection tells which host is meant,
// whatever protocol it speaks.
type names struct {
	// full is called, once, when there are too many names.
	full func()
	// localhost gives this name, too, an address of its own: a rule opens a port of this machine.
	localhost bool

	mu     sync.Mutex
	byName map[string]netip.Addr
	byAddr map[netip.Addr]string
}

func newNames() *names {
	return &names{byName: map[string]netip.Addr{}, byAddr: map[netip.Addr]string{}}
}

// addr returns the address of a name in lower case; false if there are too many.
func (n *names) addr(name string) (netip.Addr, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a, ok := n.byName[name]; ok {
		return a, true
	}
	i := len(n.byName) + 1
	if i > maxNames {
		if n.full != nil {
			n.full()
			n.full = nil
		}
		return netip.Addr{}, false
	}
	a := netip.AddrFrom4([4]byte{127, 64, byte(i >> 8), byte(i)})
	n.byName[name], n.byAddr[a] = a, name
	return a, true
}

// name returns the name that an address was given to, or "".
func (n *names) name(a netip.Addr) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.byAddr[a.Unmap()]
}

// serveDNS answers queries until the socket is closed.
func (n *names) serveDNS(c net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		size, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		if reply := n.answer(buf[:size]); reply != nil {
			c.WriteTo(reply, from)
		}
	}
}

// DNS numbers (RFC 1035, sections 3.2 and 4.1.1).
const (
	dnsResponse  = 1 << 15
	dnsRecursion = 1<<8 | 1<<7 // desired, available
	dnsServFail  = 2
	dnsNXDomain  = 3
	dnsNotImpl   = 4
	typeA        = 1
	classIN      = 1
)

// answer returns the reply to a query: one address for A, nothing for all other types, so that clients do not look further; nil for
// what is no query. "localhost" is 127.0.0.1 (RFC 6761, section 6.3), where nothing listens but the Runtime API, unless a rule names it.
func (n *names) answer(q []byte) []byte {
	if len(q) < 12 || len(q) > 512 {
		return nil
	}
	flags := binary.BigEndian.Uint16(q[2:])
	if flags&dnsResponse != 0 || binary.BigEndian.Uint16(q[4:]) != 1 {
		return nil
	}
	name, end := question(q)
	if end < 0 {
		return nil
	}
	kind, class := binary.BigEndian.Uint16(q[end:]), binary.BigEndian.Uint16(q[end+2:])
	reply := append([]byte(nil), q[:end+4]...)
	code, answers := uint16(0), uint16(0)
	switch {
	case flags>>11&15 != 0 || class != classIN:
		code = dnsNotImpl
	case !hostName(name):
		code = dnsNXDomain
	case kind == typeA:
		a, ok := netip.AddrFrom4([4]byte{127, 0, 0, 1}), true
		if name != "localhost" || n.localhost {
			a, ok = n.addr(name)
		}
		if !ok {
			code = dnsServFail
			break
		}
		answers = 1
		ip := a.As4()
		reply = append(reply, 0xc0, 12, 0, typeA, 0, classIN, 0, 0, 0, dnsTTL, 0, 4)
		reply = append(reply, ip[:]...)
	}
	binary.BigEndian.PutUint16(reply[2:], dnsResponse|flags&(15<<11)|flags&(1<<8)|dnsRecursion|code)
	binary.BigEndian.PutUint16(reply[6:], answers)
	binary.BigEndian.PutUint16(reply[8:], 0)
	binary.BigEndian.PutUint16(reply[10:], 0) // EDNS0 is not answered: clients fall back to plain DNS (RFC 6891, section 6.2.2)
	return reply
}

// question reads the one question's name in lower case, and returns where its type begins; -1 if it is malformed.
func question(q []byte) (string, int) {
	var b strings.Builder
	at := 12
	for at < len(q) {
		size := int(q[at])
		at++
		if size == 0 {
			if at+4 > len(q) {
				return "", -1
			}
			return strings.ToLower(b.String()), at
		}
		if size > 63 || at+size > len(q) || b.Len()+size > 253 { // compression has no place in a first question
			return "", -1
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.Write(q[at : at+size])
		at += size
	}
	return "", -1
}
