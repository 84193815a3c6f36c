package sqlstore_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"countersign/internal/store/sqlstore"
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
