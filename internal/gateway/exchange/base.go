package exchange

import (
	"cmp"
	"fmt"
	"net/url"
)

// Base is the address of an API: the one that is set, or the usual one. kind begins the error's sentence, which names the setting base_url. An address
// may have a path, and neither user information nor a query: they would end up in logs.
func Base(kind, set, usual string) (*url.URL, error) {
	u, err := url.Parse(cmp.Or(set, usual))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return &url.URL{}, fmt.Errorf("%s: base_url must be an absolute http or https URL", kind)
	}
	return u, nil
}
