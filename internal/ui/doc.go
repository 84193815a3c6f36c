// Package ui is what the pages of Countersign share: design tokens, styles, scripts, icons and the frame of a page.
//
// Sources are in src (TypeScript modules and CSS), the bundled output in dist, which is committed and embedded, so that
// building the program needs Go alone. "go run ./internal/ui/build" makes dist anew; a test there fails when it is
// stale. esbuild removes types without checking them; "npm ci --ignore-scripts && npm run check" in this folder does.
//
// Invariants:
//   - A page loads nothing from other hosts, and its Content-Security-Policy names a fresh nonce for each answer.
//   - The file names in dist hold a hash of the content; they may be cached for ever.
//   - Pages are rendered by the server. Scripts improve them and are never needed to read them.
package ui
