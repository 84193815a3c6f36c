package countersign

import (
	"net/http"
	"strings"
	"testing"
)

// TestTokenDoors: end users get tokens where end users are; management tokens stay with the operators unless the configuration opens them.
func TestTokenDoors(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	management := "grant_type=client_credentials&client_id=countersign-dev&client_secret=" + devSecret
	user := "grant_type=password&client_id=" + DevClient + "&username=nobody&password=Wr0ng-Password!"
	closed, open := devServer(t), devServer(t, func(c *Config) { c.Expose = []string{"admin"} })
	for name, c := range map[string]struct {
		h                http.Handler
		management, user int
	}{
		"public":           {closed.door(PublicDoor), 403, 403},
		"public, exposed":  {open.door(PublicDoor), 200, 403},
		"operators'":       {closed.door(AdminDoor), 200, 403},
		"all in one (dev)": {closed.door(AllDoors), 200, 403},
	} {
		if code, body := ask(c.h, "POST", base+"/oauth/token", management, "Content-Type", form); code != c.management ||
			code == 403 && !strings.Contains(body, "unauthorized_client") {
			t.Errorf("%s: management tokens: %d %s", name, code, body)
		}
		if code, body := ask(c.h, "POST", base+"/oauth/token", user, "Content-Type", form); code != c.user || !strings.Contains(body, "Wrong email or password.") {
			t.Errorf("%s: tokens of end users: %d %s", name, code, body)
		}
	}
	for _, path := range []string{"/mfa/authenticators", "/userinfo"} {
		if code, _ := ask(closed.door(PublicDoor), "GET", base+path, ""); code != 401 {
			t.Errorf("%s: %d", path, code)
		}
	}
}
