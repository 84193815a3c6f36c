package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// arrivals hands what functions note in their temporary folders to those who wait: functions are shut in and reach no receiver on this
// machine.
type arrivals struct {
	folder string // of the workers' temporary folders
	sink   *sink
	files  map[string]*noted
	stop   chan struct{}
	done   chan struct{}
}

// noted is one worker's file. It stays open, so that it can be read after its worker's end.
type noted struct {
	f    *os.File
	rest []byte
}

const (
	// readEvery and lookEvery are how often files are read and new ones looked for. What was noted has its own time, so that
	// latencies do not depend on it.
	readEvery = 500 * time.Microsecond
	lookEvery = 5 * time.Millisecond
)

func watchArrivals(folder string, s *sink) *arrivals {
	a := &arrivals{folder: folder, sink: s, files: map[string]*noted{}, stop: make(chan struct{}), done: make(chan struct{})}
	go a.run()
	return a
}

func (a *arrivals) end() {
	close(a.stop)
	<-a.done
}

func (a *arrivals) run() {
	defer close(a.done)
	t := time.NewTicker(readEvery)
	defer t.Stop()
	var looked time.Time
	for {
		select {
		case <-a.stop:
			for _, n := range a.files {
				n.f.Close()
			}
			return
		case <-t.C:
		}
		if time.Since(looked) > lookEvery {
			a.look()
			looked = time.Now()
		}
		for _, n := range a.files {
			a.read(n)
		}
	}
}

// look opens the files of new workers and closes those of workers that are gone.
func (a *arrivals) look() {
	list, err := os.ReadDir(a.folder)
	if err != nil {
		return
	}
	here := map[string]bool{}
	for _, d := range list {
		here[d.Name()] = true
		if a.files[d.Name()] != nil {
			continue
		}
		if f, err := os.Open(filepath.Join(a.folder, d.Name(), "arrived")); err == nil {
			a.files[d.Name()] = &noted{f: f}
		}
	}
	for name, n := range a.files {
		if !here[name] {
			a.read(n)
			n.f.Close()
			delete(a.files, name)
		}
	}
}

// read takes all whole lines: number, milliseconds since 1970, code.
func (a *arrivals) read(n *noted) {
	var buf [4096]byte
	for {
		k, err := n.f.Read(buf[:])
		n.rest = append(n.rest, buf[:k]...)
		for {
			line, rest, ok := bytes.Cut(n.rest, []byte("\n"))
			if !ok {
				break
			}
			a.note(line)
			n.rest = append(n.rest[:0], rest...)
		}
		if err != nil || k < len(buf) || err == io.EOF {
			return
		}
	}
}

func (a *arrivals) note(line []byte) {
	f := bytes.Fields(line)
	if len(f) != 3 {
		return
	}
	at, err := strconv.ParseFloat(string(f[1]), 64)
	if err != nil {
		return
	}
	a.sink.arrive(string(f[0]), text{code: string(f[2]), at: time.UnixMicro(int64(at * 1000))})
}
