package function_test

import (
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/function"
)

func TestCredentials(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t)
		e.create(t, func(c *function.Create) { c.Name = "other" })
		id, secretKey, err := e.Credentials(ctx, arn)
		must(t, err)
		otherID, otherSecret, err := e.Credentials(ctx, strings.Replace(arn, "sender", "other", 1))
		must(t, err)
		if !function.IsAccessKey(id) || len(secretKey) != 40 || id == otherID || secretKey == otherSecret {
			t.Errorf("%s and %s", id, otherID)
		}
		got, owner, err := e.SecretOf(ctx, id)
		if err != nil || got != secretKey || owner != arn {
			t.Errorf("SecretOf = %v, %s, %v", got == secretKey, owner, err)
		}
		before := e.store.reads.Load()
		for range 50 {
			_, _, err := e.SecretOf(ctx, id)
			must(t, err)
		}
		if n := e.store.reads.Load() - before; n != 0 {
			t.Errorf("50 look-ups cost %d reads", n)
		}
		if again, s, err := e.Credentials(ctx, arn+":$LATEST"); err != nil || again != id || s != secretKey {
			t.Errorf("of $LATEST: %s, %v", again, err)
		}
		node := function.New(e.config)
		if got, _, err := node.SecretOf(ctx, id); err != nil || got != secretKey {
			t.Errorf("another node: %v", err)
		}
		for _, bad := range []string{"", "CSFN", id[:len(id)-1], id + "A", strings.ToLower(id), "AKIA" + id[4:], id[:len(id)-1] + "B", id[:5] + "A" + id[6:]} {
			if _, _, err := e.SecretOf(ctx, bad); fault.CodeOf(err) != fault.AccessKeyUnknown {
				t.Errorf("%q: %v", bad, err)
			}
		}
		must(t, e.Delete(ctx, fn()))
		_, _, err = e.SecretOf(ctx, id)
		want(t, err, fault.AccessKeyUnknown)
		e.clock.add(2 * time.Second)
		_, _, err = node.SecretOf(ctx, id)
		want(t, err, fault.AccessKeyUnknown)
		e.create(t)
		newID, newSecret, err := e.Credentials(ctx, arn)
		must(t, err)
		if newID == id || newSecret == secretKey {
			t.Error("a function made anew has the credentials of its predecessor")
		}
	})
}
