package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
)

// jwk is a public key (RFC 7517, RFC 7518 section 6). Members are in the order of Cognito's documents.
type jwk struct {
	Alg Alg    `json:"alg"`
	Crv string `json:"crv,omitempty"`
	E   string `json:"e,omitempty"`
	Kid string `json:"kid"`
	Kty string `json:"kty"`
	N   string `json:"n,omitempty"`
	Use string `json:"use"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
}

// jwks returns the document of all keys and its entity tag.
func jwks(keys []*key) ([]byte, string) {
	doc := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	b64 := base64.RawURLEncoding.EncodeToString
	for _, use := range uses {
		for _, k := range keys {
			if k.use != use {
				continue
			}
			j := jwk{Alg: k.alg, Kid: k.id, Use: "sig"}
			if k.rsa != nil {
				j.Kty, j.N, j.E = "RSA", b64(k.rsa.N.Bytes()), b64(big.NewInt(int64(k.rsa.E)).Bytes())
			} else {
				point, err := k.ec.PublicKey.Bytes() // 4, x, y
				if err != nil {
					panic(err) // P-256, checked by parseKey
				}
				j.Kty, j.Crv, j.X, j.Y = "EC", "P-256", b64(point[1:1+ecdsaLen]), b64(point[1+ecdsaLen:])
			}
			doc.Keys = append(doc.Keys, j)
		}
	}
	out, err := json.Marshal(doc)
	if err != nil {
		panic(err) // strings only
	}
	sum := sha256.Sum256(out)
	return out, `"` + b64(sum[:12]) + `"`
}

// JWKS returns the pool's public keys as a JWK Set (RFC 7517, section 5) and its entity tag, quoted as in HTTP. The
// caller makes sure that the pool exists: one without keys gets them now. Do not change the bytes.
func (k *Keys) JWKS(ctx context.Context, poolID string) (doc []byte, etag string, err error) {
	set, err := k.ready(ctx, poolID)
	if err != nil {
		return nil, "", err
	}
	return set.jwks, set.etag, nil
}

// Algorithms returns the algorithms of a pool's ID token keys, for Discovery.
func (k *Keys) Algorithms(ctx context.Context, poolID string) ([]Alg, error) {
	set, err := k.ready(ctx, poolID)
	if err != nil {
		return nil, err
	}
	var out []Alg
	for _, key := range set.keys {
		if key.use == ID && !slices.Contains(out, key.alg) {
			out = append(out, key.alg)
		}
	}
	return out, nil
}

// Discovery is what an openid-configuration document tells. Empty endpoints are left out.
type Discovery struct {
	// Algorithms of ID tokens. Defaults to RS256.
	Algorithms            []Alg
	AuthorizationEndpoint string
	Claims                []string
	EndSessionEndpoint    string
	// GrantTypes default to authorization_code, if there is an AuthorizationEndpoint, and refresh_token, if there is a
	// TokenEndpoint. Without either the list is published empty: leaving it out would mean authorization_code and
	// implicit (RFC 8414, section 2).
	GrantTypes []string
	// Issuer is required.
	Issuer string
	// JWKSURI defaults to the issuer's /.well-known/jwks.json.
	JWKSURI string
	// MFAChallengeEndpoint is Auth0's: POST /mfa/challenge.
	MFAChallengeEndpoint string
	// ResponseTypes default to code, if there is an AuthorizationEndpoint. The list is required, and empty without one.
	ResponseTypes      []string
	RevocationEndpoint string
	// Scopes default to openid, email, phone and profile, if there is an AuthorizationEndpoint.
	Scopes           []string
	TokenEndpoint    string
	UserinfoEndpoint string
}

// JSON returns the document (OpenID Connect Discovery 1.0, section 3; RFC 8414). It promises nothing about endpoints that
// are not there.
func (d Discovery) JSON() []byte {
	grants, responses := []string{}, []string{}
	var challenges, scopes, authMethods []string
	if d.AuthorizationEndpoint != "" {
		grants, responses, challenges = append(grants, "authorization_code"), []string{"code"}, []string{"S256"}
		scopes = []string{"openid", "email", "phone", "profile"}
	}
	if d.TokenEndpoint != "" {
		grants, authMethods = append(grants, "refresh_token"), []string{"client_secret_basic", "client_secret_post", "none"}
	}
	doc := struct {
		AuthorizationEndpoint string   `json:"authorization_endpoint,omitempty"`
		Claims                []string `json:"claims_supported,omitempty"`
		ChallengeMethods      []string `json:"code_challenge_methods_supported,omitempty"`
		EndSessionEndpoint    string   `json:"end_session_endpoint,omitempty"`
		GrantTypes            []string `json:"grant_types_supported"`
		Algorithms            []Alg    `json:"id_token_signing_alg_values_supported"`
		Issuer                string   `json:"issuer"`
		JWKSURI               string   `json:"jwks_uri"`
		MFAChallengeEndpoint  string   `json:"mfa_challenge_endpoint,omitempty"`
		ResponseTypes         []string `json:"response_types_supported"`
		RevocationEndpoint    string   `json:"revocation_endpoint,omitempty"`
		Scopes                []string `json:"scopes_supported,omitempty"`
		SubjectTypes          []string `json:"subject_types_supported"`
		TokenEndpoint         string   `json:"token_endpoint,omitempty"`
		AuthMethods           []string `json:"token_endpoint_auth_methods_supported,omitempty"`
		UserinfoEndpoint      string   `json:"userinfo_endpoint,omitempty"`
	}{
		d.AuthorizationEndpoint, d.Claims, challenges, d.EndSessionEndpoint,
		orList(d.GrantTypes, grants...), orList(d.Algorithms, RS256), d.Issuer, d.JWKSURI, d.MFAChallengeEndpoint,
		orList(d.ResponseTypes, responses...), d.RevocationEndpoint, orList(d.Scopes, scopes...), []string{"public"},
		d.TokenEndpoint, authMethods, d.UserinfoEndpoint,
	}
	if doc.JWKSURI == "" {
		doc.JWKSURI = strings.TrimSuffix(d.Issuer, "/") + "/.well-known/jwks.json"
	}
	out, err := json.Marshal(doc)
	if err != nil {
		panic(err) // strings only
	}
	return out
}

func orList[T any](list []T, def ...T) []T {
	if len(list) == 0 {
		return def
	}
	return list
}
