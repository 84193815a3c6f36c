package wire

import "strings"

// MetadataPrefix begins the keys of ClientMetadata that speak to Countersign itself; they are not passed on to
// triggers and senders.
const MetadataPrefix = "countersign:"

// SplitMetadata divides ClientMetadata into what belongs to the application and what belongs to Countersign. The
// keys of own have lost their prefix. Both are nil when empty; the argument is not changed.
func SplitMetadata(m map[string]string) (app, own map[string]string) {
	for k, v := range m {
		if name, ok := strings.CutPrefix(k, MetadataPrefix); ok {
			own = put(own, name, v)
		} else {
			app = put(app, k, v)
		}
	}
	return app, own
}

func put(m map[string]string, k, v string) map[string]string {
	if m == nil {
		m = make(map[string]string)
	}
	m[k] = v
	return m
}
