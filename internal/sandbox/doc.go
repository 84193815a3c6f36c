// Package sandbox is being written.
package sandbox
