// Package pumping is being written.
package pumping
