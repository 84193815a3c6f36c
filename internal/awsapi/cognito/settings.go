package cognito

import (
	"maps"
	"slices"
	"strings"

	"countersign/internal/fault"
	"countersign/internal/token"
	"countersign/phone"
)

// Countersign's own settings of a pool, which Cognito has no members for, are tags with this prefix: every SDK, CLI and template can
// set them, and UpdateUserPool replaces them as it does all others. docs/pool-settings.md explains them.
const (
	tagPrefix           = "countersign:"
	tagSeparateAttempts = tagPrefix + "separate-attempts"
	tagStrict           = tagPrefix + "strict"
	tagAlgorithm        = tagPrefix + "token-algorithm"
	tagOperatorNumber   = tagPrefix + "operator-number"
	tagCodeSuite        = tagPrefix + "code-suite"
	tagSenderRetries    = tagPrefix + "sender-retries"
	// tagRequireMFA is followed by "/" and the id of an app client.
	tagRequireMFA = tagPrefix + "require-mfa"
)

// ownSettings are the tags, read.
type ownSettings struct {
	separateAttempts, strict bool
	// algorithm is RS256, ES256 or empty.
	algorithm string
	// operatorNumber is in E.164 form, or empty.
	operatorNumber string
	// codeSuite is the algorithm suite of codes for sender functions, 0 for the default; senderRetries is how often a function that failed
	// is called again.
	codeSuite     uint16
	senderRetries int
	// requireMFA holds ids of app clients.
	requireMFA map[string]bool
}

// ownSettingsOf reads the tags with our prefix. Unknown ones are refused by name: a misspelt setting must not look as if it worked.
func ownSettingsOf(tags map[string]string) (ownSettings, error) {
	out := ownSettings{requireMFA: map[string]bool{}}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value := tags[key]
		if !strings.HasPrefix(key, tagPrefix) {
			continue
		}
		var err error
		switch name, client, _ := strings.Cut(key, "/"); {
		case key == tagSeparateAttempts:
			out.separateAttempts, err = onOff(key, value)
		case key == tagStrict:
			out.strict, err = onOff(key, value)
		case key == tagAlgorithm:
			if value != string(token.RS256) && value != string(token.ES256) {
				return out, badTag(key, "RS256 or ES256")
			}
			out.algorithm = value
		case key == tagOperatorNumber:
			if _, err := phone.Parse(value); err != nil {
				return out, badTag(key, "a phone number in E.164 form, like +12025550123")
			}
			out.operatorNumber = value
		case key == tagCodeSuite:
			suites := map[string]uint16{"0x0378": 0x0378, "0x0478": 0x0478, "0x0578": 0x0578}
			if out.codeSuite = suites[value]; out.codeSuite == 0 {
				return out, badTag(key, "0x0378, 0x0478 or 0x0578")
			}
		case key == tagSenderRetries:
			if value != "0" && value != "1" && value != "2" {
				return out, badTag(key, "0, 1 or 2")
			}
			out.senderRetries = int(value[0] - '0')
		case name == tagRequireMFA && client != "":
			var on bool
			if on, err = onOff(key, value); on {
				out.requireMFA[client] = true
			}
		default:
			return out, fault.Invalidf("UserPoolTags", "UserPoolTags: %s is not a setting of Countersign.", key).
				WithHint("The settings are %s, %s, %s, %s, %s, %s and %s/<client id>.", tagSeparateAttempts, tagStrict, tagAlgorithm, tagOperatorNumber,
					tagCodeSuite, tagSenderRetries, tagRequireMFA)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func onOff(key, value string) (bool, error) {
	if value != "true" && value != "false" {
		return false, badTag(key, "true or false")
	}
	return value == "true", nil
}

func badTag(key, want string) error {
	return fault.Invalidf("UserPoolTags", "UserPoolTags: the value of %s must be %s.", key, want)
}

// requireMFA is what changes for app clients between the tags of before and now.
func requireMFAChange(before, now map[string]string) map[string]bool {
	was, errWas := ownSettingsOf(before)
	is, errIs := ownSettingsOf(now)
	if errWas != nil || errIs != nil {
		return nil // refused elsewhere
	}
	out := map[string]bool{}
	for id := range is.requireMFA {
		if !was.requireMFA[id] {
			out[id] = true
		}
	}
	for id := range was.requireMFA {
		if !is.requireMFA[id] {
			out[id] = false
		}
	}
	return out
}
