package liquid_test

import (
	"context"
	"testing"

	"countersign/internal/liquid"
)

func render(t *testing.T, source string, bindings map[string]any) (string, error) {
	t.Helper()
	tmpl, err := liquid.Parse(source)
	if err != nil {
		return "", err
	}
	return tmpl.Render(context.Background(), bindings)
}

func TestSmoke(t *testing.T) {
	got, err := render(t, "{% if locale contains 'es' %}{{ code | escape }} a{% else %}{{ code }} {{ tenant.friendly_name | default: 'x' }}{% endif %}",
		map[string]any{"code": "1", "locale": "en"})
	if err != nil || got != "1 x" {
		t.Fatal(got, err)
	}
}
