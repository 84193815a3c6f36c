package pooltest

import "countersign/internal/pool"

// Phone and Email make attributes.
func Phone(v string) pool.Attr { return pool.Attr{Name: "phone_number", Value: v} }

// Email makes the attribute email.
func Email(v string) pool.Attr { return pool.Attr{Name: "email", Value: v} }

// SignUp signs a user up and confirms it with the code that was sent. It returns the user's sub.
func (h *Harness) SignUp(clientID, name, password string, attrs ...pool.Attr) string {
	h.t.Helper()
	ctx, auth := h.t.Context(), pool.ClientAuth{ClientID: clientID}
	before := len(h.Messages())
	out, err := h.Service.SignUp(ctx, h.Caller(), pool.SignUpInput{ClientAuth: auth, Username: name, Password: password, Attributes: attrs})
	if err != nil {
		h.t.Fatalf("pooltest: sign-up of %s: %v", name, err)
	}
	for _, m := range h.Messages()[before:] {
		if m.UserID != out.UserSub && m.UserID != "" {
			continue
		}
		in := pool.ConfirmSignUpInput{ClientAuth: auth, Username: name, Code: m.Code}
		if _, err := h.Service.ConfirmSignUp(ctx, h.Caller(), in); err != nil {
			h.t.Fatalf("pooltest: confirmation of %s: %v", name, err)
		}
		return out.UserSub
	}
	h.t.Fatalf("pooltest: the sign-up of %s sent no code", name)
	return ""
}

// SignIn signs a user in with its password alone; the test fails if a challenge comes.
func (h *Harness) SignIn(clientID, name, password string) *pool.Tokens {
	h.t.Helper()
	out := h.Begin(clientID, name, password)
	if out.Tokens == nil {
		h.t.Fatalf("pooltest: sign-in of %s: challenge %s", name, out.Challenge)
	}
	return out.Tokens
}

// Begin begins a sign-in with USER_PASSWORD_AUTH; the test fails if it is refused.
func (h *Harness) Begin(clientID, name, password string) *pool.AuthResult {
	h.t.Helper()
	out, err := h.Service.InitiateAuth(h.t.Context(), h.Caller(), pool.AuthInput{
		ClientID: clientID, Flow: "USER_PASSWORD_AUTH", Params: map[string]string{"USERNAME": name, "PASSWORD": password},
	})
	if err != nil {
		h.t.Fatalf("pooltest: sign-in of %s: %v", name, err)
	}
	return out
}

// Answer answers a challenge; the test fails if it is refused.
func (h *Harness) Answer(clientID, name string, ch *pool.AuthResult, member, answer string) *pool.AuthResult {
	h.t.Helper()
	out, err := h.Service.Respond(h.t.Context(), h.Caller(), pool.RespondInput{
		ClientID: clientID, Challenge: ch.Challenge, Session: ch.Session, Responses: map[string]string{"USERNAME": name, member: answer},
	})
	if err != nil {
		h.t.Fatalf("pooltest: answer to %s of %s: %v", ch.Challenge, name, err)
	}
	return out
}
