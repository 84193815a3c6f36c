package cognito_test

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign/internal/awsapi/cognito"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// owner is a stranger who has an account: the same calls, in a pool that tells what it knows.
func eachOwner(t *testing.T, f func(t *testing.T, s *stranger), change ...func(*pool.Config, *pool.ClientConfig)) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		s := &stranger{Harness: pooltest.New(t, st), t: t}
		api, err := cognito.New(cognito.Config{Pools: s.Service, Authorizer: anySignature{}, Now: s.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
		if err != nil {
			t.Fatal(err)
		}
		s.api = api
		pc, cc := pooltest.PhonePool(), pooltest.AppClient()
		for _, c := range change {
			c(&pc, &cc)
		}
		s.named = len(pc.UsernameAttributes) == 0
		s.pool = s.Pool(pc)
		s.client = s.Client(s.pool, cc)
		f(t, s)
	})
}

func (s *stranger) signIn(name string) answered {
	s.t.Helper()
	return s.must("InitiateAuth", object{"ClientId": s.client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": object{"USERNAME": name, "PASSWORD": enumPassword}})
}

func (s *stranger) refused(a answered, sentence string) {
	s.t.Helper()
	if a.status != http.StatusBadRequest || !strings.Contains(a.str("message"), sentence) {
		s.t.Errorf("got %d %v, want %q", a.status, a.body, sentence)
	}
}

// Vault and OpenBao asked for no second factor where a name was spelled otherwise: here the factor belongs to the user, whatever name it
// was found by.
func TestAdvisory_CVE_2025_6013_CVE_2025_55001(t *testing.T) {
	eachOwner(t, func(t *testing.T, s *stranger) {
		s.t = t
		name, _ := s.user("with a second factor")
		u := s.must("AdminGetUser", object{"UserPoolId": s.pool, "Username": name}).body.(object)
		spellings := []string{name, strings.ToUpper(name)}
		for _, a := range u["UserAttributes"].([]any) {
			if n := a.(object)["Name"]; n == "sub" || n == "phone_number" {
				spellings = append(spellings, a.(object)["Value"].(string))
			}
		}
		if len(spellings) != 4 {
			t.Fatalf("only %v", spellings)
		}
		for _, as := range spellings {
			if a := s.signIn(as); a.str("ChallengeName") != "SMS_MFA" || a.str("AuthenticationResult", "AccessToken") != "" {
				t.Errorf("as %s: %v", as, a.body)
			}
		}
	}, func(p *pool.Config, _ *pool.ClientConfig) {
		p.UsernameAttributes, p.AliasAttributes = nil, []string{"phone_number"}
	})
}

// GoTrue went on with tokens of banned users, with refresh tokens that had been replaced, and with a pending change of number after
// the address had been changed.
func TestAdvisory_supabase_auth_2452_2565_2624_2642_2615(t *testing.T) {
	eachOwner(t, func(t *testing.T, s *stranger) {
		s.t = t
		name, _ := s.user("confirmed")
		tk := s.signIn(name)
		access, refresh := tk.str("AuthenticationResult", "AccessToken"), tk.str("AuthenticationResult", "RefreshToken")
		renew := func(token string) answered {
			return s.call("GetTokensFromRefreshToken", s.from(), object{"ClientId": s.client, "RefreshToken": token})
		}
		next := renew(refresh)
		if next.status != http.StatusOK {
			t.Fatalf("%v", next.body)
		}
		s.Advance(2 * time.Minute)
		if a := renew(refresh); a.status != http.StatusBadRequest {
			t.Errorf("a replaced refresh token: %d", a.status)
		}
		access2 := s.signIn(name).str("AuthenticationResult", "AccessToken")

		s.must("UpdateUserAttributes", object{"AccessToken": access2, "UserAttributes": []object{{"Name": "phone_number", "Value": "+12025559001"}}})
		late := s.Code("+12025559001")
		s.must("UpdateUserAttributes", object{"AccessToken": access2, "UserAttributes": []object{{"Name": "phone_number", "Value": "+12025559002"}}})
		s.refused(s.call("VerifyUserAttribute", s.from(), object{"AccessToken": access2, "AttributeName": "phone_number", "Code": late}), "")

		tk = s.signIn(name)
		s.must("AdminDisableUser", object{"UserPoolId": s.pool, "Username": name})
		for _, token := range []string{access, access2, tk.str("AuthenticationResult", "AccessToken")} {
			if a := s.call("GetUser", s.from(), object{"AccessToken": token}); a.status != http.StatusBadRequest {
				t.Errorf("a token of a banned user: %d %v", a.status, a.body)
			}
		}
		if a := renew(tk.str("AuthenticationResult", "RefreshToken")); a.status != http.StatusBadRequest {
			t.Errorf("a refresh token of a banned user: %d", a.status)
		}
	}, func(p *pool.Config, c *pool.ClientConfig) {
		p.VerifyBeforeUpdate = []string{"phone_number"}
		c.Rotation, c.Grace = true, 0
	})
}
