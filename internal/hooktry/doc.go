// Package hooktry runs one script without a server, as the editor's Run does with one: it builds the text, calls it with an input that may be edited,
// and reports what it answered, printed, asked for, and sent. Texts go to simulated phones unless real ones are asked for.
//
// A try is Build → Run → Result. It keeps nothing: packages are unpacked into a temporary folder that is removed.
package hooktry
