package trigger

import (
	"bytes"
	"encoding/json"

	"countersign/internal/fault"
)

// Versions of PreTokenGeneration's event.
const (
	TokenV1 = "V1_0"
	TokenV2 = "V2_0"
)

// maxAnswer bounds what a synchronous trigger may answer, in bytes: tokens and messages are smaller.
const maxAnswer = 64 << 10

// reads reports whether anything of a trigger's answer is used.
func (n Name) reads() bool {
	switch n {
	case PostConfirmation, PreAuthentication, PostAuthentication, CustomSMSSender, CustomEmailSender:
		return false
	}
	return true
}

// invalid is the answer to a caller whose trigger answered nonsense.
func invalid(n Name, why string) *fault.Error {
	return fault.New(fault.TriggerAnswerInvalid).WithField(string(n)).WithHint("%s: %s", n, why)
}

// response takes the member response out of what a function answered: the event with it, or an object of it alone.
func response(n Name, payload []byte) (json.RawMessage, error) {
	if !n.reads() {
		return nil, nil
	}
	if len(payload) > maxAnswer {
		return nil, invalid(n, "the answer is too large")
	}
	var out struct {
		Response json.RawMessage `json:"response"`
	}
	if err := json.Unmarshal(payload, &out); err != nil {
		return nil, invalid(n, "the answer is not a JSON object").WithErr(err)
	}
	if r := bytes.TrimSpace(out.Response); len(r) == 0 || r[0] != '{' {
		return nil, invalid(n, "the answer has no object response: return the event")
	}
	return out.Response, nil
}

// Decode reads a response. Members that are absent or null are zero; members of another type are fault.TriggerAnswerInvalid. Numbers of any
// size keep their digits.
func Decode[T any](n Name, response json.RawMessage) (T, error) {
	var v T
	if len(response) == 0 {
		return v, nil
	}
	d := json.NewDecoder(bytes.NewReader(response))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return v, invalid(n, "a member of response has the wrong type").WithErr(err)
	}
	return v, nil
}

// Invalid is the error of an answer whose values cannot be used; why is for developers.
func Invalid(n Name, why string) error { return invalid(n, why) }

// PreSignUpAnswer is read from PreSignUp.
type PreSignUpAnswer struct {
	AutoConfirmUser bool `json:"autoConfirmUser"`
	AutoVerifyEmail bool `json:"autoVerifyEmail"`
	AutoVerifyPhone bool `json:"autoVerifyPhone"`
}

// CustomMessageAnswer is read from CustomMessage; an empty text keeps the template.
type CustomMessageAnswer struct {
	SMSMessage   string `json:"smsMessage"`
	EmailMessage string `json:"emailMessage"`
	EmailSubject string `json:"emailSubject"`
}

// DefineAnswer is read from DefineAuthChallenge.
type DefineAnswer struct {
	ChallengeName      string `json:"challengeName"`
	IssueTokens        bool   `json:"issueTokens"`
	FailAuthentication bool   `json:"failAuthentication"`
}

// CreateAnswer is read from CreateAuthChallenge.
type CreateAnswer struct {
	Public   map[string]string `json:"publicChallengeParameters"`
	Private  map[string]string `json:"privateChallengeParameters"`
	Metadata *string           `json:"challengeMetadata"`
}

// VerifyAnswer is read from VerifyAuthChallengeResponse.
type VerifyAnswer struct {
	AnswerCorrect bool `json:"answerCorrect"`
}

// Claims are changes of one token. Values are text in V1_0 and any JSON in V2_0.
type Claims struct {
	AddOrOverride    map[string]any `json:"claimsToAddOrOverride"`
	Suppress         []string       `json:"claimsToSuppress"`
	ScopesToAdd      []string       `json:"scopesToAdd"`
	ScopesToSuppress []string       `json:"scopesToSuppress"`
}

// TokenAnswer is read from PreTokenGeneration, whatever its version. Groups is nil if they stay as they are.
type TokenAnswer struct {
	ID, Access Claims
	Groups     *Groups
}

// DecodeToken reads the answer of PreTokenGeneration.
func DecodeToken(version string, response json.RawMessage) (TokenAnswer, error) {
	if version != TokenV2 {
		v1, err := Decode[struct {
			Details struct {
				AddOrOverride map[string]*string `json:"claimsToAddOrOverride"`
				Suppress      []string           `json:"claimsToSuppress"`
				Groups        *Groups            `json:"groupOverrideDetails"`
			} `json:"claimsOverrideDetails"`
		}](PreTokenGeneration, response)
		out := TokenAnswer{ID: Claims{Suppress: v1.Details.Suppress, AddOrOverride: map[string]any{}}, Groups: v1.Details.Groups}
		for k, v := range v1.Details.AddOrOverride {
			if v != nil {
				out.ID.AddOrOverride[k] = *v
			}
		}
		return out, err
	}
	v2, err := Decode[struct {
		Details struct {
			ID     Claims  `json:"idTokenGeneration"`
			Access Claims  `json:"accessTokenGeneration"`
			Groups *Groups `json:"groupOverrideDetails"`
		} `json:"claimsAndScopeOverrideDetails"`
	}](PreTokenGeneration, response)
	return TokenAnswer{ID: v2.Details.ID, Access: v2.Details.Access, Groups: v2.Details.Groups}, err
}

// MigrationAnswer is read from UserMigration.
type MigrationAnswer struct {
	UserAttributes     map[string]string `json:"userAttributes"`
	FinalUserStatus    string            `json:"finalUserStatus"`
	ForceAliasCreation bool              `json:"forceAliasCreation"`
	EnableSMSMFA       bool              `json:"enableSMSMFA"`
}
