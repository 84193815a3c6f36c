package cognito

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/poolfile"
)

// poolSettings are a pool as a file has it (package poolfile): what CreateUserPool takes, the factors as SetUserPoolMfaConfig takes them, and what
// SetRiskConfiguration does.
type poolSettings struct {
	api.CreateUserPoolRequest
	// SmsMfaConfiguration is there, and empty, if texts are a second factor: sender and text stand beside it.
	SmsMfaConfiguration           *struct{}                            `json:"SmsMfaConfiguration,omitzero"`
	SoftwareTokenMfaConfiguration *api.SoftwareTokenMfaConfigType      `json:"SoftwareTokenMfaConfiguration,omitzero"`
	EmailMfaConfiguration         *api.EmailMfaConfigType              `json:"EmailMfaConfiguration,omitzero"`
	WebAuthnConfiguration         *api.WebAuthnConfigurationType       `json:"WebAuthnConfiguration,omitzero"`
	RiskConfigurations            map[string]api.RiskConfigurationType `json:"RiskConfigurations,omitempty"`
}

// validator is a request, which knows what its members may be.
type validator interface{ Validate(*wire.Violations) }

// PoolSettings are the settings of a pool, without those that have their default. own says that texts need no SmsConfiguration.
func PoolSettings(p *pool.Pool) (settings map[string]any, own bool, err error) {
	d, err := documentOf(p)
	if err != nil {
		return nil, false, err
	}
	f := poolSettings{WebAuthnConfiguration: d.Factors.WebAuthn, RiskConfigurations: d.Risk}
	copySame(reflect.ValueOf(&f.CreateUserPoolRequest).Elem(), reflect.ValueOf(d.Pool))
	f.Schema = schemaOfFile(d.Pool.SchemaAttributes)
	if d.mode() != mfaOff {
		f.SoftwareTokenMfaConfiguration, f.EmailMfaConfiguration = d.Factors.SoftwareToken, d.Factors.Email
		if d.Factors.SMS {
			f.SmsMfaConfiguration = &struct{}{}
		}
	}
	tree, err := treeOf(f)
	if err != nil {
		return nil, false, err
	}
	minimize(tree, func(tree map[string]any) (any, bool) {
		d, err := fileDocument(tree, p.Name, d.OwnSender)
		return d, err == nil
	})
	return tree, d.OwnSender, nil
}

// SetPoolSettings puts the settings of a file in the place of a pool's; what they leave out has its default. A pool without CreatedAt is new: of
// others, what is fixed at creation must be the same, and attributes can only be added. Errors: fault.InvalidParameter, with the setting's name.
func SetPoolSettings(p *pool.Pool, settings map[string]any, own bool) error {
	d, err := fileDocument(settings, p.Name, own)
	if err != nil {
		return err
	}
	if p.CreatedAt.IsZero() {
		if err := d.put(p); err != nil {
			return err
		}
		p.Change.RequireMFA = requireMFAChange(nil, d.Pool.UserPoolTags)
		return nil
	}
	before, err := documentOf(p)
	if err != nil {
		return err
	}
	if err := d.keepFixed(before); err != nil {
		return err
	}
	return replace(p, before, d)
}

// fileDocument makes the document of the settings of a file.
func fileDocument(settings map[string]any, name string, own bool) (*poolDocument, error) {
	if err := poolfile.Fits("", settings, reflect.TypeFor[poolSettings]()); err != nil {
		return nil, misfit(err)
	}
	if settings["PoolName"] != nil {
		return nil, fault.Invalidf("PoolName", "PoolName: the name stands beside the settings.")
	}
	var f poolSettings
	if err := fromTree(settings, &f); err != nil {
		return nil, err
	}
	f.PoolName = &name
	mfa := &api.SetUserPoolMfaConfigRequest{
		UserPoolId: new("local_pool"), MfaConfiguration: f.MfaConfiguration, SoftwareTokenMfaConfiguration: f.SoftwareTokenMfaConfiguration,
		EmailMfaConfiguration: f.EmailMfaConfiguration, WebAuthnConfiguration: f.WebAuthnConfiguration,
	}
	if err := valid(&f.CreateUserPoolRequest, mfa); err != nil {
		return nil, err
	}
	for _, r := range f.RiskConfigurations {
		risk := &api.SetRiskConfigurationRequest{
			UserPoolId: new("local_pool"), CompromisedCredentialsRiskConfiguration: r.CompromisedCredentialsRiskConfiguration,
			AccountTakeoverRiskConfiguration: r.AccountTakeoverRiskConfiguration, RiskExceptionConfiguration: r.RiskExceptionConfiguration,
		}
		if err := valid(risk); err != nil {
			return nil, err
		}
	}
	if f.SmsMfaConfiguration != nil {
		mfa.SmsMfaConfiguration = &api.SmsMfaConfigType{}
	}
	return f.document(mfa, own)
}

func valid(list ...validator) error {
	var v wire.Violations
	for _, in := range list {
		in.Validate(&v)
	}
	return v.Err()
}

// document goes the way of the operations: a new pool without MFA, which then gets its factors.
func (f *poolSettings) document(mfa *api.SetUserPoolMfaConfigRequest, own bool) (*poolDocument, error) {
	in := f.CreateUserPoolRequest
	in.MfaConfiguration = nil
	d := &poolDocument{OwnSender: own, Risk: f.RiskConfigurations}
	copyMembers(&d.Pool, &in)
	var err error
	if d.Pool.SchemaAttributes, err = fullSchema(f.Schema); err != nil {
		return nil, err
	}
	if len(d.Pool.UsernameAttributes) > 0 && len(d.Pool.AliasAttributes) > 0 {
		return nil, fault.Invalidf("UsernameAttributes", "Only one of the aliasAttributes or usernameAttributes can be set in a user pool.")
	}
	return d.withMFA(mfa)
}

// keepFixed refuses what cannot be changed of a pool that is there, and lets attributes keep their order.
func (d *poolDocument) keepFixed(before *poolDocument) error {
	was, err := before.config()
	if err != nil {
		return err
	}
	is, err := d.config()
	if err != nil {
		return err
	}
	fixed := func(name string) error {
		return fault.Invalidf(name, "%s: this is fixed when a pool is made, and cannot be changed.", name).WithHint("what the pool has: countersign export")
	}
	switch {
	case !slices.Equal(was.UsernameAttributes, is.UsernameAttributes):
		return fixed("UsernameAttributes")
	case !slices.Equal(was.AliasAttributes, is.AliasAttributes):
		return fixed("AliasAttributes")
	case was.CaseSensitive != is.CaseSensitive:
		return fixed("UsernameConfiguration")
	}
	d.Pool.UsernameConfiguration = before.Pool.UsernameConfiguration
	more := d.Pool.SchemaAttributes
	d.Pool.SchemaAttributes = slices.Clone(before.Pool.SchemaAttributes)
	for _, a := range before.Pool.SchemaAttributes {
		i := slices.IndexFunc(more, func(b api.SchemaAttributeType) bool { return wire.Value(a.Name) == wire.Value(b.Name) })
		if i < 0 || !sameAttribute(a, more[i]) {
			return fault.Invalidf("Schema", "Schema: the attribute %s is there, and can neither be changed nor taken away.", wire.Value(a.Name))
		}
	}
	for _, a := range more {
		if !slices.ContainsFunc(before.Pool.SchemaAttributes, func(b api.SchemaAttributeType) bool { return wire.Value(a.Name) == wire.Value(b.Name) }) {
			d.Pool.SchemaAttributes = append(d.Pool.SchemaAttributes, a)
		}
	}
	return nil
}

func sameAttribute(a, b api.SchemaAttributeType) bool {
	x, errX := schemaConfig([]api.SchemaAttributeType{a})
	y, errY := schemaConfig([]api.SchemaAttributeType{b})
	return errX == nil && errY == nil && sameJSON(x, y)
}

// schemaOfFile is the schema as CreateUserPool takes it: what is not as every pool has it, by name.
func schemaOfFile(all []api.SchemaAttributeType) []api.SchemaAttributeType {
	standard := schemaWire(pool.StandardSchema())
	var out []api.SchemaAttributeType
	for _, a := range all {
		i := slices.IndexFunc(standard, func(s api.SchemaAttributeType) bool { return wire.Value(s.Name) == wire.Value(a.Name) })
		if i >= 0 && sameAttribute(standard[i], a) {
			continue
		}
		if i < 0 {
			name := strings.TrimPrefix(strings.TrimPrefix(wire.Value(a.Name), "dev:"), "custom:")
			a.Name = &name
		}
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(a, b api.SchemaAttributeType) int { return strings.Compare(wire.Value(a.Name), wire.Value(b.Name)) })
	return out
}

// ClientSettings are the settings of an app client, without those that have their default.
func ClientSettings(p *pool.Pool, cl *pool.Client) (map[string]any, error) {
	d, err := readClientDocument(cl)
	if err != nil {
		return nil, err
	}
	var f api.CreateUserPoolClientRequest
	copySame(reflect.ValueOf(&f).Elem(), reflect.ValueOf(d.Client))
	f.UserPoolId, f.ClientName, f.ClientSecret, f.GenerateSecret = nil, nil, nil, nil
	tree, err := treeOf(f)
	if err != nil {
		return nil, err
	}
	minimize(tree, func(tree map[string]any) (any, bool) {
		d, err := fileClient(p, cl, tree)
		return d, err == nil
	})
	return tree, nil
}

// SetClientSettings puts the settings of a file in the place of a client's; p is the client's pool as it will be, and cl has a secret if it will have one.
// Errors: fault.InvalidParameter, with the setting's name.
func SetClientSettings(p *pool.Pool, cl *pool.Client, settings map[string]any) error {
	d, err := fileClient(p, cl, settings)
	if err != nil {
		return err
	}
	return d.put(cl)
}

// notSettings stand beside the settings of a file.
var notSettings = []string{"UserPoolId", "ClientName", "ClientSecret", "GenerateSecret"}

func fileClient(p *pool.Pool, cl *pool.Client, settings map[string]any) (*clientDocument, error) {
	var f api.CreateUserPoolClientRequest
	if err := poolfile.Fits("", settings, reflect.TypeOf(f)); err != nil {
		return nil, misfit(err)
	}
	for _, name := range notSettings {
		if settings[name] != nil {
			return nil, fault.Invalidf(name, "%s: id, name and secret stand beside the settings.", name)
		}
	}
	if err := fromTree(settings, &f); err != nil {
		return nil, err
	}
	f.UserPoolId, f.ClientName = &p.ID, &cl.Name
	if err := valid(&f); err != nil {
		return nil, err
	}
	return newClientDocument(&f, clientContext{poolID: p.ID, cfg: &p.Config, secret: len(cl.Secrets) > 0, verb: "creating"})
}

// misfit is an error of poolfile.Fits; it begins with the path.
func misfit(err error) error {
	name, _, _ := strings.Cut(err.Error(), " ")
	return fault.Invalidf(strings.TrimSuffix(name, ":"), "%s", err.Error())
}

func treeOf(v any) (map[string]any, error) {
	tree, err := poolfile.Tree(v)
	m, ok := tree.(map[string]any)
	if err != nil || !ok {
		return nil, fault.Internalf("settings: %w", err)
	}
	return m, nil
}

func fromTree(tree map[string]any, to any) error {
	raw, err := json.Marshal(tree)
	if err == nil {
		err = json.Unmarshal(raw, to)
	}
	if err != nil {
		return fault.Invalidf("", "The settings cannot be read.").WithErr(err)
	}
	return nil
}

// minimize takes out of a tree whatever does not change what is made of it.
func minimize(tree map[string]any, build func(map[string]any) (any, bool)) {
	whole, ok := build(tree)
	if !ok {
		return // other surfaces allow more; it is shown as it is
	}
	m := minimizer{same: func() bool {
		now, ok := build(tree)
		return ok && sameJSON(now, whole)
	}}
	m.shrink(tree)
}

type minimizer struct{ same func() bool }

func (m minimizer) shrink(tree map[string]any) {
	for _, k := range slices.Sorted(maps.Keys(tree)) {
		v := tree[k]
		delete(tree, k)
		if m.same() {
			continue
		}
		switch tree[k] = v; v := v.(type) {
		case map[string]any:
			m.shrink(v)
		case []any:
			for _, e := range v {
				if e, ok := e.(map[string]any); ok {
					m.shrink(e)
				}
			}
		}
	}
}
