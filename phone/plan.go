package phone

import (
	"strconv"

	"github.com/nyaruka/phonenumbers"
)

// Plan is what the numbering plan says about a number. Asking for a Plan once costs a third of asking for its parts.
type Plan struct {
	// CallingCode is the country calling code, 1 to 3 digits without plus; "" where none is assigned.
	CallingCode string
	// Region is the ISO 3166 code of the country or territory. A number that fits no country of a shared calling code
	// counts to the main one (+1 555 … is US). "001" is a global service such as satellite; "" is unknown.
	Region string
	// Line is the type of the line; a former spelling (see LineKey) has the type of its line today.
	Line LineType
	// Valid reports whether the plan has such a number, written as it is (or was) dialled from abroad. It is a guard's
	// question, never the form's: most fictional numbers are not valid.
	Valid bool
}

// Plan looks n up in the numbering plan. The zero Number has the zero Plan.
func (n Number) Plan() Plan {
	plan := n.planAsWritten()
	if plan.Line == Unknown {
		if former, ok := n.former(); ok {
			return former.planAsWritten()
		}
	}
	return plan
}

// CallingCode is Plan's.
func (n Number) CallingCode() string { return n.Plan().CallingCode }

// Region is Plan's, and mostly found by the first digits alone.
func (n Number) Region() string {
	if r, ok := n.quickRegion(); ok {
		return r
	}
	return n.Plan().Region
}

// Line is Plan's.
func (n Number) Line() LineType { return n.Plan().Line }

// Valid is Plan's.
func (n Number) Valid() bool { return n.Plan().Valid }

func (n Number) planAsWritten() Plan {
	if n.IsZero() {
		return Plan{}
	}
	p, err := phonenumbers.Parse(n.e164, "ZZ")
	if err != nil {
		return Plan{}
	}
	code := int(p.GetCountryCode())
	plan := Plan{
		CallingCode: strconv.Itoa(code),
		Region:      phonenumbers.GetRegionCodeForNumber(p),
		Line:        lineTypeOf(p),
	}
	// The library forgives a trunk zero; such a spelling is not how the number is dialled.
	plan.Valid = plan.Line != Unknown && phonenumbers.Format(p, phonenumbers.E164) == n.e164
	if plan.Region == "" {
		if r := phonenumbers.GetRegionCodeForCountryCode(code); r != "ZZ" {
			plan.Region = r
		}
	}
	return plan
}
