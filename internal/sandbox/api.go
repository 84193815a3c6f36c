package sandbox

import (
	"context"
	"errors"

	"countersign/phone"
)

var errLater = errors.New("sandbox: is being written")

// TriggerSource is that of the messages with codes.
const TriggerSource = "DestinationNumberVerification"

// Exempt reports whether a message of this trigger source goes out although its number is not verified: the one with the code.
func Exempt(triggerSource string) bool { return triggerSource == TriggerSource }

// Enabled reports whether the account is in its sandbox.
func (s *Service) Enabled(ctx context.Context) (bool, error) { return false, errLater }

// SetEnabled puts the account into its sandbox, or takes it out.
func (s *Service) SetEnabled(ctx context.Context, on bool) error { return errLater }

// Allowed reports whether a message may go to a number: always while the sandbox is off.
func (s *Service) Allowed(ctx context.Context, n phone.Number) (bool, error) { return false, errLater }

// Create adds a number without sending anything. Errors: fault.ResourceExists if it is there, fault.TooMany.
func (s *Service) Create(ctx context.Context, n phone.Number) (Number, error) {
	return Number{}, errLater
}

// Add adds a number, unless it is there and pending, and texts it a code in a language. Errors: fault.VerificationComplete for a verified number,
// fault.TooMany, and those of SendCode.
func (s *Service) Add(ctx context.Context, n phone.Number, language string) (Number, error) {
	return Number{}, errLater
}

// SendCode sends a code to a number, named by its id or in E.164 form, and returns the message's id. Errors: fault.ResourceNotFound,
// fault.VerificationComplete, fault.AttemptLimit after five codes within 24 hours (with RetryAfter), those of Config.Pool.
func (s *Service) SendCode(ctx context.Context, ref string, o CodeOptions) (messageID string, err error) {
	return "", errLater
}

// Verify takes the code that was sent to a number. Errors: fault.ResourceNotFound, fault.CodeMismatch, fault.CodeExpired (too old, or killed by five
// wrong answers, or none was sent), fault.VerificationComplete, fault.TooMany if ten are verified.
func (s *Service) Verify(ctx context.Context, ref, code string) (Number, error) {
	return Number{}, errLater
}

// Remove takes a number away and returns what it was. Errors: fault.ResourceNotFound, fault.TooSoon (with RetryAfter) before a day has passed.
func (s *Service) Remove(ctx context.Context, ref string) (Number, error) { return Number{}, errLater }

// Number returns a number by its id or in E.164 form, with or without the plus. Errors: fault.ResourceNotFound.
func (s *Service) Number(ctx context.Context, ref string) (Number, error) { return Number{}, errLater }

// Numbers returns numbers, and where the next page begins, "" if there is none. Errors: fault.InvalidParameter (after, sort).
func (s *Service) Numbers(ctx context.Context, q Query) (list []Number, next string, err error) {
	return nil, "", errLater
}
