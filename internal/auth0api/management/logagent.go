package management

import "strings"

// browsers and systems are looked for in this order: many browsers name others as well.
var (
	browsers = []struct{ token, name string }{
		{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox iOS"},
		{"CriOS/", "Chrome Mobile iOS"}, {"Chrome/", "Chrome"}, {"Version/", "Safari"},
	}
	systems = []struct{ token, name string }{
		{"Windows NT", "Windows"}, {"Android", "Android"}, {"iPhone", "iOS"}, {"iPad", "iOS"}, {"CrOS", "Chrome OS"}, {"Mac OS X", "Mac OS X"}, {"Linux", "Linux"},
	}
)

// summary shortens a browser's user agent to "Firefox 145.0 / Linux"; others stay as they are.
func summary(agent string) string {
	if !strings.HasPrefix(agent, "Mozilla/") {
		return agent
	}
	system := "Other"
	for _, s := range systems {
		if strings.Contains(agent, s.token) {
			system = s.name
			break
		}
	}
	for _, b := range browsers {
		_, rest, ok := strings.Cut(agent, b.token)
		if !ok || b.name == "Safari" && !strings.Contains(agent, "Safari/") {
			continue
		}
		version, _, _ := strings.Cut(rest, " ")
		return b.name + " " + version + " / " + system
	}
	return agent
}
