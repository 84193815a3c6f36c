package sqlstore

import (
	"bytes"
	"encoding/json"

	"countersign/internal/store"
)

// metaValues are the columns meta and mfa_doc: JSON documents, NULL for what most users do not have.
func metaValues(u *store.User) (meta, mfa any, err error) {
	if u.Meta != nil {
		if meta, err = document(u.Meta); err != nil {
			return nil, nil, err
		}
	}
	m := u.MFA
	m.SMS, m.TOTP, m.Email, m.TOTPReady, m.Preferred = false, false, false, false, "" // these have columns of their own
	if len(m.Phones) > 0 || m.Recovery != "" || !m.RecoveryAt.IsZero() || m.TOTPID != "" || m.EmailID != "" {
		mfa, err = document(m)
	}
	return meta, mfa, err
}

// readMeta is the reverse of metaValues.
func readMeta(u *store.User, meta, mfa string) error {
	if meta != "" {
		if err := json.Unmarshal([]byte(meta), &u.Meta); err != nil {
			return err
		}
	}
	if mfa == "" {
		return nil
	}
	return json.Unmarshal([]byte(mfa), &u.MFA)
}

// document is v as JSON; nil (NULL) if it has no members.
func document(v any) (any, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // metadata comes back as it was given
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	text := string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	if text == "{}" {
		return nil, nil
	}
	return text, nil
}
