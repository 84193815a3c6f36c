package front

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// Surface is one of the wires that share the port.
type Surface string

const (
	// Cognito is POST / with X-Amz-Target AWSCognitoIdentityProviderService.*, and every OPTIONS /.
	Cognito Surface = "cognito"
	// KMS is POST / with X-Amz-Target TrentService.*.
	KMS Surface = "kms"
	// SMSVoice is POST / with X-Amz-Target PinpointSMSVoiceV2.*.
	SMSVoice Surface = "sms-voice"
	// STS and SNS are POST / with a form body that holds Action.
	STS Surface = "sts"
	SNS Surface = "sns"
	// Lambda is REST under dated paths.
	Lambda Surface = "lambda"
	// Token is POST /oauth/token, whose handler refuses management tokens to pages; Auth0 the rest of that dialect that end users call; Auth0API is /api/v2.
	Token    Surface = "oauth-token"
	Auth0    Surface = "auth0"
	Auth0API Surface = "auth0-api"
	// OIDC is discovery and keys; Login the hosted pages and OAuth endpoints.
	OIDC  Surface = "oidc"
	Login Surface = "login"
	// Admin is /admin/v1.
	Admin Surface = "admin"
	// Receipts is what providers call back.
	Receipts  Surface = "receipts"
	Console   Surface = "console"
	Simulator Surface = "simulator"
	// Health is /healthz and /readyz.
	Health  Surface = "health"
	Metrics Surface = "metrics"
	// Root is GET /: what is this server.
	Root Surface = "root"
	// None is everything else.
	None Surface = "none"
)

// Open reports whether browsers on other origins may call the surface: it answers CORS itself, or it is a page that
// people come to by links.
func (s Surface) Open() bool {
	switch s {
	case Cognito, Token, Auth0, OIDC, Login, Receipts, Health, Root, None:
		return true
	}
	return false
}

// targets are the prefixes of X-Amz-Target.
var targets = map[string]Surface{
	"AWSCognitoIdentityProviderService": Cognito,
	"TrentService":                      KMS,
	"PinpointSMSVoiceV2":                SMSVoice,
}

// stsActions are the actions of STS's 2011-06-15 API; other form actions belong to SNS.
var stsActions = map[string]bool{
	"GetCallerIdentity": true, "AssumeRole": true, "AssumeRoleWithSAML": true, "AssumeRoleWithWebIdentity": true, "GetSessionToken": true,
	"GetFederationToken": true, "GetAccessKeyInfo": true, "DecodeAuthorizationMessage": true,
}

// first segments of paths.
var segments = map[string]Surface{
	// the dates of the Lambda API's model, what is not served there included: its facade says so by name
	"2014-11-13": Lambda, "2015-03-31": Lambda, "2016-08-19": Lambda, "2017-03-31": Lambda, "2017-10-31": Lambda, "2018-10-31": Lambda,
	"2019-09-25": Lambda, "2019-09-30": Lambda, "2020-04-22": Lambda, "2020-06-30": Lambda, "2021-07-20": Lambda, "2021-10-31": Lambda,
	"2021-11-15": Lambda, "2024-08-31": Lambda, "2025-11-30": Lambda, "2025-12-01": Lambda,
	"api": Auth0API, "mfa": Auth0, "passwordless": Auth0, "oauth": Auth0, "dbconnections": Auth0, "userinfo": Auth0,
	"oauth2": Login, "authorize": Login, "login": Login, "logout": Login, "signup": Login, "confirmUser": Login, "forgotPassword": Login,
	"admin": Admin, "receipts": Receipts, "console": Console, "simulator": Simulator,
	"healthz": Health, "readyz": Health, "metrics": Metrics, ".well-known": OIDC,
}

var (
	errFormTooLarge = errors.New("the form is larger than 1 MiB")
	errForm         = errors.New("the form cannot be read")
)

// Classify names the surface of a request. It reads a form body on POST /, and puts it back. The errors are safe to show.
func Classify(r *http.Request) (Surface, error) {
	if r.URL.Path == "/" {
		return classifyRoot(r)
	}
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if r.URL.Path == "/oauth/token" {
		return Token, nil
	}
	if s, ok := segments[first]; ok {
		return s, nil
	}
	if strings.HasPrefix(rest, ".well-known/") && strings.Contains(first, "_") {
		return OIDC, nil
	}
	return None, nil
}

func classifyRoot(r *http.Request) (Surface, error) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return Root, nil
	case http.MethodOptions:
		return Cognito, nil
	case http.MethodPost:
	default:
		return None, nil
	}
	if t := r.Header.Get("X-Amz-Target"); t != "" {
		service, _, _ := strings.Cut(t, ".")
		if s, ok := targets[service]; ok {
			return s, nil
		}
		return None, nil
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
		return None, nil
	}
	action, err := formAction(r)
	switch {
	case err != nil:
		return None, err
	case stsActions[action]:
		return STS, nil
	case action != "":
		return SNS, nil
	}
	return None, nil
}

// maxForm bounds a Query API body: SNS takes 256 KiB of text, which a form may triple.
const maxForm = 1 << 20

// formAction returns the Action of a form body and restores the body.
func formAction(r *http.Request) (string, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil {
		return "", errForm // the cause names addresses
	}
	if len(body) > maxForm {
		return "", errFormTooLarge
	}
	r.Body.Close()
	r.Body = io.NopCloser(bytes.NewReader(body))
	for pair := range strings.SplitSeq(string(body), "&") {
		if v, ok := strings.CutPrefix(pair, "Action="); ok {
			action, err := url.QueryUnescape(v)
			if err != nil {
				return "", errForm
			}
			return action, nil
		}
	}
	return "", nil
}
