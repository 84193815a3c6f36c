package egress

import "net/netip"

// reserved lists what no public service lives on (IANA special-purpose address registries, IPv4 and IPv6, and cloud
// metadata services that sit on public-looking addresses), with the word that a refusal uses.
var reserved = []struct {
	prefix netip.Prefix
	why    string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified"},               // RFC 791, section 3.2
	{netip.MustParsePrefix("10.0.0.0/8"), "private"},                  // RFC 1918
	{netip.MustParsePrefix("100.64.0.0/10"), "carrier-grade NAT"},     // RFC 6598; 100.100.100.200 is Alibaba's metadata
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},                // RFC 1122, section 3.2.1.3
	{netip.MustParsePrefix("168.63.129.16/32"), "a metadata service"}, // Azure's wire server
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},           // RFC 3927; 169.254.169.254 is the metadata of most clouds
	{netip.MustParsePrefix("172.16.0.0/12"), "private"},               // RFC 1918
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved"},               // RFC 6890; 192.0.0.192 is Oracle's metadata
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation"},          // RFC 5737
	{netip.MustParsePrefix("192.88.99.0/24"), "reserved"},             // RFC 7526
	{netip.MustParsePrefix("192.168.0.0/16"), "private"},              // RFC 1918
	{netip.MustParsePrefix("198.18.0.0/15"), "for benchmarks"},        // RFC 2544
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation"},       // RFC 5737
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation"},        // RFC 5737
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},               // RFC 5771
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},                // RFC 1112, section 4; broadcast
	{netip.MustParsePrefix("::/128"), "unspecified"},                  // RFC 4291
	{netip.MustParsePrefix("::1/128"), "loopback"},                    // RFC 4291
	{netip.MustParsePrefix("64:ff9b:1::/48"), "local NAT64"},          // RFC 8215
	{netip.MustParsePrefix("100::/64"), "a black hole"},               // RFC 6666
	{netip.MustParsePrefix("2001::/32"), "Teredo"},                    // RFC 4380
	{netip.MustParsePrefix("2001:2::/48"), "for benchmarks"},          // RFC 5180
	{netip.MustParsePrefix("2001:10::/28"), "reserved"},               // RFC 4843
	{netip.MustParsePrefix("2001:20::/28"), "reserved"},               // RFC 7343
	{netip.MustParsePrefix("2001:db8::/32"), "documentation"},         // RFC 3849
	{netip.MustParsePrefix("3fff::/20"), "documentation"},             // RFC 9637
	{netip.MustParsePrefix("5f00::/16"), "reserved"},                  // RFC 9602
	{netip.MustParsePrefix("fc00::/7"), "private"},                    // RFC 4193; fd00:ec2::254 is Amazon's metadata
	{netip.MustParsePrefix("fe80::/10"), "link-local"},                // RFC 4291
	{netip.MustParsePrefix("fec0::/10"), "site-local"},                // RFC 3879
	{netip.MustParsePrefix("ff00::/8"), "multicast"},                  // RFC 4291
}

// embedding lists IPv6 prefixes that carry an IPv4 address, and the byte where it begins.
var embedding = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("::/96"), 12},           // IPv4-compatible, RFC 4291
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12}, // IPv4-translated, RFC 2765
	{netip.MustParsePrefix("64:ff9b::/96"), 12},    // NAT64, RFC 6052
	{netip.MustParsePrefix("2002::/16"), 2},        // 6to4, RFC 3056
}

// inside says why an address is not a public one, or "". ip has no zone and is not IPv4-mapped.
func inside(ip netip.Addr) string {
	for _, r := range reserved {
		if r.prefix.Contains(ip) {
			return r.why
		}
	}
	if !ip.Is6() {
		return ""
	}
	b := ip.As16()
	for _, e := range embedding {
		if e.prefix.Contains(ip) {
			if why := inside(netip.AddrFrom4([4]byte(b[e.at : e.at+4]))); why != "" {
				return why + " in disguise"
			}
		}
	}
	// ISATAP (RFC 5214, section 6.1) hides an IPv4 address under any prefix.
	if b[8]&^3 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe {
		if why := inside(netip.AddrFrom4([4]byte(b[12:]))); why != "" {
			return why + " in disguise"
		}
	}
	return ""
}
