package sqlstore

import (
	"context"
	"errors"
	"time"

	"countersign/internal/store"
)

var errNotYet = errors.New("store: not there yet")

func (t scriptTx) InsertScript(context.Context, *store.Script) (bool, error) { return false, errNotYet }
func (t scriptTx) Script(context.Context, string, string) (*store.Script, error) {
	return nil, errNotYet
}
func (t scriptTx) ListScripts(context.Context, store.ScriptQuery) ([]*store.Script, error) {
	return nil, errNotYet
}
func (t scriptTx) CountScripts(context.Context, store.ScriptQuery) (int, error) { return 0, errNotYet }
func (t scriptTx) UpdateScript(context.Context, *store.Script) (bool, bool, error) {
	return false, false, errNotYet
}
func (t scriptTx) EnableOnly(context.Context, string, string, time.Time) error { return errNotYet }
func (t scriptTx) DeleteScript(context.Context, string, string) (bool, error) {
	return false, errNotYet
}
func (t scriptTx) InsertScriptVersion(context.Context, *store.ScriptVersion) error {
	return errNotYet
}
func (t scriptTx) ScriptVersion(context.Context, string, string) (*store.ScriptVersion, error) {
	return nil, errNotYet
}
func (t scriptTx) ScriptVersionByNumber(context.Context, string, int64) (*store.ScriptVersion, error) {
	return nil, errNotYet
}
func (t scriptTx) ListScriptVersions(context.Context, string, int64, int) ([]*store.ScriptVersion, error) {
	return nil, errNotYet
}
func (t scriptTx) DeleteScriptVersion(context.Context, string, string) (bool, error) {
	return false, errNotYet
}
func (t settingTx) Setting(context.Context, string, string) (*store.Setting, error) {
	return nil, errNotYet
}
func (t settingTx) ListSettings(context.Context, string, string, string, int) ([]*store.Setting, error) {
	return nil, errNotYet
}
func (t settingTx) PutSetting(context.Context, *store.Setting) (bool, error) { return false, errNotYet }
func (t settingTx) DeleteSetting(context.Context, string, string) (bool, error) {
	return false, errNotYet
}

func (t eventTx) Event(context.Context, string, string) (*store.Event, error) { return nil, errNotYet }
func (t eventTx) CountDays(context.Context, string, []string, time.Time, time.Time) ([]store.DayCount, error) {
	return nil, errNotYet
}
