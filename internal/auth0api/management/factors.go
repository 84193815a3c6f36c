package management

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"countersign/internal/auth0api/wire"
	"countersign/internal/pool"
)

const (
	readFactors   = "read:guardian_factors"
	updateFactors = "update:guardian_factors"

	allApplications = "all-applications"
	confidenceScore = "confidence-score"
)

func factorRoutes() []route {
	return []route{
		{"GET", "/guardian/factors", readFactors, (*api).listFactors, "the phone factor is called sms"},
		{"PUT", "/guardian/factors/{name}", updateFactors, (*api).setFactor, "sms, otp, email and recovery-code can be on; 400 operation_not_supported for others"},
		{"GET", "/guardian/policies", "read:mfa_policies", (*api).getPolicies, ""},
		{"PUT", "/guardian/policies", "update:mfa_policies", (*api).setPolicies, "all-applications: every sign-in; confidence-score: from networks new to the user"},
		{"GET", "/guardian/factors/push-notification/selected-provider", readFactors, (*api).getPushProvider, "kept; push is not sent here"},
		{"PUT", "/guardian/factors/push-notification/selected-provider", updateFactors, (*api).setPushProvider, "kept"},
		{"GET", "/guardian/factors/push-notification/providers/sns", readFactors, (*api).getPushSNS, "kept; the secret key needs ReadSecret"},
		{"PUT", "/guardian/factors/push-notification/providers/sns", updateFactors, (*api).setPushSNS, "kept"},
		{"PATCH", "/guardian/factors/push-notification/providers/sns", updateFactors, (*api).patchPushSNS, "kept"},
		{"GET", "/guardian/factors/push-notification/providers/apns", readFactors, (*api).getPushAPNS, "an empty document"},
	}
}

// factorNames are in the order of the original's list.
func factorNames() []string {
	return []string{"sms", "push-notification", "otp", "email", "duo", "webauthn-roaming", "webauthn-platform", "recovery-code"}
}

// factorFlag is the setting of a factor, nil for those that there are not here.
func factorFlag(name string, c *pool.Config, t *pool.TenantConfig) *bool {
	switch name {
	case "sms":
		return &c.MFASMS
	case "otp":
		return &c.MFATOTP
	case "email":
		return &c.MFAEmail
	case "recovery-code":
		return &t.RecoveryCodes
	}
	return nil
}

type factorBody struct {
	Name         string `json:"name"`
	Enabled      bool   `json:"enabled"`
	TrialExpired bool   `json:"trial_expired"`
}

func (a *api) listFactors(ctx context.Context, r *Request) (int, any, error) {
	c, t, err := a.config(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	out := []factorBody{}
	for _, name := range factorNames() {
		out = append(out, factorBody{Name: name, Enabled: value(factorFlag(name, c, t))})
	}
	return http.StatusOK, out, nil
}

func (a *api) setFactor(ctx context.Context, r *Request) (int, any, error) {
	name := r.Param("name")
	if !slices.Contains(factorNames(), name) {
		return 0, nil, wire.BadPath("name", "Factor name", "No enum match for: %s", wire.Printable(name))
	}
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	on := value(f.Bool("enabled", wire.Rule{Title: "Whether this factor is enabled", Required: true}))
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	r.Detail("enabled", on)
	if factorFlag(name, &pool.Config{}, &pool.TenantConfig{}) == nil {
		if on {
			return 0, nil, wire.Errorf(http.StatusBadRequest, "operation_not_supported", "The factor %s is not supported here.", name)
		}
		return http.StatusOK, map[string]bool{"enabled": false}, nil
	}
	_, err = a.change(ctx, r, func(c *pool.Config, t *pool.TenantConfig) error {
		*factorFlag(name, c, t) = on
		c.SMSConfigured = c.SMSConfigured || c.MFASMS
		return nil
	})
	return http.StatusOK, map[string]bool{"enabled": on}, err
}

func policiesOf(c *pool.Config, t *pool.TenantConfig) []string {
	out := []string{}
	if c.MFA == "ON" {
		out = append(out, allApplications)
	}
	if t.Adaptive {
		out = append(out, confidenceScore)
	}
	return out
}

func (a *api) getPolicies(ctx context.Context, r *Request) (int, any, error) {
	c, t, err := a.config(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, policiesOf(c, t), nil
}

func (a *api) setPolicies(ctx context.Context, r *Request) (int, any, error) {
	list, err := wire.ParseStrings(r.Body, 0)
	if err != nil {
		return 0, nil, err
	}
	for _, p := range list {
		if p != allApplications && p != confidenceScore {
			return 0, nil, wire.BadBody("[0]", "", "No enum match for: %s", wire.Printable(p))
		}
	}
	r.Detail("policies", list)
	_, err = a.change(ctx, r, func(c *pool.Config, t *pool.TenantConfig) error {
		switch {
		case slices.Contains(list, allApplications):
			c.MFA = "ON"
		case c.MFA == "ON":
			c.MFA = "OFF"
		}
		t.Adaptive = slices.Contains(list, confidenceScore)
		return nil
	})
	return http.StatusOK, list, err
}

// pushDoc is what is kept of the push factor, which does not exist here: a tenant is given back what it stored.
type pushDoc struct {
	Provider string                     `json:"provider,omitempty"`
	SNS      map[string]json.RawMessage `json:"sns,omitempty"`
}

func (a *api) getPushProvider(ctx context.Context, r *Request) (int, any, error) {
	k, err := a.setting(ctx, r.PoolID, settingPush)
	if err != nil {
		return 0, nil, err
	}
	d := pushDoc{Provider: "guardian"}
	err = k.into(&d)
	return http.StatusOK, map[string]string{"provider": d.Provider}, err
}

func (a *api) setPushProvider(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	name := value(f.Text("provider", wire.Rule{Required: true, OneOf: []string{"guardian", "sns", "direct"}}))
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	err = a.save(ctx, r.PoolID, settingPush, func(k *kept) (any, error) {
		var d pushDoc
		err := k.into(&d)
		d.Provider = name
		return d, err
	})
	return http.StatusOK, map[string]string{"provider": name}, err
}

const pushSecret = "aws_secret_access_key"

// pushMembers are the document of the provider sns; all may be null.
func pushMembers() []string {
	return []string{"aws_access_key_id", pushSecret, "aws_region", "sns_apns_platform_application_arn", "sns_gcm_platform_application_arn"}
}

func (a *api) getPushSNS(ctx context.Context, r *Request) (int, any, error) {
	k, err := a.setting(ctx, r.PoolID, settingPush)
	if err != nil {
		return 0, nil, err
	}
	return a.pushAnswer(r, k)
}

func (a *api) pushAnswer(r *Request, k *kept) (int, any, error) {
	var d pushDoc
	if err := k.into(&d); err != nil {
		return 0, nil, err
	}
	out := map[string]any{}
	for name, v := range d.SNS {
		out[name] = v
	}
	if len(k.Secret) > 0 && r.SeesSecrets() {
		out[pushSecret] = string(k.Secret)
	}
	return http.StatusOK, out, nil
}

func (a *api) setPushSNS(ctx context.Context, r *Request) (int, any, error) {
	return a.changePushSNS(ctx, r, true)
}

func (a *api) patchPushSNS(ctx context.Context, r *Request) (int, any, error) {
	return a.changePushSNS(ctx, r, false)
}

func (a *api) changePushSNS(ctx context.Context, r *Request, whole bool) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	given := map[string]json.RawMessage{}
	for _, name := range pushMembers() {
		if v := f.Text(name, wire.Rule{Max: 2048, Null: true}); v != nil {
			given[name] = encode(*v)
		} else if f.IsNull(name) {
			given[name] = json.RawMessage("null")
		}
	}
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	var after *kept
	err = a.save(ctx, r.PoolID, settingPush, func(k *kept) (any, error) {
		var d pushDoc
		if err := k.into(&d); err != nil {
			return nil, err
		}
		if whole || d.SNS == nil {
			d.SNS = map[string]json.RawMessage{}
		}
		for name, v := range given {
			if name != pushSecret {
				d.SNS[name] = v
				continue
			}
			var secret string
			json.Unmarshal(v, &secret) // null is ""
			if !isPlaceholder(secret) {
				k.Secret = []byte(secret)
			}
		}
		k.Doc = encode(d)
		after = k
		return d, nil
	})
	if err != nil {
		return 0, nil, err
	}
	return a.pushAnswer(r, after)
}

func (a *api) getPushAPNS(context.Context, *Request) (int, any, error) {
	return http.StatusOK, struct{}{}, nil
}
