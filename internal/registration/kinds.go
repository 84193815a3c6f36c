package registration

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"countersign/internal/fault"
)

// rule is what a kind may and must have.
type rule struct {
	// under are the kinds that it may stand under; must: it has to.
	under []Kind
	must  bool
	// countries are where there is such a thing; empty: everywhere.
	countries string
	// sends: texts are sent under it, or under what stands below it. text: it is one text.
	sends, text bool
	// needs are the fields without which it cannot be approved, in the spelling of JSON.
	needs []string
}

// tenDLC are the countries and territories of +1 whose long codes carriers of the United States serve. That those outside of the fifty states ask for the
// same registration is not said by every carrier.
const tenDLC = "US PR VI GU AS MP"

func rules(k Kind) (rule, bool) {
	switch k {
	case TenDLCBrand:
		return rule{countries: tenDLC, needs: []string{"brand_id"}}, true
	case TenDLCCampaign:
		return rule{under: []Kind{TenDLCBrand}, must: true, countries: tenDLC, sends: true, needs: []string{"campaign_id"}}, true
	case TollFree, ShortCode:
		return rule{sends: true, needs: []string{"sender"}}, true
	case SenderID:
		return rule{under: []Kind{DLTEntity}, sends: true, needs: []string{"sender"}}, true
	case DLTEntity:
		return rule{countries: "IN", needs: []string{"entity_id"}}, true
	case DLTTemplate:
		return rule{under: []Kind{DLTEntity, SenderID}, must: true, countries: "IN", sends: true, text: true, needs: []string{"template_id"}}, true
	case Template:
		return rule{under: []Kind{TenDLCCampaign, TollFree, ShortCode, SenderID}, must: true, sends: true, text: true}, true
	}
	return rule{}, false
}

// Kinds returns all kinds, those that stand alone first.
func Kinds() []Kind {
	return []Kind{TenDLCBrand, TollFree, ShortCode, SenderID, DLTEntity, TenDLCCampaign, DLTTemplate, Template}
}

// Statuses returns all states.
func Statuses() []Status { return []Status{Draft, Submitted, Approved, Rejected, Expired} }

// Purposes returns all purposes.
func Purposes() []string { return []string{SignIn, SignUp, Recovery, Verify, Invite, Notice} }

func (k Kind) mayStandUnder(parent Kind) bool {
	r, _ := rules(k)
	return slices.Contains(r.under, parent)
}

const (
	maxName, maxReason = 64, 500
	maxID, maxLocale   = 50, 35
	maxSender          = 20
)

// tidy is a registration with its times in UTC and its sender as senders are compared.
func tidy(r Registration) Registration {
	r.Sender = sender(r.Sender)
	r.Text = lines(r.Text)
	if !r.ExpiresAt.IsZero() {
		r.ExpiresAt = r.ExpiresAt.UTC().Truncate(time.Microsecond)
	}
	return r
}

// sender is a number with its plus sign, and any other sender as it is: the DLT tells capitals from small letters.
func sender(s string) string {
	s = strings.TrimSpace(s)
	if digits := strings.TrimPrefix(s, "+"); len(digits) >= 7 && strings.Trim(digits, "0123456789") == "" {
		return "+" + digits
	}
	return s
}

// check refuses what can never be right. Errors: fault.InvalidParameter.
func (r Registration) check() error {
	k, ok := rules(r.Kind)
	switch {
	case !ok:
		return fault.Invalidf("kind", "The kind is one of %s.", list(Kinds()))
	case !isCountry(r.Country):
		return fault.Invalidf("country", "The country is two capital letters, such as US.")
	case k.countries != "" && !slices.Contains(strings.Fields(k.countries), r.Country):
		return fault.Invalidf("country", "A %s is for %s.", r.Kind, strings.ReplaceAll(k.countries, " ", ", "))
	case !slices.Contains(Statuses(), r.Status):
		return fault.Invalidf("status", "The status is one of %s.", list(Statuses()))
	case k.must && r.ParentID == "":
		return fault.Invalidf("parent_id", "A %s stands under a %s.", r.Kind, list(k.under))
	case len(k.under) == 0 && r.ParentID != "":
		return fault.Invalidf("parent_id", "A %s stands under nothing.", r.Kind)
	}
	if err := r.checkFields(); err != nil {
		return err
	}
	if r.Status == Approved {
		for _, name := range k.needs {
			if r.field(name) == "" {
				return fault.Invalidf(name, "An approved %s has its %s.", r.Kind, name)
			}
		}
	}
	return r.checkText(k)
}

func (r Registration) field(name string) string {
	return map[string]string{"brand_id": r.BrandID, "campaign_id": r.CampaignID, "entity_id": r.EntityID, "template_id": r.TemplateID, "sender": r.Sender}[name]
}

func (r Registration) checkFields() error {
	if r.Name != strings.TrimSpace(r.Name) || r.Name == "" || !printable(r.Name, maxName) {
		return fault.Invalidf("name", "The name has 1 to %d characters.", maxName)
	}
	if !printable(r.Reason, maxReason) {
		return fault.Invalidf("reason", "The reason has at most %d characters on one line.", maxReason)
	}
	if !isASCII(r.Sender, maxSender) {
		return fault.Invalidf("sender", "The sender is a number, or at most %d letters, digits and signs.", maxSender)
	}
	for _, name := range []string{"brand_id", "campaign_id", "entity_id", "template_id"} {
		if v := r.field(name); !isASCII(v, maxID) || strings.Contains(v, " ") {
			return fault.Invalidf(name, "The %s has at most %d letters, digits and signs.", name, maxID)
		}
	}
	if len(r.Locale) > maxLocale || strings.Trim(r.Locale, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
		return fault.Invalidf("locale", "The locale is a language tag, such as hi or en-IN.")
	}
	if len(r.ParentID) > maxName*4 {
		return fault.Invalidf("parent_id", "There is no registration of this name.")
	}
	for i, p := range r.Purposes {
		if !slices.Contains(Purposes(), p) || slices.Contains(r.Purposes[:i], p) {
			return fault.Invalidf("purposes", "The purposes are some of %s.", list(Purposes()))
		}
	}
	return nil
}

func (r Registration) checkText(k rule) error {
	switch {
	case r.Text == "" && k.text:
		return fault.Invalidf("text", "A %s has its text.", r.Kind)
	case r.Text == "" && len(r.Variables) > 0:
		return fault.Invalidf("variables", "There are no variables without a text.")
	case r.Text == "":
		return nil
	case !k.sends:
		return fault.Invalidf("text", "A %s has no text: its texts stand under it.", r.Kind)
	}
	p, err := parse(r.Text)
	if err != nil {
		return err
	}
	_, err = p.template(r.Variables, len(r.Purposes) == 1 && r.Purposes[0] == Notice)
	return err
}

func list[T ~string](names []T) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = string(n)
	}
	return strings.Join(out, ", ")
}

func isCountry(c string) bool {
	return len(c) == 2 && strings.Trim(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func printable(s string, most int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && !strings.ContainsFunc(s, unicode.IsControl)
}

func isASCII(s string, most int) bool {
	return len(s) <= most && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// Check says what Put would refuse whatever else is there, and returns the registration as it would be kept. Errors: fault.InvalidParameter.
func (r Registration) Check() (Registration, error) {
	r = tidy(r)
	return r, r.check()
}
