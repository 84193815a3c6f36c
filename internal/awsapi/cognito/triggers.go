package cognito

import (
	"context"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/trigger"
)

var (
	// functionARN may name a version or alias; keyARN a key or an alias of one.
	functionARN = wire.NewPattern(`arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]{1,64}(:(\$LATEST|[A-Za-z0-9_-]{1,128}))?`, "")
	keyARN      = wire.NewPattern(`arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key/[A-Za-z0-9-]{1,64}|alias/[A-Za-z0-9/_-]{1,250})`, "")
)

// simpleTriggers are the members of LambdaConfig that are a function's ARN.
func simpleTriggers(c *api.LambdaConfigType) []struct {
	name trigger.Name
	arn  **string
} {
	return []struct {
		name trigger.Name
		arn  **string
	}{
		{trigger.PreSignUp, &c.PreSignUp}, {trigger.CustomMessage, &c.CustomMessage}, {trigger.PostConfirmation, &c.PostConfirmation},
		{trigger.PreAuthentication, &c.PreAuthentication}, {trigger.PostAuthentication, &c.PostAuthentication},
		{trigger.DefineAuthChallenge, &c.DefineAuthChallenge}, {trigger.CreateAuthChallenge, &c.CreateAuthChallenge},
		{trigger.VerifyAuthChallengeResponse, &c.VerifyAuthChallengeResponse}, {trigger.PreTokenGeneration, &c.PreTokenGeneration},
		{trigger.UserMigration, &c.UserMigration},
	}
}

func badTrigger(format string, args ...any) *fault.Error {
	return fault.Invalidf("LambdaConfig", "LambdaConfig."+format, args...)
}

func (d *poolDocument) checkTriggers() error {
	_, err := triggersOf(d.Pool.LambdaConfig)
	return err
}

// triggersOf reads a LambdaConfig; nil if no trigger is on. What Countersign does not run is refused by name: a pool that looks as if it ran
// would sign users in past it.
func triggersOf(c *api.LambdaConfigType) (*trigger.Config, error) {
	if c == nil {
		return nil, nil
	}
	out := &trigger.Config{Functions: map[trigger.Name]string{}}
	set := func(n trigger.Name, arn string) error {
		if !functionARN.Match(arn) {
			return badTrigger("%s: %s is not the ARN of a function.", n, arn).
				WithHint("It looks like arn:aws:lambda:<region>:<account>:function:<name>; aws lambda get-function-configuration shows it.")
		}
		out.Functions[n] = arn
		return nil
	}
	for _, t := range simpleTriggers(c) {
		if *t.arn == nil {
			continue
		}
		if err := set(t.name, **t.arn); err != nil {
			return nil, err
		}
	}
	if c.InboundFederation != nil {
		return nil, badTrigger("InboundFederation is not supported: Countersign does not run this trigger.")
	}
	if err := tokenTrigger(c, out, set); err != nil {
		return nil, err
	}
	if err := senderTriggers(c, out, set); err != nil {
		return nil, err
	}
	if len(out.Functions) == 0 && out.KMSKey == "" {
		return nil, nil
	}
	return out, nil
}

// tokenTrigger reads PreTokenGenerationConfig, which says the version.
func tokenTrigger(c *api.LambdaConfigType, out *trigger.Config, set func(trigger.Name, string) error) error {
	p := c.PreTokenGenerationConfig
	if p == nil {
		return nil
	}
	switch v := wire.Value(p.LambdaVersion); v {
	case trigger.TokenV1, trigger.TokenV2:
		out.TokenVersion = v
	default:
		return badTrigger("PreTokenGenerationConfig: version %s is not supported: Countersign issues no tokens for client credentials.", v)
	}
	arn := wire.Value(p.LambdaArn)
	if old := out.Functions[trigger.PreTokenGeneration]; old != "" && old != arn {
		return badTrigger("PreTokenGeneration and PreTokenGenerationConfig name different functions.")
	}
	return set(trigger.PreTokenGeneration, arn)
}

// senderTriggers reads the two sender functions and the key.
func senderTriggers(c *api.LambdaConfigType, out *trigger.Config, set func(trigger.Name, string) error) error {
	if c.CustomSMSSender != nil {
		if v := wire.Value(c.CustomSMSSender.LambdaVersion); v != api.CustomSMSSenderLambdaVersionV10 {
			return badTrigger("CustomSMSSender: version %s is not supported.", v)
		}
		if err := set(trigger.CustomSMSSender, wire.Value(c.CustomSMSSender.LambdaArn)); err != nil {
			return err
		}
	}
	if c.CustomEmailSender != nil {
		if v := wire.Value(c.CustomEmailSender.LambdaVersion); v != api.CustomEmailSenderLambdaVersionV10 {
			return badTrigger("CustomEmailSender: version %s is not supported.", v)
		}
		if err := set(trigger.CustomEmailSender, wire.Value(c.CustomEmailSender.LambdaArn)); err != nil {
			return err
		}
	}
	out.KMSKey = wire.Value(c.KMSKeyID)
	switch sender := out.Has(trigger.CustomSMSSender) || out.Has(trigger.CustomEmailSender); {
	case sender && out.KMSKey == "":
		return badTrigger("KMSKeyID is required when CustomSMSSender or CustomEmailSender is set.").
			WithHint("Create a key with aws kms create-key, and give its ARN.")
	case out.KMSKey != "" && !keyARN.Match(out.KMSKey):
		return badTrigger("KMSKeyID: %s is not the ARN of a key.", out.KMSKey).
			WithHint("It looks like arn:aws:kms:<region>:<account>:key/<id>; aws kms describe-key shows it.")
	}
	return nil
}

// adoptTriggers makes the document say which triggers the flows run.
func (d *poolDocument) adoptTriggers(t *trigger.Config) {
	d.Pool.LambdaConfig = nil
	if t == nil {
		return
	}
	c := &api.LambdaConfigType{KMSKeyID: optional(t.KMSKey)}
	for _, s := range simpleTriggers(c) {
		*s.arn = optional(t.Functions[s.name])
	}
	if arn := t.Functions[trigger.PreTokenGeneration]; arn != "" && t.TokenVersion != "" {
		c.PreTokenGenerationConfig = &api.PreTokenGenerationVersionConfigType{LambdaArn: &arn, LambdaVersion: &t.TokenVersion}
	}
	if arn := t.Functions[trigger.CustomSMSSender]; arn != "" {
		c.CustomSMSSender = &api.CustomSMSLambdaVersionConfigType{LambdaArn: &arn, LambdaVersion: new(api.CustomSMSSenderLambdaVersionV10)}
	}
	if arn := t.Functions[trigger.CustomEmailSender]; arn != "" {
		c.CustomEmailSender = &api.CustomEmailLambdaVersionConfigType{LambdaArn: &arn, LambdaVersion: new(api.CustomEmailSenderLambdaVersionV10)}
	}
	d.Pool.LambdaConfig = c
}

// checkFunctions asks where functions and keys are kept, for a document that is about to be stored.
func (f *facade) checkFunctions(ctx context.Context, poolID string, d *poolDocument) ([]string, error) {
	cfg, err := d.config()
	if err != nil {
		return nil, err
	}
	return f.pools.CheckTriggers(ctx, poolID, cfg.Triggers)
}
