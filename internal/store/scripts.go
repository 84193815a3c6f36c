package store

import (
	"context"
	"encoding/json"
	"time"
)

// Script is user code of a pool in one of Auth0's forms: a hook, an action or a rule.
type Script struct {
	// ID is chosen by its maker (a ULID for hooks, UUIDs for actions, "rul_…" for rules) and never used again.
	ID, PoolID string
	// Kind is "hook", "action" or "rule"; Name is unique in its pool and kind.
	Kind, Name string
	// Trigger is the trigger id ("send-phone-message", "post-login" ...), empty for rules.
	Trigger string
	// Enabled is of hooks and rules. Position orders the rules of a pool.
	Enabled  bool
	Position int64
	// Doc is what package hook keeps in clear: code, dependencies, settings, names of secrets. Sealed are the values of the secrets.
	Doc    json.RawMessage
	Sealed []byte
	// Artifact is the hash of the built package (of an action: of its draft), empty if there is none.
	Artifact string
	// LastVersion is the number of the last deployed version of an action, Deployed the number of the one that runs; 0 if there is none.
	LastVersion, Deployed int64
	CreatedAt, UpdatedAt  time.Time
	Version               int64
}

// ScriptVersion is a deployed version of an action; it never changes.
type ScriptVersion struct {
	// ID is a UUID; Number counts from 1.
	ID, ScriptID string
	Number       int64
	Doc          json.RawMessage
	Sealed       []byte
	Artifact     string
	CreatedAt    time.Time
}

// ScriptQuery selects scripts of a pool by Position, then ID. Empty fields select all.
type ScriptQuery struct {
	PoolID, Kind, Trigger string
	Name                  string
	// Enabled selects by the flag; nil: both.
	Enabled *bool
	// Skip and Limit page: lists of scripts are short (hundreds at most).
	Skip, Limit int
}

// Scripts reads and writes user code in Auth0's forms. Artifacts keeps what it was built into.
type Scripts interface {
	// InsertScript reports false if id, or the name among the pool's scripts of the kind, is taken.
	InsertScript(ctx context.Context, s *Script) (bool, error)
	// Script returns ErrNotFound for unknown ids and scripts of other pools.
	Script(ctx context.Context, poolID, id string) (*Script, error)
	ListScripts(ctx context.Context, q ScriptQuery) ([]*Script, error)
	// CountScripts counts what ListScripts would return without Skip and Limit.
	CountScripts(ctx context.Context, q ScriptQuery) (int, error)
	// UpdateScript writes all but ID, PoolID, Kind and CreatedAt where Version matches, adds one to Version, and reports whether it did. taken is
	// set if the new name belongs to another script; nothing is written then.
	UpdateScript(ctx context.Context, s *Script) (ok, taken bool, err error)
	// EnableOnly sets Enabled of one script and clears it of all others of its pool, kind and trigger; ErrNotFound if there is no such script.
	// It raises the Version of each script that it changes.
	EnableOnly(ctx context.Context, poolID, id string, now time.Time) error
	// DeleteScript deletes a script with its versions.
	DeleteScript(ctx context.Context, poolID, id string) (bool, error)

	InsertScriptVersion(ctx context.Context, v *ScriptVersion) error
	// ScriptVersion returns ErrNotFound for unknown ids.
	ScriptVersion(ctx context.Context, scriptID, id string) (*ScriptVersion, error)
	ScriptVersionByNumber(ctx context.Context, scriptID string, number int64) (*ScriptVersion, error)
	// ListScriptVersions returns up to limit versions with number < before (0: all), newest first.
	ListScriptVersions(ctx context.Context, scriptID string, before int64, limit int) ([]*ScriptVersion, error)
	DeleteScriptVersion(ctx context.Context, scriptID, id string) (bool, error)
}

// Setting is a named document of a pool that has no table of its own: a phone provider, a template, bindings of a trigger.
type Setting struct {
	PoolID, Name string
	// Doc is in clear and holds no secret; Sealed is what is sealed, or empty.
	Doc       json.RawMessage
	Sealed    []byte
	UpdatedAt time.Time
	// Version is 0 in a setting that is to be inserted.
	Version int64
}

// Settings reads and writes settings.
type Settings interface {
	// Setting returns ErrNotFound for unknown names.
	Setting(ctx context.Context, poolID, name string) (*Setting, error)
	// ListSettings returns up to limit settings whose names begin with prefix and are > after, by name.
	ListSettings(ctx context.Context, poolID, prefix, after string, limit int) ([]*Setting, error)
	// PutSetting inserts a setting (Version 0) or replaces the one whose Version matches, and reports whether it did.
	PutSetting(ctx context.Context, s *Setting) (bool, error)
	DeleteSetting(ctx context.Context, poolID, name string) (bool, error)
}
