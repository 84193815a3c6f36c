// Package screen is being written.
package screen
