// Package browsertest drives a real browser in tests: keyboard, clipboard, colour schemes, small screens, pictures, and
// axe for accessibility.
//
// It needs Chromium (Debian: apt-get install chromium-headless-shell, or $CHROME names another) and, for Axe, the npm
// packages pinned in internal/ui (npm ci --ignore-scripts). A test is skipped where one of them is missing, except in
// CI (CI=true), where it fails.
//
// A Page fails its test when the page logged an error, broke its Content-Security-Policy or asked another host for
// anything, unless the test allows it.
package browsertest
