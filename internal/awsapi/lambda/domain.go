package lambda

import (
	"context"
	"encoding/json"

	"countersign/internal/function"
	"countersign/internal/runner"
)

// Functions is what the API needs of the domain; *function.Service is one.
type Functions interface {
	// ParseRef reads a name, partial ARN or ARN for a call in region, and the qualifier given beside it.
	ParseRef(region, text, qualifier string) (function.Ref, error)

	Create(ctx context.Context, in *function.Create) (*function.Info, error)
	Get(ctx context.Context, r function.Ref) (*function.Info, error)
	Env(ctx context.Context, r function.Ref) (map[string]string, error)
	Package(ctx context.Context, artifact string) (runner.Package, error)
	UpdateCode(ctx context.Context, r function.Ref, u *function.CodeUpdate) (*function.Info, error)
	UpdateSettings(ctx context.Context, r function.Ref, u *function.SettingsUpdate) (*function.Info, error)
	Delete(ctx context.Context, r function.Ref) error
	List(ctx context.Context, region, after string, limit int) ([]*function.Info, error)

	PublishVersion(ctx context.Context, r function.Ref, p *function.Publish) (*function.Info, error)
	ListVersions(ctx context.Context, r function.Ref, after int64, limit int) ([]*function.Info, error)
	CreateAlias(ctx context.Context, r function.Ref, a *function.Alias) (*function.Alias, error)
	Alias(ctx context.Context, r function.Ref, name string) (*function.Alias, error)
	UpdateAlias(ctx context.Context, r function.Ref, name string, u *function.AliasUpdate) (*function.Alias, error)
	DeleteAlias(ctx context.Context, r function.Ref, name string) error
	ListAliases(ctx context.Context, r function.Ref, version, after string, limit int) ([]*function.Alias, error)

	AddPermission(ctx context.Context, r function.Ref, p *function.Permission) (json.RawMessage, error)
	RemovePermission(ctx context.Context, r function.Ref, sid, revision string) error
	Policy(ctx context.Context, r function.Ref) (json.RawMessage, string, error)

	Tag(ctx context.Context, r function.Ref, tags map[string]string) error
	Untag(ctx context.Context, r function.Ref, keys []string) error
	SetReserved(ctx context.Context, r function.Ref, n *int) error

	Call(ctx context.Context, r function.Ref, c *function.Call) (*function.CallResult, error)
	Enqueue(ctx context.Context, r function.Ref, c *function.Call) error
}
