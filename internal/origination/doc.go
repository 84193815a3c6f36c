// Package origination is being written.
package origination
