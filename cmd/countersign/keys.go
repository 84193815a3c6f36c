package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"countersign/internal/access"
	"countersign/internal/adminapi"
	"countersign/internal/keyring"
)

type keyCmd struct {
	New keyNewCmd `cmd:"" help:"Make a root key. Print it, or write it to a new file of mode 0600."`
}

type keyNewCmd struct {
	Out string `help:"File to write; it must not exist." placeholder:"FILE" type:"path"`
}

func (c keyNewCmd) Run(a *app) error {
	root := keyring.NewRoot()
	if c.Out == "" && a.json {
		return a.printJSON(map[string]string{"key": root.Encode(), "id": root.ID()})
	}
	if c.Out == "" {
		_, err := fmt.Fprintln(a.stdout, root.Encode())
		return err
	}
	if err := root.WriteFile(c.Out); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return hint(fmt.Errorf("%s exists already and is not overwritten: what it wraps would be lost", c.Out), "name another file, or remove it first")
		}
		return hint(err, "name a file in a folder that you can write to")
	}
	if a.json {
		return a.printJSON(map[string]string{"file": c.Out, "id": root.ID()})
	}
	_, err := fmt.Fprintf(a.stdout, "wrote root key %s to %s\nKeep a copy apart from the backups: without it the database cannot be read.\n", root.ID(), c.Out)
	return err
}

type keysCmd struct {
	Create        keysCreateCmd  `cmd:"" help:"Create an access key (SigV4) or a management client. The secret is shown once."`
	List          keysListCmd    `cmd:"" help:"List access keys and management clients."`
	Revoke        keysRevokeCmd  `cmd:"" help:"Revoke one, at once."`
	RotateRoot    rotateRootCmd  `cmd:"" help:"Wrap every key with the root key that the server was started with."`
	RotateSigning rotateSignsCmd `cmd:"" help:"Make successors of a pool's token-signing keys; they are published before they sign."`
}

type keysCreateCmd struct {
	serverFlags
	Name    string   `required:"" help:"For people: who uses it." placeholder:"NAME"`
	Kind    string   `help:"aws signs requests; management gets tokens at /oauth/token." enum:"aws,management" default:"aws"`
	Preset  string   `help:"app-backend, sender, deployer, auditor or owner." placeholder:"PRESET" xor:"grants"`
	Pool    []string `help:"Limit the preset to a pool." placeholder:"ID"`
	Key     []string `help:"Limit the preset's KMS actions to a key." placeholder:"ID"`
	Service string   `help:"Instead of a preset: one service (cognito-idp, kms, lambda, sns, management, admin ...)." placeholder:"SERVICE" xor:"grants"`
	Action  []string `help:"With --service: an action, or a prefix that ends in *." placeholder:"ACTION"`
}

func (c *keysCreateCmd) Run(a *app) error {
	in := adminapi.NewAccessKey{Kind: c.Kind, Name: c.Name, Preset: c.Preset}
	switch {
	case c.Preset != "":
		in.Pools, in.Keys = c.Pool, c.Key
	case c.Service != "" && len(c.Action) > 0:
		g := access.Grant{Service: c.Service, Actions: c.Action, Pools: c.Pool, Keys: c.Key}
		if len(g.Pools) == 0 && len(g.Keys) == 0 {
			g.Pools = []string{"*"}
		}
		in.Grants = []access.Grant{g}
	default:
		return hint(errors.New("a key needs grants"), "countersign keys create --name backend --preset app-backend --pool ID")
	}
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var out adminapi.CreatedAccessKey
	if err := srv.call(a.ctx, "POST", "/access-keys", in, &out); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(out)
	}
	id, sec := "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
	if c.Kind == "management" {
		id, sec = "client_id", "client_secret"
	}
	_, err = fmt.Fprintf(a.stdout, "%s=%s\n%s=%s\n# %s: %s. The secret is not shown again.\n", id, out.ID, sec, out.Secret, out.Name, grantText(out.Grants))
	return err
}

func grantText(grants []access.Grant) string {
	var parts []string
	for _, g := range grants {
		actions := strings.Join(g.Actions, ",")
		if len(g.Actions) > 3 {
			actions = fmt.Sprintf("%d actions", len(g.Actions))
		}
		on := strings.Join(slices.Concat(g.Pools, g.Keys), ",")
		parts = append(parts, g.Service+":"+actions+" on "+on)
	}
	return strings.Join(parts, "; ")
}

type keysListCmd struct {
	serverFlags
	listFlags
	All bool `help:"Revoked ones too."`
}

func (c *keysListCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	if !c.All {
		c.Filter = append(c.Filter, "revoked=false")
	}
	all, next := []adminapi.AccessKey{}, ""
	for {
		var page struct {
			Keys []adminapi.AccessKey `json:"keys"`
			Next string               `json:"next"`
		}
		if err := srv.call(a.ctx, "GET", c.over("/access-keys", url.Values{}), nil, &page); err != nil {
			return err
		}
		all = append(all, page.Keys...)
		if next = page.Next; next == "" || c.Limit > 0 {
			break
		}
		c.Cursor = next
	}
	if a.json {
		return a.printJSON(listed("keys", all, next))
	}
	a.more(next)
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tKIND\tNAME\tCREATED\tGRANTS")
	for _, k := range all {
		state := k.CreatedAt.Format(time.DateOnly)
		if k.RevokedAt != nil {
			state = "revoked " + k.RevokedAt.Format(time.DateOnly)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Kind, printable(k.Name), state, grantText(k.Grants))
	}
	return t.Flush()
}

type keysRevokeCmd struct {
	serverFlags
	ID string `arg:"" help:"The key's id."`
}

func (c *keysRevokeCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	if err := srv.call(a.ctx, "DELETE", "/access-keys/"+url.PathEscape(c.ID), nil, nil); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]string{"revoked": c.ID})
	}
	_, err = fmt.Fprintf(a.stdout, "revoked %s\n", c.ID)
	return err
}

type rotateRootCmd struct{ serverFlags }

func (c *rotateRootCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	defer a.progress("wrapping keys")()
	var out adminapi.RootKey
	if err := srv.call(a.ctx, "POST", "/root-key/rotate", nil, &out); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(out)
	}
	_, err = fmt.Fprintf(a.stdout, "%d keys are now wrapped by root key %s; no node needs the old one any more\n", out.Rewrapped, out.Current)
	return err
}

type rotateSignsCmd struct {
	serverFlags
	Pool string `required:"" help:"The pool's id." placeholder:"ID"`
}

func (c *rotateSignsCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	defer a.progress("making keys")()
	var out struct {
		Keys []adminapi.SigningKey `json:"keys"`
	}
	if err := srv.call(a.ctx, "POST", "/pools/"+url.PathEscape(c.Pool)+"/signing-keys/rotate", nil, &out); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(out)
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KEY\tUSE\tALG\tSTATE\tSIGNS FROM")
	for _, k := range out.Keys {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", k.KeyID, k.Use, k.Alg, k.State, k.ActiveAt.Format(time.RFC3339))
	}
	return t.Flush()
}
