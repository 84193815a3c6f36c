package pumping

import (
	"time"

	"countersign/internal/fault"
)

// Modes of the detector.
const (
	// Enforce refuses what is found, Record only says that it would have been refused, Off counts without judging.
	Enforce = "enforce"
	Record  = "record"
	Off     = "off"
)

// Level says how much a key of one kind may show before it can be blocked. Zero fields mean the default of the kind.
type Level struct {
	// A key can be blocked only if in an hour, or in a day, more codes stayed untyped than Floor and than Ratio times those typed in.
	HourFloor int     `json:"hour_floor,omitempty"`
	DayFloor  int     `json:"day_floor,omitempty"`
	HourRatio float64 `json:"hour_ratio,omitempty"`
	DayRatio  float64 `json:"day_ratio,omitempty"`
	// Waiting is how many codes may wait to be typed in at the same time where nothing was typed in lately. It grows with what is typed in.
	Waiting int `json:"waiting,omitempty"`
}

// Settings say when a pool's detector steps in. The zero value means Defaults.
type Settings struct {
	// Mode is enforce (default), record or off.
	Mode string `json:"mode,omitempty"`
	// Country is a country, Wide a range of a million numbers (a number without its last six digits), Range one of ten thousand (without the last
	// four), Address a single address (IPv6: /64), Network the /24 around it (IPv6: /48).
	Country Level `json:"country,omitzero"`
	Wide    Level `json:"wide_range,omitzero"`
	Range   Level `json:"range,omitzero"`
	Address Level `json:"address,omitzero"`
	Network Level `json:"network,omitzero"`
	// CountriesPerAddress is to how many countries in which it had no code typed in an address may send in a day. Default 3.
	CountriesPerAddress int `json:"countries_per_address,omitempty"`
	// Odds is by how much likelier an attack must explain what was seen than people do. Default 5000.
	Odds float64 `json:"odds,omitempty"`
	// Conversion is the share of codes that are typed in where nothing is known yet. Default 0.65.
	Conversion float64 `json:"conversion,omitempty"`
	// BlockHours is how long a key stays blocked after the last attempt. Default 12.
	BlockHours int `json:"block_hours,omitempty"`
}

// Defaults returns the settings of a pool that has none of its own. Floors and ratios of countries and addresses are a published starting point;
// docs/guards.md shows what simulations say of the rest.
func Defaults() Settings {
	return Settings{
		Mode:    Enforce,
		Country: Level{HourFloor: 3, DayFloor: 20, HourRatio: 0.2, DayRatio: 0.3, Waiting: 40},
		Wide:    Level{HourFloor: 4, DayFloor: 10, HourRatio: 0.2, DayRatio: 0.3, Waiting: 12},
		Range:   Level{HourFloor: 3, DayFloor: 4, HourRatio: 0.2, DayRatio: 0.3, Waiting: 6},
		Address: Level{HourFloor: 5, DayFloor: 10, HourRatio: 0.2, DayRatio: 0.3, Waiting: 8},
		Network: Level{HourFloor: 5, DayFloor: 10, HourRatio: 0.2, DayRatio: 0.3, Waiting: 16},

		CountriesPerAddress: 3, Odds: 5000, Conversion: 0.65, BlockHours: 12,
	}
}

// filled returns s with the defaults where it has none.
func (s Settings) filled() Settings {
	d := Defaults()
	if s.Mode == "" {
		s.Mode = d.Mode
	}
	s.Country, s.Wide, s.Range = s.Country.or(d.Country), s.Wide.or(d.Wide), s.Range.or(d.Range)
	s.Address, s.Network = s.Address.or(d.Address), s.Network.or(d.Network)
	if s.CountriesPerAddress == 0 {
		s.CountriesPerAddress = d.CountriesPerAddress
	}
	if s.Odds == 0 {
		s.Odds = d.Odds
	}
	if s.Conversion == 0 {
		s.Conversion = d.Conversion
	}
	if s.BlockHours == 0 {
		s.BlockHours = d.BlockHours
	}
	return s
}

func (l Level) or(d Level) Level {
	if l.HourFloor == 0 {
		l.HourFloor = d.HourFloor
	}
	if l.DayFloor == 0 {
		l.DayFloor = d.DayFloor
	}
	if l.HourRatio == 0 {
		l.HourRatio = d.HourRatio
	}
	if l.DayRatio == 0 {
		l.DayRatio = d.DayRatio
	}
	if l.Waiting == 0 {
		l.Waiting = d.Waiting
	}
	return l
}

// Check returns a fault.InvalidParameter that names the first field that cannot be, and what can.
func (s Settings) Check() error {
	switch s.Mode {
	case "", Enforce, Record, Off:
	default:
		return fault.Invalidf("pumping.mode", "The mode is %s, %s or %s.", Enforce, Record, Off)
	}
	for _, l := range []struct {
		name string
		Level
	}{{"country", s.Country}, {"wide_range", s.Wide}, {"range", s.Range}, {"address", s.Address}, {"network", s.Network}} {
		if err := l.check("pumping." + l.name); err != nil {
			return err
		}
	}
	switch {
	case s.CountriesPerAddress < 0 || s.CountriesPerAddress > 250:
		return fault.Invalidf("pumping.countries_per_address", "An address may send to 1 to 250 countries; 0 is the default.")
	case s.Odds != 0 && (s.Odds < 10 || s.Odds > 1e9):
		return fault.Invalidf("pumping.odds", "The odds are between 10 and 1,000,000,000.")
	case s.Conversion != 0 && (s.Conversion < minUsual || s.Conversion > maxUsual):
		return fault.Invalidf("pumping.conversion", "The share of codes that are typed in is between %.2f and %.2f.", minUsual, maxUsual)
	case s.BlockHours < 0 || s.BlockHours > 24*30:
		return fault.Invalidf("pumping.block_hours", "A block lasts 1 to %d hours; 0 is the default.", 24*30)
	}
	return nil
}

func (l Level) check(name string) error {
	for _, n := range []struct {
		field string
		n     int
	}{{"hour_floor", l.HourFloor}, {"day_floor", l.DayFloor}, {"waiting", l.Waiting}} {
		if n.n < 0 || n.n > 1_000_000 {
			return fault.Invalidf(name+"."+n.field, "This is a number between 1 and 1,000,000; 0 is the default.")
		}
	}
	if l.HourRatio < 0 || l.HourRatio > 100 || l.DayRatio < 0 || l.DayRatio > 100 {
		return fault.Invalidf(name, "The ratios are between 0 and 100; 0 is the default.")
	}
	return nil
}

// block is how long a block lasts.
func (s Settings) block() time.Duration { return time.Duration(s.BlockHours) * time.Hour }
