package script

import (
	"encoding/json"
	"slices"

	"countersign/internal/facts"
)

// PostLoginEvent is the event of an action post-login (v3), without its secrets.
func PostLoginEvent(l *facts.Login) json.RawMessage {
	confidence, code := "high", "match"
	if l.NewNetwork {
		confidence, code = "low", "no_match"
	}
	u := user(&l.User, &l.Connection)
	u["multifactor"] = guardians(l.User.Factors)
	factors := []object{}
	for _, f := range l.User.Factors {
		factors = append(factors, object{"type": f})
	}
	u["enrolledFactors"] = factors
	request := eventRequest(l.Request)
	request["body"], request["query"] = object{}, object{}
	e := object{
		"authentication": object{"methods": methods(l.Methods), "riskAssessment": object{"version": "1", "confidence": confidence,
			"assessments": object{"NewDevice": object{"confidence": confidence, "code": code}}}},
		"authorization": object{"roles": []string{}}, "client": client(l.Client), "connection": connection(l.Connection), "request": request,
		"stats": object{"logins_count": l.User.Logins}, "tenant": object{"id": l.Tenant.ID}, "user": u,
		"transaction": object{"protocol": l.Protocol, "requested_scopes": notNil(l.Scopes), "acr_values": []string{}, "ui_locales": []string{}},
	}
	if l.Audience != "" {
		e["resource_server"] = object{"identifier": l.Audience}
	}
	return e.json()
}

// RuleInput is what the first rule is called with: {"user", "context"}. Each rule after it is called with Outcome.Data of the one before.
func RuleInput(l *facts.Login) json.RawMessage {
	u := user(&l.User, &l.Connection)
	if g := guardians(l.User.Factors); len(g) > 0 {
		u["multifactor"] = g
	}
	request := object{"ip": l.Request.IP, "userAgent": l.Request.UserAgent, "query": object{}, "body": object{}, "geoip": object{}}
	request.put("hostname", l.Request.Hostname)
	request.put("language", l.Request.Language)
	query := object{"scope": joined(l.Scopes)}
	query.put("audience", l.Audience)
	request["query"] = query
	c := object{
		"tenant": l.Tenant.ID, "clientID": l.Client.ID, "clientName": l.Client.Name, "clientMetadata": clientMetadata(l.Client),
		"connection": l.Connection.Name, "connectionID": l.Connection.ID, "connectionStrategy": l.Connection.Strategy, "connectionMetadata": object{},
		"protocol": l.Protocol, "stats": object{"loginsCount": l.User.Logins}, "sso": object{"current_clients": []string{}}, "samlConfiguration": object{},
		"jwtConfiguration": object{}, "authorization": object{"roles": []string{}}, "authentication": object{"methods": methods(l.Methods)},
		"accessToken": object{"scope": notNil(l.Scopes)}, "idToken": object{}, "primaryUser": l.User.ID, "request": request,
		"riskAssessment": object{"newNetwork": l.NewNetwork},
	}
	return object{"user": u, "context": c}.json()
}

// methods are the proved factors in Auth0's form. When each was proved is not told: all were in this sign-in.
func methods(names []string) []object {
	out := []object{}
	for _, n := range names {
		out = append(out, object{"name": n})
	}
	return out
}

// guardians are user.multifactor: Auth0 names those who keep the factors, not the factors.
func guardians(factors []string) []string {
	out := []string{}
	for _, f := range factors {
		name := "guardian"
		if f == "otp" {
			name = "google-authenticator"
		}
		if f != "recovery-code" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func notNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func joined(scopes []string) string {
	out := ""
	for i, s := range scopes {
		if i > 0 {
			out += " "
		}
		out += s
	}
	return out
}
