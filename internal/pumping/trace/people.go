package trace

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// country is where people live: how its mobile numbers look (# is any digit), what share of people types a code in, and how many addresses its mobile
// networks share among all their customers.
type country struct {
	numbers []string
	typed   float64
	// carriers are first halves of IPv4 addresses that mobile networks share, homes those of single households; shared is how many addresses a carrier has.
	carriers, homes []string
	shared          int
}

var countries = map[string]country{
	"DE": {[]string{"+4915########", "+4916########", "+4917########"}, 0.84, []string{"80.187", "109.40"}, []string{"84.150", "91.10", "93.220"}, 24},
	"FR": {[]string{"+336########", "+337########"}, 0.80, []string{"37.164", "92.184"}, []string{"90.60", "86.210"}, 24},
	"GB": {[]string{"+44738#######", "+44752#######", "+44771#######", "+44789#######"}, 0.86, []string{"82.132", "94.196"}, []string{"86.150", "2.24"}, 24},
	"US": {[]string{"+1415#######", "+1212#######", "+1312#######", "+1512#######", "+1617#######", "+1702#######"}, 0.88,
		[]string{"172.56", "174.192"}, []string{"73.20", "68.40", "24.5"}, 60},
	"IN": {[]string{"+917#########", "+918#########", "+919#########"}, 0.62, []string{"106.192", "49.36"}, []string{"117.200", "122.160"}, 80},
	"BR": {[]string{"+55119########", "+55219########", "+55319########"}, 0.66, []string{"177.24", "179.240"}, []string{"187.10", "189.30"}, 40},
	"SE": {[]string{"+4670#######", "+4673#######", "+4676#######"}, 0.95, []string{"90.224"}, []string{"83.250", "78.70"}, 12},
	"LU": {[]string{"+352621######", "+352661######", "+352691######"}, 0.83, []string{"176.10"}, []string{"85.93"}, 4},
}

// world makes messages.
type world struct {
	r        *rand.Rand
	messages []Message
}

func newWorld(seed uint64) *world { return &world{r: rand.New(rand.NewPCG(seed, 0x5EED))} }

// digits fills a pattern.
func (w *world) digits(pattern string) string {
	return strings.Map(func(r rune) rune {
		if r == '#' {
			return '0' + rune(w.r.IntN(10))
		}
		return r
	}, pattern)
}

func (w *world) pick(list []string) string { return list[w.r.IntN(len(list))] }

// address is where somebody of a country is online: behind a carrier's shared address, at home, or at home with IPv6.
func (w *world) address(c country) string {
	switch u := w.r.Float64(); {
	case u < 0.45:
		n := w.r.IntN(c.shared)
		return fmt.Sprintf("%s.%d.%d", w.pick(c.carriers), n/8, n%8*16+1)
	case u < 0.75:
		return fmt.Sprintf("%s.%d.%d", w.pick(c.homes), w.r.IntN(256), 1+w.r.IntN(254))
	}
	h := w.pick(c.homes)
	a, b, _ := strings.Cut(h, ".")
	return fmt.Sprintf("2a0%x:%x:%x:%x::%x", len(a), int(a[0])*256+int(b[0]), w.r.IntN(4096), w.r.IntN(65536), 1+w.r.IntN(65535))
}

// typing is how long a person takes until the code is typed in: 20 seconds in the middle, a minute for one in twelve, and a tail of late texts.
func (w *world) typing() float64 {
	t := 20 * math.Exp(0.75*w.r.NormFloat64())
	if w.r.Float64() < 0.04 { // the text is late
		t += 30 * w.r.ExpFloat64() * 2
	}
	return math.Round(min(max(t, 4), 580)*10) / 10
}

// person asks for a code, and again if it does not come.
func (w *world) person(at float64, code string, typed float64) {
	c := countries[code]
	w.personAt(at, w.digits(w.pick(c.numbers)), w.address(c), typed)
}

func (w *world) personAt(at float64, to, ip string, typed float64) {
	client := "app"
	if w.r.Float64() < 0.3 {
		client = "web"
	}
	for n := 0; ; n++ {
		m := Message{At: at, To: to, IP: ip, Client: client, Purpose: "sign_up", Label: Honest}
		share := typed * 0.96
		if n > 0 {
			share = typed / 2 // whose first text did not come often does not get the second
		}
		if w.r.Float64() < share {
			t := w.typing()
			m.TypedAfter = &t
			w.add(m)
			return
		}
		w.add(m)
		if n >= 3 || w.r.Float64() > 0.4 {
			return
		}
		at += 35 + 40*w.r.ExpFloat64()
	}
}

func (w *world) add(m Message) {
	m.At = math.Round(m.At*10) / 10
	w.messages = append(w.messages, m)
}

const hour, dayLong = 3600.0, 86400.0

// daily is how busy an hour is, 1 on average: quiet nights, busy evenings.
func daily(at float64) float64 {
	h := math.Mod(at, dayLong) / hour
	return max(1-0.95*math.Cos((h-4)/24*2*math.Pi), 0.05)
}

// people lets a pool's people come from one time to another, perHour on average, from countries by weight.
func (w *world) people(from, to, perHour float64, weights map[string]float64) {
	names, total := []string{}, 0.0
	for name := range weights {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		total += weights[name]
	}
	for at := from; ; {
		at += w.r.ExpFloat64() * hour / (perHour * 2)
		if at >= to {
			return
		}
		if w.r.Float64() > daily(at)/2 {
			continue
		}
		u := w.r.Float64() * total
		for _, name := range names {
			if u -= weights[name]; u < 0 {
				w.person(at, name, countries[name].typed)
				break
			}
		}
	}
}

// crowd lets people come evenly, as after an announcement: perMinute, rising over the first ramp seconds.
func (w *world) crowd(from, to, perMinute, ramp float64, code string) {
	for at := from; ; {
		rate := perMinute
		if ramp > 0 && at-from < ramp {
			rate = perMinute * max((at-from)/ramp, 0.05)
		}
		at += w.r.ExpFloat64() * 60 / rate
		if at >= to {
			return
		}
		w.person(at, code, countries[code].typed)
	}
}

// sorted returns the messages in the order of time.
func (w *world) sorted() []Message {
	slices.SortStableFunc(w.messages, func(a, b Message) int { return cmp.Compare(a.At, b.At) })
	return w.messages
}
