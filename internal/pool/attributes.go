package pool

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/phone"
)

// attributeBytes is the longest value of any attribute (quotas, developer guide).
const attributeBytes = 2048

// who writes attributes.
type writer int

const (
	byUser writer = iota
	byAdmin
)

// checkAttributes judges new values against the schema and the writer's rights, and returns them by name. creating allows values of
// immutable attributes.
func (t *tenant) checkAttributes(list []Attr, w writer, creating bool) (map[string]string, error) {
	out := make(map[string]string, len(list))
	for _, a := range list {
		sc := t.cfg.attribute(a.Name)
		switch {
		case sc == nil:
			return nil, fault.Invalidf(a.Name, "Attributes did not conform to the schema: Type for attribute {%s} could not be determined", a.Name).
				WithHint("Add the attribute to the pool's schema, or prefix custom attributes with custom:")
		case a.Name == "sub" || (w == byUser && !t.writable(a.Name)):
			return nil, fault.New(fault.AttributeNotWritable).WithField(a.Name).WithHint("Only administrators write %s; or add it to the client's WriteAttributes.", a.Name)
		case !sc.Mutable && !creating:
			return nil, fault.Invalidf(a.Name, "%s: Attribute cannot be updated.", a.Name)
		}
		if err := sc.check(a.Value); err != nil {
			return nil, err
		}
		if a.Name == attrPreferred && t.cfg.aliases(attrPreferred) { // it must not look like a name that has to be proved
			if _, err := t.cfg.checkUsername(a.Value); err != nil {
				return nil, err
			}
		}
		out[a.Name] = a.Value
	}
	return out, nil
}

// writable: users never write what says that something was verified, and only what their client may.
func (t *tenant) writable(name string) bool {
	if name == attrPhoneVerified || name == attrEmailVerified || strings.HasPrefix(name, "dev:") {
		return false
	}
	if t.ccfg == nil || t.ccfg.WriteAttributes == nil {
		return true
	}
	return slices.Contains(t.ccfg.WriteAttributes, name)
}

// readable: what the client may see in GetUser and in the ID token.
func (t *tenant) readable(name string) bool {
	if strings.HasPrefix(name, "dev:") {
		return false
	}
	if t.ccfg == nil || t.ccfg.ReadAttributes == nil || name == "sub" {
		return true
	}
	return slices.Contains(t.ccfg.ReadAttributes, name)
}

func (sc *SchemaAttribute) check(v string) error {
	bad := func(format string, args ...any) error {
		return fault.Invalidf(sc.Name, "Attributes did not conform to the schema: "+sc.Name+": "+format, args...)
	}
	switch sc.Name {
	case attrPhone:
		if v == "" {
			return nil
		}
		if _, err := phone.Parse(v); err != nil {
			return fault.Invalidf(attrPhone, "Invalid phone number format.").
				WithHint("Send E.164: +, country code, number, digits only (+12025550123).")
		}
	case attrEmail:
		if v != "" && !isEmail(v) {
			return fault.Invalidf(attrEmail, "Invalid email address format.")
		}
	}
	if len(v) > attributeBytes {
		return bad("String must be no longer than %d bytes", attributeBytes)
	}
	switch sc.Type {
	case "Number":
		n, err := strconv.ParseFloat(v, 64)
		if v != "" && (err != nil || (sc.Min != nil && n < float64(*sc.Min)) || (sc.Max != nil && n > float64(*sc.Max))) {
			return bad("Attribute does not conform to the number constraint")
		}
	case "Boolean":
		if v != "true" && v != "false" && v != "" {
			return bad("Attribute must be true or false")
		}
	case "DateTime":
		if _, err := time.Parse(time.RFC3339, v); v != "" && err != nil {
			return bad("Attribute must be an ISO 8601 date and time")
		}
	default:
		n := int64(utf8.RuneCountInString(v))
		if v != "" && sc.Min != nil && n < *sc.Min {
			return bad("String must be at least %d characters", *sc.Min)
		}
		if sc.Max != nil && n > *sc.Max {
			return bad("String must be no longer than %d characters", *sc.Max)
		}
	}
	return nil
}

// missing returns the first required attribute without a value, "" if none is missing. sub is the pool's to give.
func (c *Config) missing(attrs map[string]string) string {
	for _, sc := range c.Schema {
		if sc.Required && sc.Name != "sub" && attrs[sc.Name] == "" {
			return sc.Name
		}
	}
	return ""
}

func requiredError(name string) error {
	return fault.Invalidf(name, "Attributes did not conform to the schema: %s: The attribute is required", name)
}

// merge writes values into a user's attributes; an empty value removes the attribute, as Cognito does.
func merge(attrs, values map[string]string) {
	for k, v := range values {
		if v == "" {
			delete(attrs, k)
		} else {
			attrs[k] = v
		}
	}
}

// view shows a user. read limits the attributes to what the client may see.
func (s *Service) view(t *tenant, u *store.User, read func(string) bool) *UserView {
	v := &UserView{
		Username: u.Username, Sub: u.ID, Status: u.Status, Enabled: u.Enabled, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
		Factors: chosenFactors(u), Preferred: u.MFA.Preferred, FirstFactors: firstFactors(t.cfg, u),
	}
	for _, k := range slices.Sorted(maps.Keys(u.Attributes)) {
		if read == nil || read(k) {
			v.Attributes = append(v.Attributes, Attr{k, u.Attributes[k]})
		}
	}
	v.Attributes = append(v.Attributes, Attr{"sub", u.ID})
	return v
}

func all(string) bool { return true }
