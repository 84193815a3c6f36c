package cognito

import (
	"slices"
	"strconv"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/pool"
)

// maxCustomAttributes is how many a pool may have (developer guide, quotas).
const maxCustomAttributes = 50

// fullSchema is the 20 standard attributes, as far as the request changes them, and after them its own ones under their prefixed names.
func fullSchema(requested []api.SchemaAttributeType) ([]api.SchemaAttributeType, error) {
	all := schemaWire(pool.StandardSchema())
	standard := len(all)
	seen := map[string]bool{}
	for _, a := range requested {
		name := wire.Value(a.Name)
		i := slices.IndexFunc(all[:standard], func(s api.SchemaAttributeType) bool { return *s.Name == name })
		var err error
		if i >= 0 {
			err = changeStandard(&all[i], a)
		} else {
			if a, err = customAttribute(a); err == nil {
				name = *a.Name
				all = append(all, a)
			}
		}
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, fault.Invalidf("Schema", "Duplicate custom attribute names %s are not allowed in a user pool schema.", name)
		}
		seen[name] = true
	}
	if len(all)-standard > maxCustomAttributes {
		return nil, fault.Invalidf("Schema", "A user pool has at most %d custom attributes.", maxCustomAttributes)
	}
	_, err := schemaConfig(all)
	return all, err
}

// changeStandard applies what a request may say about a standard attribute.
func changeStandard(s *api.SchemaAttributeType, a api.SchemaAttributeType) error {
	fixed := *s.Name == "sub" && (wire.Value(a.Mutable) || (a.Required != nil && !*a.Required))
	if fixed || wire.Value(a.DeveloperOnlyAttribute) || (a.AttributeDataType != nil && *a.AttributeDataType != *s.AttributeDataType) {
		return fault.Invalidf("Schema", "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute %s", *s.Name)
	}
	if a.Mutable != nil {
		s.Mutable = a.Mutable
	}
	if a.Required != nil {
		s.Required = a.Required
	}
	if a.StringAttributeConstraints != nil {
		s.StringAttributeConstraints = a.StringAttributeConstraints
	}
	if a.NumberAttributeConstraints != nil {
		s.NumberAttributeConstraints = a.NumberAttributeConstraints
	}
	return nil
}

// customAttribute gives an attribute its prefix and its defaults.
func customAttribute(a api.SchemaAttributeType) (api.SchemaAttributeType, error) {
	switch {
	case wire.Value(a.Name) == "":
		return a, fault.Invalidf("Schema", "Schema: an attribute needs a Name.")
	case a.AttributeDataType == nil:
		return a, fault.Invalidf("Schema", "Invalid AttributeDataType input, consider using the provided AttributeDataType enum.")
	case wire.Value(a.Required):
		return a, fault.Invalidf("Schema", "Required custom attributes are not supported currently.")
	}
	orSet(&a.DeveloperOnlyAttribute, false)
	orSet(&a.Mutable, true)
	orSet(&a.Required, false)
	name := "custom:" + *a.Name
	if *a.DeveloperOnlyAttribute {
		name = "dev:" + name
	}
	a.Name = &name
	switch *a.AttributeDataType {
	case api.AttributeDataString:
		orSet(&a.StringAttributeConstraints, api.StringAttributeConstraintsType{})
	case api.AttributeDataNumber:
		orSet(&a.NumberAttributeConstraints, api.NumberAttributeConstraintsType{})
	}
	return a, nil
}

// schemaConfig is the schema as the flows check it.
func schemaConfig(list []api.SchemaAttributeType) ([]pool.SchemaAttribute, error) {
	var out []pool.SchemaAttribute
	for _, a := range list {
		s := pool.SchemaAttribute{
			Name: wire.Value(a.Name), Type: wire.Value(a.AttributeDataType), Required: wire.Value(a.Required), Mutable: wire.Value(a.Mutable),
			DeveloperOnly: wire.Value(a.DeveloperOnlyAttribute),
		}
		var err error
		if c := a.StringAttributeConstraints; c != nil && s.Type == api.AttributeDataString {
			s.Min, s.Max, err = bounds(s.Name, c.MinLength, c.MaxLength, "max length shorter than it's min length")
			if err == nil && (outside(s.Min) || outside(s.Max)) {
				err = fault.Invalidf("Schema", "Attribute %s: lengths are between 0 and 2048.", s.Name)
			}
		}
		if c := a.NumberAttributeConstraints; c != nil && s.Type == api.AttributeDataNumber {
			s.Min, s.Max, err = bounds(s.Name, c.MinValue, c.MaxValue, "max value smaller than it's min value")
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func outside(length *int64) bool { return length != nil && (*length < 0 || *length > 2048) }

// bounds reads two constraints, which the API writes as text.
func bounds(name string, least, most *string, wrongOrder string) (lo, hi *int64, err error) {
	for _, b := range []struct {
		text *string
		to   **int64
	}{{least, &lo}, {most, &hi}} {
		if b.text == nil || *b.text == "" {
			continue
		}
		n, err := strconv.ParseInt(*b.text, 10, 64)
		if err != nil {
			return nil, nil, fault.Invalidf("Schema", "Attribute %s: a constraint is not a whole number.", name)
		}
		*b.to = &n
	}
	if lo != nil && hi != nil && *lo > *hi {
		return nil, nil, fault.Invalidf("Schema", "Attribute %s cannot have a %s", name, wrongOrder)
	}
	return lo, hi, nil
}

// schemaWire is the schema as the API shows it.
func schemaWire(list []pool.SchemaAttribute) []api.SchemaAttributeType {
	text := func(n *int64) *string {
		if n == nil {
			return nil
		}
		return new(strconv.FormatInt(*n, 10))
	}
	var out []api.SchemaAttributeType
	for _, s := range list {
		a := api.SchemaAttributeType{Name: &s.Name, AttributeDataType: &s.Type, DeveloperOnlyAttribute: &s.DeveloperOnly, Mutable: &s.Mutable, Required: &s.Required}
		switch s.Type {
		case api.AttributeDataString:
			a.StringAttributeConstraints = &api.StringAttributeConstraintsType{MinLength: text(s.Min), MaxLength: text(s.Max)}
		case api.AttributeDataNumber:
			a.NumberAttributeConstraints = &api.NumberAttributeConstraintsType{MinValue: text(s.Min), MaxValue: text(s.Max)}
		}
		out = append(out, a)
	}
	return out
}
