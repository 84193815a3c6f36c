package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"countersign/internal/fault"
)

const (
	// syncTimeout and syncTries are Cognito's and cannot be changed there (developer guide, "Lambda trigger considerations").
	syncTimeout = 5 * time.Second
	syncTries   = 3
	// maxThrown bounds the words of a function that a caller sees, in characters.
	maxThrown = 512
)

// Runner calls triggers. All fields are required unless said otherwise; it is safe for concurrent use.
type Runner struct {
	Functions Functions
	Keys      Keys
	// Account is the account of the pools, in their ARNs. Defaults to "000000000000".
	Account string
}

// Region is the region of a pool: what stands before the underscore of its id.
func Region(poolID string) string {
	region, _, _ := strings.Cut(poolID, "_")
	return region
}

// PoolARN is the ARN that policies of functions and keys name.
func (r *Runner) PoolARN(poolID string) string {
	return "arn:aws:cognito-idp:" + Region(poolID) + ":" + r.account() + ":userpool/" + poolID
}

func (r *Runner) account() string {
	if r.Account == "" {
		return "000000000000"
	}
	return r.Account
}

func (r *Runner) caller(poolID string) Caller {
	return Caller{Service: Service, SourceARN: r.PoolARN(poolID), SourceAccount: r.account()}
}

// Run calls a synchronous trigger and returns the response member of its answer, nil for triggers whose answer is not read. Version,
// Region, UserPoolID and Response of the event are filled in. Errors:
//
//	fault.TriggerRefused        the function threw; Public holds its words
//	fault.TriggerFailed         it timed out or broke three times, may not be called, or does not exist; Hint says how to mend that
//	fault.TriggerAnswerInvalid  what it answered is not what the trigger needs
func (r *Runner) Run(ctx context.Context, poolID string, cfg *Config, n Name, ev Event) (json.RawMessage, error) {
	ev.Version, ev.Region, ev.UserPoolID, ev.Response = "1", Region(poolID), poolID, blank(n, cfg.TokenVersion)
	if n == PreTokenGeneration && cfg.TokenVersion == TokenV2 {
		ev.Version = "2"
	}
	payload, err := json.Marshal(ev)
	if err != nil {
		return nil, fault.Internalf("trigger %s: %w", n, err)
	}
	var a *Answer
	for range syncTries {
		a, err = r.Functions.Invoke(ctx, cfg.Functions[n], r.caller(poolID), payload, syncTimeout)
		if err == nil || final(err) || ctx.Err() != nil {
			break
		}
	}
	switch {
	case err != nil:
		return nil, failed(n, err)
	case a.ErrorType != "" || a.ErrorMessage != "":
		return nil, fault.New(fault.TriggerRefused).WithField(string(n)).WithPublic("%s failed with error %s.", n, words(a.ErrorMessage)).
			WithErr(errors.New(words(a.ErrorType)))
	}
	return response(n, a.Payload)
}

// final reports whether another try cannot help.
func final(err error) bool {
	switch fault.CodeOf(err) {
	case fault.ResourceNotFound, fault.AccessDenied:
		return true
	}
	return false
}

// failed words an error of Functions or Keys as Cognito does, and keeps the hint.
func failed(n Name, err error) *fault.Error {
	out := fault.New(fault.TriggerFailed).WithField(string(n)).WithPublic("%s invocation failed due to error %s.", n, reason(err)).WithErr(err)
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Hint != "" {
		out = out.WithHint("%s", e.Hint)
	}
	return out
}

// reason is the name that AWS gives to a failure.
func reason(err error) string {
	switch fault.CodeOf(err) {
	case fault.AccessDenied:
		return "AccessDeniedException"
	case fault.ResourceNotFound:
		return "ResourceNotFoundException"
	case fault.Overloaded:
		return "TooManyRequestsException"
	case fault.KeyDisabled:
		return "KMSDisabledException"
	case fault.KeyStateInvalid:
		return "KMSInvalidStateException"
	case fault.KeyUsageWrong:
		return "InvalidKeyUsageException"
	}
	if errors.Is(err, ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
		return "Socket timeout while invoking Lambda function"
	}
	return "ServiceException"
}

// words makes foreign text fit for an error message: one line, bounded.
func words(s string) string {
	if len(s) > 4*maxThrown {
		s = s[:4*maxThrown]
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	if runes := []rune(s); len(runes) > maxThrown {
		s = string(runes[:maxThrown])
	}
	return s
}

// Ready returns nil if a sender function can be called and the code be sealed for it. It answers from memory. Otherwise
// fault.TriggerFailed, worded as Cognito does, whose Hint is the command that mends it.
func (r *Runner) Ready(ctx context.Context, poolID string, cfg *Config, n Name) error {
	if err := r.Functions.Permit(ctx, cfg.Functions[n], r.caller(poolID)); err != nil {
		return failed(n, err)
	}
	if err := r.Keys.Usable(ctx, cfg.KMSKey, r.PoolARN(poolID)); err != nil {
		return failedKey(n, err)
	}
	return nil
}

// failedKey is failed for errors of the key, whose names begin with KMS.
func failedKey(n Name, err error) *fault.Error {
	out := failed(n, err)
	if r := reason(err); strings.HasSuffix(r, "Exception") && !strings.HasPrefix(r, "KMS") {
		names := map[string]string{"AccessDeniedException": "KMSAccessDeniedException", "ResourceNotFoundException": "KMSNotFoundException"}
		if name, ok := names[r]; ok {
			out = out.WithPublic("%s invocation failed due to error %s.", n, name)
		}
	}
	return out
}

// Check judges a configuration before it is stored: that the functions exist and the key can be used for the pool. A missing permission
// of a function is no error yet, as on Cognito, but a warning. Errors are fault.InvalidParameter with a Hint.
func (r *Runner) Check(ctx context.Context, poolID string, cfg *Config) (warnings []string, err error) {
	for _, n := range Names() {
		if !cfg.Has(n) {
			continue
		}
		err := r.Functions.Permit(ctx, cfg.Functions[n], r.caller(poolID))
		switch e := fault.Of(err); {
		case err == nil:
		case e.Code == fault.AccessDenied:
			warnings = append(warnings, fmt.Sprintf("%s: %s", n, e.Hint))
		case e.Code == fault.ResourceNotFound:
			return nil, fault.Invalidf("LambdaConfig", "LambdaConfig.%s: the function %s does not exist.", n, cfg.Functions[n]).WithHint("%s", e.Hint).WithErr(err)
		default:
			return nil, err
		}
	}
	if cfg.Has(CustomSMSSender) || cfg.Has(CustomEmailSender) {
		err = r.checkKey(ctx, poolID, cfg.KMSKey)
	}
	return warnings, err
}

func (r *Runner) checkKey(ctx context.Context, poolID, key string) error {
	err := r.Keys.Usable(ctx, key, r.PoolARN(poolID))
	if err == nil {
		return nil
	}
	e := fault.Of(err)
	why := map[fault.Code]string{
		fault.ResourceNotFound: "does not exist", fault.KeyDisabled: "is disabled", fault.KeyStateInvalid: "is pending deletion",
		fault.KeyUsageWrong: "is not a symmetric encryption key", fault.AccessDenied: "may not be used for this user pool",
	}[e.Code]
	if why == "" {
		return err
	}
	return fault.Invalidf("LambdaConfig", "LambdaConfig.KMSKeyID: the key %s %s.", key, why).WithHint("%s", e.Hint).WithErr(err)
}

// Names are all triggers, in the order of the API reference.
func Names() []Name {
	return []Name{PreSignUp, CustomMessage, PostConfirmation, PreAuthentication, PostAuthentication, DefineAuthChallenge, CreateAuthChallenge,
		VerifyAuthChallengeResponse, PreTokenGeneration, UserMigration, CustomSMSSender, CustomEmailSender}
}
