package interop

import (
	"testing"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// challengeFor signs a user in up to the code of a text: after a password (SMS_MFA), or instead of one (SMS_OTP).
func challengeFor(t *testing.T, challenge types.ChallengeNameType) (p pool, number string, session *string) {
	t.Helper()
	if challenge == types.ChallengeNameTypeSmsMfa {
		p = newPool(t, mfaMode(types.UserPoolMfaTypeOn))
		number = newUser(t, p)
		out, err := signIn(t, p, number, password)
		check(t, err)
		return p, number, out.Session
	}
	p = newPool(t, func(in *cip.CreateUserPoolInput) {
		in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{
			AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "SMS_OTP"},
		}}
	})
	number = newUser(t, p)
	return p, number, choose(t, p, number, map[string]string{"PREFERRED_CHALLENGE": string(challenge)}).Session
}

// An answer with the metadata countersign:resend asks for another code instead of being judged.
func TestResendInsideASignIn(t *testing.T) {
	for _, challenge := range []types.ChallengeNameType{types.ChallengeNameTypeSmsMfa, types.ChallengeNameTypeSmsOtp} {
		t.Run(string(challenge), func(t *testing.T) {
			p, number, session := challengeFor(t, challenge)
			answer := func(session *string, code string, metadata ...string) (*cip.RespondToAuthChallengeOutput, error) {
				return respond(t, p, challenge, session, map[string]string{"USERNAME": number, string(challenge) + "_CODE": code}, metadata...)
			}
			nextCode(t, number)
			again, err := answer(session, "resend", "countersign:resend", "true")
			check(t, err)
			equal(t, "challenge", again.ChallengeName, challenge)
			equal(t, "destination", again.ChallengeParameters["CODE_DELIVERY_DESTINATION"], masked(number))
			if *again.Session == *session {
				t.Error("the session is not a new one")
			}
			// The value "error" is for clients that forget the session of an answer: it stays good.
			nextCode(t, number)
			_, err = answer(again.Session, "resend", "countersign:resend", "error")
			wantError[*types.CodeMismatchException](t, err, "A new code was sent.")
			done, err := answer(again.Session, nextCode(t, number))
			check(t, err)
			if done.AuthenticationResult == nil {
				t.Errorf("the code met %s", done.ChallengeName)
			}
		})
	}
}

// Asking for another code is no try, whatever stands in the answer: four wrong codes and a resend leave one try.
func TestResendIsNoTry(t *testing.T) {
	p, number, session := challengeFor(t, types.ChallengeNameTypeSmsMfa)
	answer := func(code string, metadata ...string) (*cip.RespondToAuthChallengeOutput, error) {
		return respond(t, p, types.ChallengeNameTypeSmsMfa, session, map[string]string{"USERNAME": number, "SMS_MFA_CODE": code}, metadata...)
	}
	code := nextCode(t, number)
	for range 4 {
		_, err := answer(wrong(code))
		wantError[*types.CodeMismatchException](t, err, "Invalid code or auth state for the user.")
	}
	_, err := answer(wrong(code), "countersign:resend", "error")
	wantError[*types.CodeMismatchException](t, err, "A new code was sent.")
	done, err := answer(nextCode(t, number))
	check(t, err)
	if done.AuthenticationResult == nil {
		t.Errorf("the code met %s", done.ChallengeName)
	}
}
