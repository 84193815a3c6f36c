package ui

import (
	"fmt"
	"html/template"
)

// icons are drawn on a grid of 24 with a stroke of the text's colour.
var icons = map[string]string{
	"back":     `<path d="m14.5 5-7 7 7 7"/>`,
	"call":     `<path d="M6.2 4h2.6l1.6 4.2-2 1.5a12 12 0 0 0 5.9 5.9l1.5-2 4.2 1.6v2.6a2 2 0 0 1-2.2 2A16 16 0 0 1 4.2 6.2a2 2 0 0 1 2-2.2Z"/>`,
	"check":    `<path d="m5 12.5 4.5 4.5L19 7.5"/>`,
	"copy":     `<rect x="9" y="9" width="11" height="11" rx="2.5"/><path d="M5.5 15A1.5 1.5 0 0 1 4 13.5V6a2 2 0 0 1 2-2h7.5A1.5 1.5 0 0 1 15 5.5"/>`,
	"keyboard": `<rect x="3" y="6" width="18" height="12" rx="2.5"/><path d="M7 10h.01M12 10h.01M17 10h.01M8 14h8"/>`,
	"mail":     `<rect x="3" y="5" width="18" height="14" rx="2.5"/><path d="m4 7.5 8 6 8-6"/>`,
	"moon":     `<path d="M19.5 14.2A8 8 0 0 1 9.8 4.5a8 8 0 1 0 9.7 9.7Z"/>`,
	"offline":  `<path d="M4 4l16 16M8.5 15.5a5 5 0 0 1 5-1.3M5 12a10 10 0 0 1 4-2.4M12.5 9a10 10 0 0 1 6.5 3M12 19h.01"/>`,
	"phone":    `<rect x="7" y="3" width="10" height="18" rx="2.5"/><path d="M11 18h2"/>`,
	"search":   `<circle cx="11" cy="11" r="6"/><path d="m20 20-4.5-4.5"/>`,
	"send":     `<path d="M12 19V6M6.5 11 12 5.5 17.5 11"/>`,
	"sun":      `<circle cx="12" cy="12" r="4"/><path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4"/>`,
	"trash":    `<path d="M5 7h14M10 7V5h4v2M7 7l.8 12h8.4L17 7M10.5 11v5M13.5 11v5"/>`,
}

// icon returns the inline drawing of the name, hidden from screen readers: the text beside it speaks.
func icon(name string) (template.HTML, error) {
	body, ok := icons[name]
	if !ok {
		return "", fmt.Errorf("ui: no icon %q", name)
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" ` +
		`stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">` + body + `</svg>`), nil
}
