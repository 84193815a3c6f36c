package pool

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/store"
)

// maxMeta bounds user_metadata and app_metadata, in bytes of JSON each.
const maxMeta = 16 << 10

// tenant is what the Auth0 dialect adds, never nil.
func (c *Config) tenant() *TenantConfig {
	if c.Tenant == nil {
		return &TenantConfig{}
	}
	return c.Tenant
}

// channels are the channels of the phone factor.
func (c *TenantConfig) channels() []string {
	if c.MessageTypes == nil {
		return []string{ChannelSMS}
	}
	return c.MessageTypes
}

// metaOf is what the Auth0 dialect adds to a user, never nil.
func metaOf(u *store.User) *store.Meta {
	if u == nil || u.Meta == nil {
		return &store.Meta{}
	}
	return u.Meta
}

// userFacts is a user as user code in Auth0's forms is told of it.
func (t *tenant) userFacts(u *store.User) *facts.User {
	m, at := metaOf(u), u.Attributes
	out := &facts.User{
		ID: auth0ID(u), Name: at["name"], Nickname: at["nickname"], GivenName: at["given_name"], FamilyName: at["family_name"], Picture: at["picture"],
		Email: at[attrEmail], EmailVerified: at[attrEmailVerified] == "true", Phone: at[attrPhone], PhoneVerified: at[attrPhoneVerified] == "true",
		UserMetadata: m.User, AppMetadata: m.App, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, Factors: t.factorsOf(u), Logins: m.Logins,
	}
	if u.Username != u.ID {
		out.Username = u.Username
	}
	if out.Name == "" {
		out.Name = firstOf(out.Email, out.Phone, out.Username)
	}
	if out.Nickname == "" {
		out.Nickname, _, _ = strings.Cut(firstOf(out.Email, out.Username, out.Name), "@")
	}
	return out
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// factorsOf are the kinds of the user's enrolled second factors that the pool offers.
func (t *tenant) factorsOf(u *store.User) []string {
	var out []string
	for _, k := range t.activeFactors(u) {
		out = append(out, kindOf(k))
	}
	if len(out) > 0 && t.hasRecovery(u) {
		out = append(out, FactorRecovery)
	}
	return out
}

func (t *tenant) clientFacts() facts.Client {
	if t.client == nil {
		return facts.Client{}
	}
	return facts.Client{ID: t.client.ID, Name: t.client.Name, Metadata: t.ccfg.Metadata}
}

func (t *tenant) facts() facts.Tenant {
	c := t.cfg.tenant()
	return facts.Tenant{
		ID: t.pool.ID, FriendlyName: firstOf(c.FriendlyName, t.pool.Name), HomeURL: c.HomeURL, LogoURL: c.PictureURL,
		SupportEmail: c.SupportEmail, SupportURL: c.SupportURL,
	}
}

func (c Caller) requestFacts() facts.Request {
	r := facts.Request{UserAgent: c.UserAgent, Method: "POST", Hostname: c.Hostname, Language: c.Language}
	if c.IP.IsValid() {
		r.IP = c.IP.Unmap().String()
	}
	return r
}

// connectionOf is where a user belongs. A user of nobody yet is of the database.
func connectionOf(u *store.User) facts.Connection {
	switch name := metaOf(u).Connection; name {
	case ConnectionSMS, ConnectionEmail:
		return facts.Connection{ID: "con_" + name, Name: name, Strategy: name}
	}
	return facts.Connection{ID: "con_database", Name: DatabaseConnection, Strategy: "auth0"}
}

// mergeMeta merges changes into metadata by their first level; a null removes.
func mergeMeta(old json.RawMessage, changes map[string]any) (json.RawMessage, error) {
	if len(changes) == 0 {
		return old, nil
	}
	all := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(old)) > 0 {
		if err := json.Unmarshal(old, &all); err != nil {
			return nil, fault.Internalf("metadata: %w", err)
		}
	}
	for k, v := range changes {
		if v == nil {
			delete(all, k)
			continue
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		all[k] = raw
	}
	out, err := json.Marshal(all)
	if err == nil && len(out) > maxMeta {
		err = fault.New(fault.LoginRefused).WithPublic("A rule or action stored too much metadata.")
	}
	return out, err
}

// remember stores what a sign-in leaves at the user: what rules and actions stored, and after a sign-in on the Auth0 wire (with
// its language) when and how often. It reads the user as the transaction has it by now.
func (s *Service) remember(ctx context.Context, tx *unit, u *store.User, v *facts.Verdict, language string) error {
	if v == nil {
		v = &facts.Verdict{}
	}
	if language == "" && len(v.UserMetadata)+len(v.AppMetadata) == 0 {
		return nil
	}
	now, err := tx.Users().User(ctx, u.PoolID, u.ID)
	if err != nil {
		return err
	}
	up := cloneUser(now)
	m := *metaOf(now)
	up.Meta = &m
	if m.User, err = mergeMeta(m.User, v.UserMetadata); err != nil {
		return err
	}
	if m.App, err = mergeMeta(m.App, v.AppMetadata); err != nil {
		return err
	}
	if language != "" {
		m.LastLogin, m.Logins, m.Language = s.now(), m.Logins+1, language
	}
	return changed(tx.Users().UpdateUser(ctx, up))
}
