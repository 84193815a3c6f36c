// Package registration is being written.
package registration
