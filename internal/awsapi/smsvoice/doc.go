// Package smsvoice is being written.
package smsvoice
