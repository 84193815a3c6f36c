package browsertest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// stepTimeout bounds every step of a Page, the start of the browser included.
const stepTimeout = 20 * time.Second

// names are the programs that can be driven, the smallest first.
var names = []string{"chromium-headless-shell", "headless_shell", "chromium", "chromium-browser", "google-chrome", "chrome"}

// Find returns the path of a browser. Without one it skips the test, or fails it in CI.
func Find(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("CHROME"); path != "" {
		return path
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "no browser found: install chromium-headless-shell, or set CHROME to the path of one")
	return ""
}

// missing skips, or fails in CI.
func missing(t testing.TB, why string) {
	t.Helper()
	if ci := os.Getenv("CI"); ci == "true" || ci == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Browser is one running browser with an empty profile.
type Browser struct{ ctx context.Context }

// Start starts a browser for the test and ends it with the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	opts := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(Find(t)), chromedp.UserDataDir(profileDir(t)), chromedp.NoFirstRun, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
	}
	for _, flag := range []string{
		"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-default-apps",
		"disable-extensions", "disable-dev-shm-usage", "disable-background-timer-throttling", "disable-renderer-backgrounding",
		"disable-backgrounding-occluded-windows", "hide-scrollbars",
	} {
		opts = append(opts, chromedp.Flag(flag, true))
	}
	opts = append(opts, chromedp.Flag("force-color-profile", "srgb"))
	allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		end()
		endAllocator()
	})
	late := time.AfterFunc(stepTimeout, end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("the browser does not start: %v", err)
	}
	late.Stop()
	return &Browser{ctx: ctx}
}

// profileDir is a temporary folder that the test does not insist on deleting: the browser may write while it ends.
func profileDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "browsertest-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// moduleFile returns the path of a file of this module, given relative to its root.
func moduleFile(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		raw, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(raw, []byte("module countersign\n")) {
			return filepath.Join(dir, filepath.FromSlash(name))
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("not inside the module")
		}
		dir = parent
	}
}

// quote writes s as a JavaScript string.
func quote(s string) string {
	return strings.NewReplacer("\u2028", `\u2028`, "\u2029", `\u2029`).Replace(fmt.Sprintf("%q", s))
}
