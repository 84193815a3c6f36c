package trigger

import (
	"encoding/json"
	"strings"
)

// NoClient is the client id in events of administrators' calls.
const NoClient = "CLIENT_ID_NOT_APPLICABLE"

// unknownSDK is what callers that are no AWS SDK are called.
const unknownSDK = "aws-sdk-unknown-unknown"

// Event is what a function is given. Developer guide, "User pool Lambda trigger event".
type Event struct {
	// Version is "1", or "2" for PreTokenGeneration V2_0.
	Version       string          `json:"version"`
	TriggerSource string          `json:"triggerSource"`
	Region        string          `json:"region"`
	UserPoolID    string          `json:"userPoolId"`
	UserName      string          `json:"userName"`
	CallerContext CallerContext   `json:"callerContext"`
	Request       any             `json:"request"`
	Response      json.RawMessage `json:"response,omitempty"`
}

// CallerContext says which program caused an event.
type CallerContext struct {
	AWSSDKVersion string `json:"awsSdkVersion"`
	ClientID      string `json:"clientId"`
}

// NewCaller makes the context of a caller. An empty clientID is an administrator's call.
func NewCaller(userAgent, clientID string) CallerContext {
	if clientID == "" {
		clientID = NoClient
	}
	return CallerContext{AWSSDKVersion: sdkOf(userAgent), ClientID: clientID}
}

// sdkOf reads "aws-sdk-go-v2/1.33" out of a User-Agent as "aws-sdk-go-v2-1.33".
func sdkOf(userAgent string) string {
	for product := range strings.FieldsSeq(userAgent) {
		if !strings.HasPrefix(product, "aws-sdk-") || len(product) > 64 {
			continue
		}
		bad := func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._/", r))
		}
		if !strings.ContainsFunc(product, bad) {
			return strings.ReplaceAll(product, "/", "-")
		}
	}
	return unknownSDK
}

// SenderRequest is the request of a sender function's event.
type SenderRequest struct {
	// Type is customSMSSenderRequestV1 or customEmailSenderRequestV1.
	Type string `json:"type"`
	// Code is the standard base64 of an AWS Encryption SDK message, null without a code.
	Code           *string           `json:"code"`
	ClientMetadata map[string]string `json:"clientMetadata"`
	UserAttributes map[string]string `json:"userAttributes"`
}

// Attributes are what most requests hold.
type Attributes struct {
	UserAttributes map[string]string `json:"userAttributes"`
}

// PreSignUpRequest is the request of PreSignUp.
type PreSignUpRequest struct {
	UserAttributes map[string]string `json:"userAttributes"`
	ValidationData map[string]string `json:"validationData"`
	ClientMetadata map[string]string `json:"clientMetadata,omitempty"`
}

// PostRequest is the request of PostConfirmation and, with NewDeviceUsed, of PostAuthentication.
type PostRequest struct {
	UserAttributes map[string]string `json:"userAttributes"`
	NewDeviceUsed  *bool             `json:"newDeviceUsed,omitempty"`
	ClientMetadata map[string]string `json:"clientMetadata,omitempty"`
}

// PreAuthenticationRequest is the request of PreAuthentication. ValidationData is the ClientMetadata of InitiateAuth.
type PreAuthenticationRequest struct {
	UserAttributes map[string]string `json:"userAttributes"`
	ValidationData map[string]string `json:"validationData"`
	UserNotFound   bool              `json:"userNotFound,omitempty"`
}

// CustomMessageRequest is the request of CustomMessage.
type CustomMessageRequest struct {
	UserAttributes    map[string]string `json:"userAttributes"`
	CodeParameter     string            `json:"codeParameter"`
	LinkParameter     string            `json:"linkParameter"`
	UsernameParameter *string           `json:"usernameParameter"`
	ClientMetadata    map[string]string `json:"clientMetadata,omitempty"`
}

// ChallengeResult is one entry of a custom sign-in's history.
type ChallengeResult struct {
	ChallengeName     string  `json:"challengeName"`
	ChallengeResult   bool    `json:"challengeResult"`
	ChallengeMetadata *string `json:"challengeMetadata,omitempty"`
}

// AuthChallengeRequest is the request of DefineAuthChallenge and, with ChallengeName, of CreateAuthChallenge.
type AuthChallengeRequest struct {
	UserAttributes map[string]string `json:"userAttributes"`
	ChallengeName  string            `json:"challengeName,omitempty"`
	Session        []ChallengeResult `json:"session"`
	UserNotFound   bool              `json:"userNotFound"`
	ClientMetadata map[string]string `json:"clientMetadata,omitempty"`
}

// VerifyRequest is the request of VerifyAuthChallengeResponse.
type VerifyRequest struct {
	UserAttributes             map[string]string `json:"userAttributes"`
	PrivateChallengeParameters map[string]string `json:"privateChallengeParameters"`
	ChallengeAnswer            string            `json:"challengeAnswer"`
	UserNotFound               bool              `json:"userNotFound"`
	ClientMetadata             map[string]string `json:"clientMetadata,omitempty"`
}

// TokenRequest is the request of PreTokenGeneration; Scopes are in V2_0 alone.
type TokenRequest struct {
	UserAttributes     map[string]string `json:"userAttributes"`
	GroupConfiguration Groups            `json:"groupConfiguration"`
	Scopes             []string          `json:"scopes,omitempty"`
	ClientMetadata     map[string]string `json:"clientMetadata,omitempty"`
}

// Groups are groups and roles in a token.
type Groups struct {
	GroupsToOverride   []string `json:"groupsToOverride"`
	IAMRolesToOverride []string `json:"iamRolesToOverride"`
	PreferredRole      *string  `json:"preferredRole"`
}

// MigrationRequest is the request of UserMigration: the only one that holds a password.
type MigrationRequest struct {
	Password       string            `json:"password,omitempty"`
	ValidationData map[string]string `json:"validationData"`
	ClientMetadata map[string]string `json:"clientMetadata,omitempty"`
}

// blank is the response member of the event of a trigger: what its function fills in.
func blank(n Name, tokenVersion string) json.RawMessage {
	switch n {
	case PreSignUp:
		return json.RawMessage(`{"autoConfirmUser":false,"autoVerifyEmail":false,"autoVerifyPhone":false}`)
	case CustomMessage:
		return json.RawMessage(`{"smsMessage":null,"emailMessage":null,"emailSubject":null}`)
	case DefineAuthChallenge:
		return json.RawMessage(`{"challengeName":null,"issueTokens":null,"failAuthentication":null}`)
	case CreateAuthChallenge:
		return json.RawMessage(`{"publicChallengeParameters":null,"privateChallengeParameters":null,"challengeMetadata":null}`)
	case VerifyAuthChallengeResponse:
		return json.RawMessage(`{"answerCorrect":null}`)
	case PreTokenGeneration:
		if tokenVersion == TokenV2 {
			return json.RawMessage(`{"claimsAndScopeOverrideDetails":null}`)
		}
		return json.RawMessage(`{"claimsOverrideDetails":null}`)
	case UserMigration:
		return json.RawMessage(`{"userAttributes":null,"forceAliasCreation":null,"enableSMSMFA":null,"finalUserStatus":null,` +
			`"messageAction":null,"desiredDeliveryMediums":null}`)
	case CustomSMSSender, CustomEmailSender:
		return nil
	}
	return json.RawMessage(`{}`)
}
