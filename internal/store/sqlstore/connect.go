package sqlstore

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// ConnectError says why PostgreSQL could not be connected to on opening: one sentence with host, port and database, never
// the password, and what to do about it.
type ConnectError struct {
	What, Hint string
	// Err is the driver's error, which tells every attempt.
	Err error
}

// Error implements error.
func (e *ConnectError) Error() string { return "store: " + e.What }

// Unwrap returns the driver's error.
func (e *ConnectError) Unwrap() error { return e.Err }

// urlError is about a URL that the driver cannot use. Its own text holds the URL, with the password masked as well as can
// be; here there is only the cause.
func urlError(err error) error {
	out := &ConnectError{What: "the database URL cannot be used", Hint: "postgres://user:password@host:5432/name?sslmode=verify-full", Err: err}
	cause := errors.Unwrap(err)
	// An error of parsing may quote a part of the password.
	if _, ok := errors.AsType[*url.Error](err); !ok && cause != nil {
		out.What += ": " + cause.Error()
	}
	return out
}

// connectError returns err as a ConnectError if it is one of connecting, or else as it is.
func connectError(err error) error {
	c, ok := errors.AsType[*pgconn.ConnectError](err)
	if !ok {
		return err
	}
	address := net.JoinHostPort(c.Config.Host, strconv.Itoa(int(c.Config.Port)))
	if strings.HasPrefix(c.Config.Host, "/") {
		address = "the socket in " + c.Config.Host
	}
	where := fmt.Sprintf("PostgreSQL at %s, database %q", address, cmp.Or(c.Config.Database, c.Config.User))
	out := &ConnectError{Err: err}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case pg.Code == "3D000": // invalid_catalog_name
			out.What, out.Hint = where+": there is no such database", "create it: createdb, or CREATE DATABASE; then countersign migrate"
		case strings.HasPrefix(pg.Code, "28"): // invalid_authorization_specification, invalid_password
			out.What = fmt.Sprintf("%s: the user %q was refused", where, c.Config.User)
			out.Hint = "check user and password of the database URL, and the server's pg_hba.conf"
		default:
			out.What, out.Hint = fmt.Sprintf("%s: %s (SQLSTATE %s)", where, pg.Message, pg.Code), "the log of PostgreSQL may say more"
		}
		return out
	}
	out.What, out.Hint = where+" cannot be reached", "is it running, and are host and port of the database URL right? pg_isready -h HOST -p PORT"
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		out.What = fmt.Sprintf("%s: its certificate is not trusted: %v", where, cert.Err)
		out.Hint = "name the authority that signed it: sslrootcert=FILE in the database URL"
	} else if strings.Contains(err.Error(), "server refused TLS connection") { // the driver has no value to compare with
		out.What, out.Hint = where+": the server does not speak TLS", "give it a certificate (ssl = on in postgresql.conf)"
	} else if op, ok := errors.AsType[*net.OpError](err); ok {
		out.What += ": " + op.Err.Error()
	} else if dns, ok := errors.AsType[*net.DNSError](err); ok {
		out.What += ": " + dns.Err
	}
	return out
}
