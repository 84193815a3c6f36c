// Package smsaccount is being written.
package smsaccount
