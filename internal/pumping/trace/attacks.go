package trace

import "fmt"

// raid is an attack: codes for numbers of patterns, from addresses, none or few typed in.
type raid struct {
	from, to float64
	count    int
	// numbers are patterns that are drawn from.
	numbers []string
	// from where: a function, since attackers differ most in that.
	address func(w *world) string
	// typed is the share typed in, again how many further codes are asked for each number.
	typed float64
	again int
}

func (w *world) raid(a raid) {
	for n := 0; n < a.count; {
		at := a.from + w.r.Float64()*(a.to-a.from)
		to, ip := w.digits(w.pick(a.numbers)), a.address(w)
		for k := 0; k <= a.again && n < a.count; k++ {
			m := Message{At: at + float64(k)*(30+20*w.r.Float64()), To: to, IP: ip, Client: "web", Purpose: "sign_up", Label: Attack}
			if w.r.Float64() < a.typed {
				t := w.typing()
				m.TypedAfter = &t
			}
			w.add(m)
			n++
		}
	}
}

// everywhere is a rented network of proxies in households of the whole world.
func everywhere(w *world) string {
	return fmt.Sprintf("%d.%d.%d.%d", 25+w.r.IntN(175), w.r.IntN(256), w.r.IntN(256), 1+w.r.IntN(254))
}

// proxies is a network of so many proxies, each used again and again.
func proxies(n int) func(*world) string {
	var list []string
	return func(w *world) string {
		for len(list) < n {
			list = append(list, everywhere(w))
		}
		return w.pick(list)
	}
}

// single is one address.
func single(ip string) func(*world) string { return func(*world) string { return ip } }

// site is all the IPv6 networks of one customer of a hosting company.
func site(w *world) string {
	return fmt.Sprintf("2001:db8:77:%x::%x", w.r.IntN(65536), 1+w.r.IntN(65535))
}

// rack is a /24 of a hosting company.
func rack(w *world) string { return fmt.Sprintf("203.0.113.%d", 1+w.r.IntN(254)) }

// carriers are the addresses that the mobile networks of a country share among their customers.
func carriers(code string) func(*world) string {
	c := countries[code]
	return func(w *world) string {
		n := w.r.IntN(c.shared)
		return fmt.Sprintf("%s.%d.%d", w.pick(c.carriers), n/8, n%8*16+1)
	}
}

// several draws so many ranges of ten thousand numbers out of a pattern; the last four digits stay open.
func (w *world) several(n int, pattern string) (out []string) {
	for range n {
		out = append(out, w.digits(pattern[:len(pattern)-4])+"####")
	}
	return out
}
