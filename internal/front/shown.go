package front

import (
	"net/http"
	"strings"
)

// maxShownKind bounds what stands before the secret of a receipt URL.
const maxShownKind = 32

// ShownPath is the path of a request as it may be logged and shown: without the secret of a receipt URL (/receipts/twilio/***).
func ShownPath(r *http.Request) string {
	path := r.URL.Path
	const place = "receipts/"
	i := strings.Index(strings.ToLower(path), place)
	if i < 0 {
		return path
	}
	head, rest := path[:i+len(place)], path[i+len(place):]
	kind, secret, more := strings.Cut(rest, "/")
	if len(kind) > maxShownKind || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		kind, secret, more = "", rest, true // perhaps the secret stands where the kind belongs
	} else if kind != "" {
		head += kind + "/"
	}
	if !more || secret == "" {
		return head
	}
	if strings.HasSuffix(secret, "/keys") {
		return head + "***/keys"
	}
	return head + "***"
}
