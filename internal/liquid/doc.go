// Package liquid renders templates in Liquid, in the dialect of LiquidJS, whose authors are strangers to the server.
//
// Parse checks all of a template at once: it knows every tag and filter by name, so that what it accepts fails at a render only if
// it takes too much. Render fills a template; values that are missing are empty text.
//
// A template cannot do harm. It reads nothing but its bindings: tags that read files (include, layout, render, block) are refused by
// name. Every step of a render is paid from one budget (steps, bytes made, items made), and text, lists and output have limits of
// their own, checked before they are made; the context can end a render between any two steps.
//
// Numbers are floating point, as in JavaScript. Dates are in UTC.
//
// Invariants:
//   - a *Template does not change after Parse; it may be rendered by many at once;
//   - bindings are never changed by a render;
//   - neither Parse nor Render panics, whatever the source and the bindings;
//   - errors name a line and words of the template, never a value of the bindings.
package liquid
