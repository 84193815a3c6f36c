package simulator

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// record is one line of the file.
type record struct {
	Message
	// Key is the idempotency key, so that a send repeated over a restart stays one message.
	Key string `json:"key,omitempty"`
}

// maxLine bounds one line: a text of maxText whose every byte is escaped as \u0000, and the other fields.
const maxLine = 6*maxText + 64*maxField

// maxAhead bounds how far in the future an id read from the file may lie; a garbled one would spoil all later ids.
const maxAhead = 365 * 24 * time.Hour

var idForm = regexp.MustCompile(`^[0-9]{16}$`)

// load reads the file into the list and leaves it open for appending. A last line cut off by a crash is dropped.
func (b *Inbox) load() error {
	f, err := os.OpenFile(b.opt.Path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	b.file = f
	r := bufio.NewReaderSize(f, maxLine)
	for {
		line, err := r.ReadSlice('\n')
		switch {
		case err == nil:
			b.lines++
			b.loadLine(line)
		case errors.Is(err, bufio.ErrBufferFull):
			// Not a line of ours: the rest of it fails to parse too, piece by piece.
			b.lines++
		case errors.Is(err, io.EOF):
			if len(line) > 0 || b.lines > 2*b.opt.Max {
				b.rewrite()
			}
			return nil
		default:
			f.Close()
			return fmt.Errorf("reading %s: %w", b.opt.Path, err)
		}
	}
}

// loadLine keeps the message of one line, if it is one and newer than those before it.
func (b *Inbox) loadLine(line []byte) {
	var rec record
	if json.Unmarshal(line, &rec) != nil || !idForm.MatchString(rec.ID) || rec.Party() == "" {
		return
	}
	id, err := strconv.ParseUint(rec.ID, 10, 64)
	if err != nil || id > uint64(b.opt.Now().Add(maxAhead).UnixMicro()) || (len(b.messages) > 0 && rec.ID <= b.messages[len(b.messages)-1].ID) {
		return
	}
	b.last = max(b.last, id)
	b.keep(rec.Message)
	if rec.Key != "" {
		b.remember(rec.Key, receiptOf(rec.Message))
	}
}

// append writes one line. The file is a convenience, so trouble with it is logged and does not fail the send.
func (b *Inbox) append(rec record) {
	if b.file == nil {
		return
	}
	if b.lines >= 2*b.opt.Max {
		b.rewrite() // rec is in the list already
		return
	}
	line, err := json.Marshal(rec)
	if err == nil {
		_, err = b.file.Write(append(line, '\n'))
	}
	if err != nil {
		b.opt.Logger.Warn("simulator: the inbox file could not be written", "error", err)
		return
	}
	b.lines++
}

// rewrite replaces the file by one that holds exactly the list.
func (b *Inbox) rewrite() {
	if b.file == nil {
		return
	}
	f, err := b.replaceFile()
	if err != nil {
		b.opt.Logger.Warn("simulator: the inbox file could not be rewritten", "error", err)
		return
	}
	b.file.Close()
	b.file, b.lines = f, len(b.messages)
}

func (b *Inbox) replaceFile() (_ *os.File, err error) {
	keyOf := make(map[string]string, len(b.keys))
	for _, k := range b.keys {
		keyOf[b.receipts[k].ProviderID] = k
	}
	tmp, err := os.CreateTemp(filepath.Dir(b.opt.Path), ".inbox-*")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	w := bufio.NewWriter(tmp)
	enc := json.NewEncoder(w)
	for _, m := range b.messages {
		if err := enc.Encode(record{Message: m, Key: keyOf[receiptOf(m).ProviderID]}); err != nil {
			return nil, err
		}
	}
	if err := w.Flush(); err != nil { // CreateTemp made it 0600
		return nil, err
	}
	return tmp, os.Rename(tmp.Name(), b.opt.Path)
}
