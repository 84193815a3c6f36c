// Package pool holds the flows of a user pool: sign-up, sign-in, second factors, recovery, changes, tokens and what administrators do. It
// speaks no wire and no SQL: facades translate to its inputs, package store keeps its rows.
//
// Every flow is prepare → Write → after. Prepare reads, hashes, signs and renders; Write is SQL on values already computed,
// checks again whatever prepare relied on, and commits user, code, message, counters and event together; after wakes the delivery worker. If a
// record changed between the two, the flow begins again (errStale).
//
// A user:
//
//	         SignUp                    ConfirmSignUp, AdminConfirmSignUp
//	(nobody) ──────→ UNCONFIRMED ────────────────────────────────────────→ CONFIRMED ←──────────────┐
//	   │                                                                     │  ▲                   │ ConfirmForgotPassword
//	   │ AdminCreateUser                                 AdminResetUserPassword │  │ NEW_PASSWORD_REQUIRED │
//	   └──────→ FORCE_CHANGE_PASSWORD ───────────────────────────────────────┼──┘                   │
//	                                                                         └──→ RESET_REQUIRED ───┘
//
// With separate attempts (Config.SeparateAttempts) a sign-up is no user at all but a pending attempt: it owns no name, blocks nobody, and its
// code confirms it and no other; confirmation deletes the others.
//
// A sign-in is a chain of challenges, each with a handle of its own:
//
//	InitiateAuth ─→ first factor ─→ gate ─→ second factor ─→ gate ─→ tokens
//	                (password, SRP,   │      (SMS_MFA, TOTP, EMAIL_OTP,
//	                 SMS_OTP, EMAIL_OTP) ├─→ SELECT_MFA_TYPE, MFA_SETUP)
//	                                  └─→ NEW_PASSWORD_REQUIRED ─→ gate
//
// On the Auth0 wire (oauth.go) the gate's answer is tokens or an mfa_token, which lists, enrols and challenges as often as it lives and ends with the
// factor that it is redeemed with:
//
//	password, passwordless code ─→ gate ─→ mfa_token ─┬─ challenge ─→ oob_code ──┬─→ redemption ─→ gate ─→ tokens
//	                                 └─→ tokens      └─ associate ─→ oob_code ──┘        ▲ app's code, recovery code
//
// Both wires have the same users, factors, counters and policy, so that neither is a way around the other. A telephone (store.MFAPhone) is a factor
// of its own: texts of second factors on either wire go to the first confirmed one, whatever becomes of phone_number. Rules and actions of the pool
// (LoginJudge) are asked once for each sign-in, at the gate, on both wires; their claims go on sealed in the challenges.
//
// The functions of a pool (triggers) are asked in prepare and told in after, never within Write, and once for each request however often
// the flow begins again. Each trigger has a file of its own, trigger_*.go; docs/triggers.md says what differs from Cognito.
//
// Invariants:
//   - tokens are issued by Service.issue alone, which only the gate (Service.next) calls, and the gate looks at the user as it is now;
//   - a challenge is bound to wire, audience, client, pool and user, is answered once, and ends after five wrong answers;
//   - a wrong secret is counted in the same commit that refuses it, by the account and not by the flow; a lock is met at every redemption, and
//     one on the account's own networks ends its open challenges (one on strangers does not: they could end every sign-in of the owner);
//   - a code goes only to what is stored (or pending) for the user, never to a destination named in the request that redeems it;
//   - a number or address counts as verified only after its own code, or by an administrator; an unverified one owns nothing, but for the
//     name of an unconfirmed user where separate attempts are off;
//   - where existence is hidden, known and unknown names are answered alike, cost the same counters and a commit each, and leave a code that
//     a wrong answer is compared with;
//   - a message for a pool's sender function is stored only if the function may be called and its key be used, for known and unknown names
//     alike; what the function does later shows in no request;
//   - no trigger gives tokens: issueTokens of DefineAuthChallenge leads to the gate, for a user who exists and proved something;
//   - a factor can be set up inside a sign-in only while none is there; with an access token only if the session proved a factor, or switched
//     the first one on, or none is there that anything asks for (level.go);
//   - an mfa_token, an oob_code and a code are of one chain, client and pool, and handles of one wire are nothing on the other;
//   - a recovery code is good only once the factor that it was shown with was confirmed;
//   - a code that a service made (made.go) is taken only if the service said yes, and judged, counted and spent here as all others are; a service that
//     cannot be reached decides nothing;
//   - a test number (testnumbers.go) gets nothing, and its code opens no account that was there before it;
//   - an opt-out holds a text back and takes no factor away;
//   - a passwordless code signs in who has the number or address verified, never who merely claims it; the Auth0 wire always hides who exists.
package pool
