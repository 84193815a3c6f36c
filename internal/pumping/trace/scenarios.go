package trace

// Scenario is a recording that can be made.
type Scenario struct {
	Header
	// Limit says that it shows what cannot be told apart from people: the aims do not hold, docs/guards.md says what it costs.
	Limit  bool
	script func(w *world)
}

// Messages makes the messages, always the same ones.
func (s Scenario) Messages() []Message {
	w := newWorld(s.Seed)
	s.script(w)
	return w.sorted()
}

var (
	europe = map[string]float64{"DE": 5, "FR": 3, "GB": 3, "SE": 1, "LU": 0.2}
	mixed  = map[string]float64{"US": 4, "IN": 4, "GB": 1, "DE": 1, "BR": 1}
)

// Scenarios returns all of them.
func Scenarios() []Scenario {
	return append(aims(), limits()...)
}

func named(name, pool string, seed uint64, about string, script func(w *world)) Scenario {
	return Scenario{Header: Header{Name: name, Pool: pool, Seed: seed, About: about}, script: script}
}

func aims() []Scenario {
	return []Scenario{
		named("range-large", "large", 101,
			"One range of a country without people of ours, from a new address each time, within an hour of a busy day.", func(w *world) {
				w.people(0, 20*hour, 330, europe)
				w.raid(raid{from: 14 * hour, to: 15 * hour, count: 3000, numbers: []string{"+22462455####"}, address: everywhere})
			}),
		named("range-served", "large", 102, "One range of a country that most people are from, two codes a number, one in fifty typed in.", func(w *world) {
			w.people(0, 20*hour, 330, europe)
			w.raid(raid{from: 13 * hour, to: 16 * hour, count: 3000, numbers: []string{"+491557733####"}, address: everywhere, typed: 0.02, again: 1})
		}),
		named("range-small", "small", 103, "A small pool; one range of its only country, in twenty minutes of the night.", func(w *world) {
			w.people(0, 72*hour, 45, map[string]float64{"DE": 1})
			w.raid(raid{from: 51 * hour, to: 51*hour + 1200, count: 2000, numbers: []string{"+491522088####"}, address: everywhere})
		}),
		named("address-small", "small", 104, "A small pool; one address, numbers from all over the world.", func(w *world) {
			w.people(0, 72*hour, 45, europe)
			w.raid(raid{from: 30 * hour, to: 34 * hour, count: 2500, address: single("198.51.100.7"), numbers: []string{
				"+4915########", "+447#########", "+9989########", "+2246########", "+9929########", "+2526########", "+8801########", "+2376########"}})
		}),
		named("address-large", "large", 105, "One address, numbers all over one large country, a launch that day.", func(w *world) {
			w.people(0, 16*hour, 250, mixed)
			w.crowd(9*hour, 11*hour, 25, 300, "IN")
			w.raid(raid{from: 9.5 * hour, to: 10 * hour, count: 2500, numbers: countries["IN"].numbers, address: single("198.51.100.99")})
		}),
		named("drip-range", "large", 106, "Fourteen codes an hour for six days to one range, from a new address each time.", func(w *world) {
			w.people(0, 144*hour, 55, mixed)
			w.raid(raid{from: 2 * hour, to: 142 * hour, count: 1960, numbers: []string{"+918899221####"}, address: everywhere})
		}),
		named("drip-address", "small", 107, "Ten codes an hour for six days from one address, to any number of one country.", func(w *world) {
			w.people(0, 144*hour, 40, europe)
			w.raid(raid{from: 20 * hour, to: 142 * hour, count: 1300, numbers: countries["GB"].numbers, address: single("198.51.100.23")})
		}),
		named("operator", "large", 108, "All numbers of a small country's operator, from a new address each time; nobody of ours lives there.", func(w *world) {
			w.people(0, 20*hour, 300, mixed)
			w.raid(raid{from: 12 * hour, to: 14 * hour, count: 4000, numbers: []string{"+99298#######"}, address: everywhere})
		}),
		named("launch", "large", 109,
			"A launch without history: eighty people a minute from the first minute on, then a raid on one range among them.", func(w *world) {
				w.crowd(60, 2*hour, 60, 120, "US")
				w.crowd(60, 2*hour, 20, 120, "BR")
				w.raid(raid{from: hour, to: hour + 900, count: 2000, numbers: []string{"+1767225####"}, address: everywhere})
			}),
		named("new-country", "large", 110, "A country opens on the second day: thirty people a minute, of whom two thirds type their codes in.", func(w *world) {
			w.people(0, 34*hour, 120, map[string]float64{"SE": 3, "DE": 2})
			w.crowd(32*hour, 34*hour, 30, 60, "BR")
			w.raid(raid{from: 33 * hour, to: 33.5 * hour, count: 1500, numbers: []string{"+553199877####"}, address: everywhere})
		}),
		named("carrier", "large", 111, "An address that a carrier shares among hundreds of our people, one of whom sends to ranges abroad.", func(w *world) {
			w.people(0, 24*hour, 300, map[string]float64{"DE": 1, "LU": 0.6})
			w.raid(raid{from: 15 * hour, to: 17 * hour, count: 2000, address: single("80.187.0.1"), numbers: []string{
				"+9989########", "+2246########", "+9929########", "+2526########", "+8801########", "+2376########"}})
		}),
		named("hosting", "large", 112,
			"Two hundred addresses of one rack and all networks of one IPv6 site, numbers all over a country of ours.", func(w *world) {
				w.people(0, 20*hour, 300, europe)
				w.raid(raid{from: 10 * hour, to: 12 * hour, count: 1800, numbers: countries["FR"].numbers, address: rack})
				w.raid(raid{from: 11 * hour, to: 13 * hour, count: 1800, numbers: countries["FR"].numbers, address: site})
			}),
		named("two-countries", "large", 113,
			"Ninety-five and sixty-two of a hundred codes are typed in; six ranges of the second country are raided.", func(w *world) {
				w.people(0, 30*hour, 260, map[string]float64{"SE": 1, "IN": 1})
				w.raid(raid{from: 20 * hour, to: 22 * hour, count: 6000, numbers: w.several(6, "+91788#######"), address: everywhere})
			}),
		named("world", "large", 114, "Twenty countries without people of ours, hundreds of proxies.", func(w *world) {
			w.people(0, 20*hour, 300, europe)
			w.raid(raid{from: 12 * hour, to: 13 * hour, count: 6000, address: proxies(600), numbers: []string{
				"+9989########", "+2246########", "+9929########", "+2526########", "+8801########", "+2376########", "+22890######", "+22670######",
				"+2217#######", "+2519########", "+25078#######", "+2567########", "+26097#######", "+2637########", "+9647########", "+9677########",
				"+9937#######", "+9965########", "+6792######", "+5923######"}})
		}),
		named("own-operator", "large", 202, "A million numbers of a country of ours, from a new address each time.", func(w *world) {
			w.people(0, 20*hour, 300, europe)
			w.raid(raid{from: 12 * hour, to: 14 * hour, count: 3000, numbers: []string{"+4917642######"}, address: everywhere})
		}),
		named("carriers", "large", 204, "One range, from the addresses that carriers share among our people.", func(w *world) {
			w.people(0, 20*hour, 300, europe)
			w.raid(raid{from: 12 * hour, to: 14 * hour, count: 2000, numbers: []string{"+22462455####"}, address: carriers("DE")})
		}),
		named("outage", "large", 115, "No attack: for fifty minutes no text arrives in one country, for ten in all.", func(w *world) {
			w.people(0, 20*hour, 380, europe)
			w.outage(15*hour, 15*hour+3000, "+49")
			w.outage(18*hour, 18*hour+600, "+")
		}),
		named("honest-weeks", "small", 116,
			"No attack: twelve days of a small pool, with a school class and a company that sign up from one address each.", func(w *world) {
				w.people(0, 12*dayLong, 30, mixed)
				for i := range 28 {
					w.personAt(3*dayLong+10*hour+float64(i)*9, w.digits("+4915########"), "84.150.7.7", 0.92)
				}
				for i := range 40 {
					w.personAt(8*dayLong+9*hour+float64(i)*45, w.digits("+1415550####"), "73.20.9.9", 0.95)
				}
			}),
	}
}

func limits() []Scenario {
	list := []Scenario{
		named("anywhere", "large", 201,
			"Numbers of all ranges of a country of ours, from a new address each time: each message alone looks like a person's.", func(w *world) {
				w.people(0, 20*hour, 200, europe)
				w.raid(raid{from: 12 * hour, to: 14 * hour, count: 3000, numbers: countries["DE"].numbers, address: everywhere})
			}),
		named("typists", "large", 203, "One range, and half of the codes are typed in.", func(w *world) {
			w.people(0, 20*hour, 200, europe)
			w.raid(raid{from: 12 * hour, to: 14 * hour, count: 1500, numbers: []string{"+491557733####"}, address: everywhere, typed: 0.5})
		}),
	}
	for i := range list {
		list[i].Limit = true
	}
	return list
}

// outage makes codes to numbers that begin so not arrive for a while.
func (w *world) outage(from, to float64, prefix string) {
	for i, m := range w.messages {
		if m.At >= from && m.At < to && len(m.To) >= len(prefix) && m.To[:len(prefix)] == prefix {
			w.messages[i].TypedAfter = nil
		}
	}
}
