package sqlstore

import (
	"sync/atomic"

	"modernc.org/sqlite"
)

const (
	// checkpointPages is how many pages are written to the log between two checkpoints.
	checkpointPages = 2000
	// restartPages is the length of the log at which the writer is asked to let it begin anew.
	restartPages = 6000
)

// checkpointer copies SQLite's log into the database file beside the writer, on a connection of its own. Done by the
// writer after a commit, as is SQLite's habit, it would hold up everybody for tens of milliseconds.
//
// Under a steady load that alone would let the log grow for ever: it can begin anew only when all of it has been copied,
// and new pages arrive while old ones are copied. So when it is long the writer itself copies the few pages that are
// left, between two groups.
type checkpointer struct {
	c *sqliteConn
	// written counts the pages that the writer has written.
	written sqlite.DBStatus
	look    chan struct{}
	done    chan struct{}
	// restart asks the writer to copy the rest.
	restart atomic.Bool
}

func newCheckpointer(c, writer *sqliteConn) *checkpointer {
	k := &checkpointer{c: c, look: make(chan struct{}, 1), done: make(chan struct{})}
	k.written, _ = writer.db.(sqlite.DBStatus)
	go k.loop()
	return k
}

// committed is called by the writer after each commit, outside of a transaction.
func (k *checkpointer) committed(writer *sqliteConn) {
	if k.restart.CompareAndSwap(true, false) {
		writer.checkpoint()
	}
	if k.written != nil {
		if n, _, err := k.written.Status(sqlite.DBStatusCacheWrite, false); err != nil || n < checkpointPages {
			return
		}
		k.written.Status(sqlite.DBStatusCacheWrite, true)
	}
	select {
	case k.look <- struct{}{}:
	default:
	}
}

// close ends the loop. The writer calls committed no more.
func (k *checkpointer) close() error {
	close(k.look)
	<-k.done
	return k.c.close()
}

func (k *checkpointer) loop() {
	defer close(k.done)
	for range k.look {
		if k.c.checkpoint() >= restartPages {
			k.restart.Store(true)
		}
	}
}

// checkpoint copies what it can of the log without waiting for anybody, and returns how many pages the log has.
func (c *sqliteConn) checkpoint() (pages int64) {
	// An error is that of a full or failing disk, which the next commit meets itself.
	_ = c.query(`PRAGMA wal_checkpoint(PASSIVE)`, nil, func(s *scan) {
		s.int64()
		pages = s.int64()
	})
	return pages
}
