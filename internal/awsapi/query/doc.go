// Package query is being written.
package query
