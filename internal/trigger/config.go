package trigger

// Name is a trigger as LambdaConfig spells it.
type Name string

// The triggers.
const (
	PreSignUp                   Name = "PreSignUp"
	PostConfirmation            Name = "PostConfirmation"
	PreAuthentication           Name = "PreAuthentication"
	PostAuthentication          Name = "PostAuthentication"
	CustomMessage               Name = "CustomMessage"
	DefineAuthChallenge         Name = "DefineAuthChallenge"
	CreateAuthChallenge         Name = "CreateAuthChallenge"
	VerifyAuthChallengeResponse Name = "VerifyAuthChallengeResponse"
	PreTokenGeneration          Name = "PreTokenGeneration"
	UserMigration               Name = "UserMigration"
	CustomSMSSender             Name = "CustomSMSSender"
	CustomEmailSender           Name = "CustomEmailSender"
)

// Config is a pool's LambdaConfig: which function each trigger calls.
type Config struct {
	// Functions holds ARNs by trigger; a trigger without an entry is off.
	Functions map[Name]string `json:"functions,omitempty"`
	// TokenVersion is PreTokenGeneration's event version: V1_0 (default), V2_0.
	TokenVersion string `json:"token_version,omitempty"`
	// KMSKey is the ARN of the key that codes are sealed under for the sender triggers.
	KMSKey string `json:"kms_key,omitempty"`
	// Suite is the algorithm suite of sealed codes: 0x0378 (0 means this), 0x0578 or 0x0478.
	Suite uint16 `json:"suite,omitempty"`
	// SenderRetries is how often a sender function that failed after it had begun is called again, 0 to 2. Default 0: one throw must
	// not mean three texts.
	SenderRetries int `json:"sender_retries,omitempty"`
}

// Has reports whether a trigger is on.
func (c *Config) Has(n Name) bool { return c != nil && c.Functions[n] != "" }
