package sqlstore_test

import (
	"errors"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"countersign/internal/store/sqlstore"
	"countersign/internal/store/storetest"
)

// TestPostgresOutOfReach: one sentence that says where, a hint, and no password.
func TestPostgresOutOfReach(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	for name, url := range map[string]string{
		address:         "postgres://u:hunter2@" + address + "/shop",
		"the socket in": "postgres://u:hunter2@/shop?host=" + t.TempDir(),
	} {
		_, err := sqlstore.OpenPostgres(t.Context(), url, sqlstore.Options{})
		e, ok := errors.AsType[*sqlstore.ConnectError](err)
		if !ok {
			t.Fatalf("%s: %v", name, err)
		}
		if strings.Contains(e.What+e.Hint, "hunter2") || strings.Contains(e.What, "\n") || e.Hint == "" ||
			!strings.Contains(e.What, name) || !strings.Contains(e.What, `database "shop" cannot be reached`) {
			t.Errorf("%s: %s; hint: %s", name, e.What, e.Hint)
		}
	}
}

// TestPostgresURL: what is wrong with a URL is said without the URL.
func TestPostgresURL(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://u:hunter2@h/x?sslmode=maybe": "cannot be used: sslmode is invalid", "postgres://u:hunter2%zz@h/x": "cannot be used",
		"postgres://u:hunter2@h:port/x": "cannot be used",
	} {
		_, err := sqlstore.OpenPostgres(t.Context(), url, sqlstore.Options{})
		e, ok := errors.AsType[*sqlstore.ConnectError](err)
		if !ok || e.Hint == "" || !strings.Contains(e.What, want) || strings.Contains(e.What, "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestPostgresRefuses: a database that does not exist, and a wrong password, are told apart.
func TestPostgresRefuses(t *testing.T) {
	if !slices.ContainsFunc(storetest.Engines(t), func(e storetest.Engine) bool { return e.Name == "postgres" }) {
		return
	}
	u, err := url.Parse(os.Getenv(storetest.PostgresEnv))
	if err != nil {
		t.Fatal(err)
	}
	missing, stranger := *u, *u
	missing.Path = "/nowhere"
	stranger.User = url.UserPassword(u.User.Username(), "hunter2")
	for want, u := range map[string]url.URL{`database "nowhere": there is no such database`: missing, "was refused": stranger} {
		_, err := sqlstore.OpenPostgres(t.Context(), u.String(), sqlstore.Options{})
		e, ok := errors.AsType[*sqlstore.ConnectError](err)
		password, _ := u.User.Password()
		if !ok || !strings.Contains(e.What, want) || !strings.Contains(e.What, u.Host) || e.Hint == "" || strings.Contains(e.What, password) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
