package cognito

import (
	"testing"
	"time"

	"countersign/internal/pool"
)

// An update replaces what Cognito's members say and leaves alone what other surfaces set.
func TestUpdateKeepsWhatOthersSet(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		id := c.create(object{})["Id"].(string)
		until := c.Now().Add(time.Hour)
		_, err := c.Service.UpdatePool(t.Context(), pool.Caller{}, id, func(p *pool.Pool) error {
			p.Config.Tenant = &pool.TenantConfig{FriendlyName: "Acme"}
			p.Config.Texts = &pool.TextConfig{Transliterate: true}
			p.Config.CodeMaker = &pool.MakerConfig{Account: "verify"}
			p.Config.TestNumbers = []pool.TestPhone{{Number: "+12025550100", Code: "123456", Until: until}}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		c.do("UpdateUserPool", object{"UserPoolId": id, "UserPoolTags": object{"team": "identity"}})
		p, err := c.Service.GetPool(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		x := p.Config
		if x.Tenant == nil || x.Tenant.FriendlyName != "Acme" || x.Texts == nil || !x.Texts.Transliterate || x.CodeMaker == nil || len(x.TestNumbers) != 1 {
			t.Errorf("after an update: %s", text(x))
		}
		if got := c.describe(id)["UserPoolTags"]; text(got) != `{"team":"identity"}` {
			t.Errorf("tags %s", text(got))
		}
	})
}
