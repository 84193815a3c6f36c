package adminapi

import (
	"context"
	"errors"
	"regexp"

	"countersign/internal/access"
	"countersign/internal/fault"
	pools "countersign/internal/pool"
	"countersign/internal/poolfile"
	"countersign/internal/store"
)

// Configuration is how the API reads and writes pools and app clients as a file has them (package poolfile).
type Configuration struct {
	Pools *pools.Service
	// Settings are a pool's without its defaults, spelled as its own API has them, and whether it sends through this server; SetSettings replaces them. A pool
	// without CreatedAt is new. ClientSettings and SetClientSettings are the same for an app client of the pool. Their errors are fault.InvalidParameter with
	// the setting's name.
	Settings          func(p *pools.Pool) (settings map[string]any, own bool, err error)
	SetSettings       func(p *pools.Pool, settings map[string]any, own bool) error
	ClientSettings    func(p *pools.Pool, c *pools.Client) (map[string]any, error)
	SetClientSettings func(p *pools.Pool, c *pools.Client, settings map[string]any) error
}

// PoolConfigResult is what applying a configuration changes, or would change.
type PoolConfigResult struct {
	Pool     string            `json:"pool,omitempty"`
	DryRun   bool              `json:"dry_run,omitempty" doc:"Nothing was written."`
	Changes  []poolfile.Change `json:"changes" doc:"Entries of lists are named by their id or name."`
	Secrets  []ClientSecret    `json:"client_secrets,omitempty" doc:"Secrets that were made for new clients. They are shown this once."`
	Warnings []string          `json:"warnings,omitempty"`
}

// ClientSecret is the secret of a new app client.
type ClientSecret struct {
	Client string `json:"client"`
	Secret string `json:"secret"`
}

type (
	configInput struct {
		Pool       string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Deployment bool   `query:"deployment" doc:"What all pools share, in place of a pool."`
	}
	configOutput   struct{ Body poolfile.Document }
	configPutInput struct {
		Pool   string `query:"pool" maxLength:"128" doc:"Default: the document's pool, else the only one."`
		DryRun bool   `query:"dry_run" doc:"Say what would change, and write nothing."`
		Prune  bool   `query:"prune" doc:"Remove what the document does not name."`
		Body   poolfile.Document
	}
	configPutOutput struct{ Body PoolConfigResult }
)

// configRights are what the parts of a configuration need besides pools.read and pools.write.
var configRights = []string{"clients", "senders", "guards", "registrations"}

func (s *server) registerConfiguration() {
	register(s, "GET", "/pool-config", "pools.read", "A pool's configuration as a document, without secrets",
		func(in *configInput) access.Resource { return onPool(in.Pool) }, s.getConfiguration)
	register(s, "PUT", "/pool-config", "pools.write", "Apply a document: what it names is as it says, the rest stays",
		func(in *configPutInput) access.Resource { return onPool(in.poolID()) }, s.putConfiguration)
}

func (in *configPutInput) poolID() string {
	if in.Body.Pool != nil && in.Body.Pool.ID != "" {
		return in.Body.Pool.ID
	}
	return in.Pool
}

// mayConfigure asks for the rights that the parts of a configuration need: verb is read or write.
func mayConfigure(ctx context.Context, verb, poolID string, pool, deployment bool) error {
	who := access.From(ctx)
	if pool {
		for _, what := range configRights {
			if err := access.Allow(who, access.Admin, what+"."+verb, onPool(poolID)); err != nil {
				return err
			}
		}
	}
	if !deployment {
		return nil
	}
	if err := access.Allow(who, access.Admin, "registrations."+verb, access.Resource{}); err != nil {
		return err
	}
	return access.Allow(who, access.Admin, "numbers."+verb, access.Resource{})
}

func (s *server) getConfiguration(ctx context.Context, in *configInput) (*configOutput, error) {
	if !in.Deployment {
		if err := s.livePool(ctx, &in.Pool); err != nil {
			return nil, err
		}
	}
	if err := mayConfigure(ctx, "read", in.Pool, !in.Deployment, in.Deployment); err != nil {
		return nil, err
	}
	c := &configurer{server: s, poolID: in.Pool}
	if err := c.read(ctx, !in.Deployment, in.Deployment); err != nil {
		return nil, err
	}
	return &configOutput{*c.now}, nil
}

// poolIDForm is that of ids of pools (Cognito API reference, UserPoolIdType).
var poolIDForm = regexp.MustCompile(`^[\w-]{1,32}_[0-9a-zA-Z]{1,22}$`)

func (s *server) putConfiguration(ctx context.Context, in *configPutInput) (*configPutOutput, error) {
	file := &in.Body
	if err := file.Check(); err != nil {
		return nil, fault.Invalidf("", "%s", err)
	}
	c := &configurer{server: s, poolID: in.poolID(), file: file, prune: in.Prune, dry: in.DryRun}
	if in.Pool != "" && in.Pool != c.poolID {
		return nil, fault.Invalidf("pool.id", "pool.id: the document is about %s.", c.poolID).WithHint("leave --pool out")
	}
	pool := file.AboutPool()
	if pool {
		if err := c.choosePool(ctx); err != nil {
			return nil, err
		}
	}
	if err := mayConfigure(ctx, "write", c.poolID, pool, file.Deployment != nil); err != nil {
		return nil, err
	}
	if err := c.read(ctx, pool, file.Deployment != nil); err != nil {
		return nil, err
	}
	if err := c.judge(ctx, pool); err != nil {
		return nil, err
	}
	return c.apply(ctx)
}

// choosePool finds the document's pool, which may not be there yet.
func (c *configurer) choosePool(ctx context.Context) error {
	if err := c.onlyPool(ctx, &c.poolID); err != nil {
		return err
	}
	err := c.Store.Read(ctx, func(tx store.Tx) error {
		_, err := tx.Pools().Pool(ctx, c.poolID)
		return err
	})
	switch {
	case !errors.Is(err, store.ErrNotFound):
		return err
	case c.file.Pool == nil:
		return fault.New(fault.PoolNotFound).WithField(c.poolID).WithHint("list them: %s", listPools)
	case !poolIDForm.MatchString(c.poolID):
		return fault.Invalidf("pool.id", "pool.id: an id is a region, an underscore, and letters and digits, like eu-west-1_aB3dE6gH9.")
	case c.file.Pool.Name == "":
		return fault.Invalidf("pool.name", "pool.name: a new pool needs a name.")
	}
	return nil
}
