package hookrun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

// Job is a program that runs once, shut in as workers are, with a folder of its own: npm, the bundler. No code of functions runs in it, none of its
// rules about addresses are those of functions, and its memory does not count against Options.MemoryMB: whoever starts jobs bounds how many.
type Job struct {
	// Name is for the log and events.
	Name string
	// Program is the path of an executable; empty: Node.
	Program string
	// Args are its arguments. Env is the whole environment besides LANG, TZ, PATH (which leads nowhere), HOME and TMPDIR (the folder).
	Args, Env []string
	// Read lists files and folders that it may read besides the system's and its own.
	Read []string
	// Folder is where it works and may write. It runs there.
	Folder *Folder
	// Egress says where it may connect to, besides which nothing is answered. Nil: nowhere. It holds where workers have a network of their own (level
	// Full); at Strong the ports of Egress are open, and at None everything.
	Egress *Egress
	// MemoryMB bounds its memory, default 256. Timeout bounds its time and its processor time, default 1 minute.
	MemoryMB int
	Timeout  time.Duration
	// DiskBytes and DiskFiles bound the folder (looked at every second), FileBytes each file. Defaults: 512 MiB, 10,000, 16 MiB.
	DiskBytes, FileBytes int64
	DiskFiles            int
	// OutputBytes bounds the output that is kept, its end. Defaults to 64 KiB; a job that writes 256 times as much is stopped.
	OutputBytes int
}

// JobResult is how a job ended.
type JobResult struct {
	// Code is the exit status, -1 if it was ended by something else than itself; Reason then says by what: runner.Timeout, Memory, Output (too much
	// output, or a folder that grew too large: Detail says which), or Exit.
	Code   int
	Reason runner.Reason
	Detail string
	// Output is the end of what it wrote.
	Output   []byte
	Level    sandbox.Level
	Duration time.Duration
}

// Job runs a program and waits for its end. Errors: runner.ErrUnavailable (it could not be started), or that of ctx, which ends the job. All that the
// program can do wrong is in the result.
func (r *Runner) Job(ctx context.Context, j *Job) (*JobResult, error) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, fmt.Errorf("%w: shutting down", runner.ErrUnavailable)
	}
	r.workers.Add(1)
	r.mu.Unlock()
	defer r.workers.Done()
	run := &jobRun{r: r, j: j.withDefaults()}
	out, err := newTail(run.j.OutputBytes, outputFactor*int64(run.j.OutputBytes))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
	}
	run.out = out
	defer out.close()
	if err := run.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	defer run.net.close()
	began := time.Now()
	reason, detail, err := run.wait(ctx)
	if err != nil {
		return nil, err
	}
	out.close()
	return run.result(reason, detail, time.Since(began)), nil
}

// outputFactor times Job.OutputBytes of output end a job.
const outputFactor = 256

func (j *Job) withDefaults() *Job {
	c := *j
	setDefault(&c.MemoryMB, 256)
	setDefault(&c.Timeout, time.Minute)
	setDefault(&c.DiskBytes, maxTempBytes)
	setDefault(&c.DiskFiles, maxTempFiles)
	setDefault(&c.FileBytes, maxFileBytes)
	setDefault(&c.OutputBytes, 64<<10)
	if c.Egress == nil {
		c.Egress = &Egress{Only: []string{"nowhere.invalid"}} // RFC 2606, section 2
	}
	return &c
}

// jobRun is a job that runs.
type jobRun struct {
	r    *Runner
	j    *Job
	out  *tail
	proc *sandbox.Process
	net  *network
}

func (x *jobRun) start(ctx context.Context) error {
	box, err := x.r.prepared()
	if err != nil {
		return err
	}
	rules, err := newRules(*x.j.Egress)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", runner.ErrUnavailable, x.j.Name, err)
	}
	if err := x.j.Folder.hand(); err != nil {
		return fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
	}
	path, args, data := x.j.Program, x.j.Args, int64(max(x.j.MemoryMB, 64)+64)<<20
	if path == "" {
		if path, _, err = x.r.node.find(x.r.ctx); err != nil {
			return fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
		}
		args = append([]string{"--max-old-space-size=" + strconv.Itoa(heapMB(x.j.MemoryMB))}, args...)
		data += 96 << 20
	}
	folder := x.j.Folder.Path
	env := append([]string{"LANG=en_US.UTF-8", "TZ=:UTC", "PATH=" + filepath.Join(folder, "bin"), "HOME=" + folder, "TMPDIR=" + folder}, x.j.Env...)
	isolated := x.r.level(box) == sandbox.Full
	x.proc, err = box.Start(ctx, sandbox.Spec{
		Path: path, Args: args, Env: env, Dir: folder, Read: x.j.Read, Write: folder, Ports: rules.ports(), DNS: true, Direct: rules.direct(isolated),
		Limits: sandbox.Limits{DataBytes: data, FileBytes: x.j.FileBytes, CPU: 2 * x.j.Timeout, Files: 1024},
		Output: x.out.write, Want: x.r.opts.Isolation, Max: x.r.opts.MaxIsolation,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
	}
	x.net = plainNetwork(x.r, x.j.Name, rules)
	x.net.serve(x.proc.Sockets(), x.proc.Isolated())
	return nil
}

// wait waits for the end, and brings it about if it has to. The process is gone afterwards.
func (x *jobRun) wait(ctx context.Context) (runner.Reason, string, error) {
	timer, tick := time.NewTimer(x.j.Timeout), time.NewTicker(tempInterval)
	defer timer.Stop()
	defer tick.Stop()
	for {
		select {
		case <-x.proc.Done():
			return x.filled()
		case <-ctx.Done():
			x.proc.Kill()
			return "", "", ctx.Err()
		case <-x.r.closing:
			x.proc.Kill()
			return "", "", fmt.Errorf("%w: shutting down", runner.ErrUnavailable)
		case <-timer.C:
			x.proc.Kill()
			return runner.Timeout, fmt.Sprintf("it took more than %s", x.j.Timeout), nil
		case <-x.out.full:
			x.proc.Kill()
			return runner.Output, "too much output", nil
		case <-tick.C:
			if reason, detail, _ := x.filled(); reason != "" {
				x.proc.Kill()
				return reason, detail, nil
			}
		}
	}
}

// filled reports a folder that is too large. It counts at the end, too: a fast program fills it between two looks.
func (x *jobRun) filled() (runner.Reason, string, error) {
	if exceeds(x.j.Folder.Path, x.proc.Pid(), x.j.DiskBytes, x.j.DiskFiles) {
		return runner.Output, fmt.Sprintf("its folder holds more than %d bytes or %d files", x.j.DiskBytes, x.j.DiskFiles), nil
	}
	return "", "", nil
}

func (x *jobRun) result(reason runner.Reason, detail string, took time.Duration) *JobResult {
	exit := x.proc.Wait()
	res := &JobResult{Code: exit.Code, Reason: reason, Detail: detail, Output: x.out.bytes(), Level: x.proc.Level(), Duration: took}
	switch {
	case reason != "":
		res.Code = -1
	case exit.Cause == sandbox.Memory || x.out.contains("heap out of memory") || x.out.contains("out of memory"):
		res.Code, res.Reason, res.Detail = -1, runner.Memory, fmt.Sprintf("it needs more than %d MB", x.j.MemoryMB)
	case exit.Cause == sandbox.CPU:
		res.Code, res.Reason, res.Detail = -1, runner.Timeout, "its processor time was used up"
	case exit.Code != 0:
		res.Reason = runner.Exit
		if exit.Signal != 0 {
			res.Detail = "signal: " + exit.Signal.String()
		}
	}
	return res
}

// Folder is a private folder for jobs, one after the other.
type Folder struct {
	Path string
}

// NewFolder makes an empty folder. It must be closed.
func (r *Runner) NewFolder() (*Folder, error) {
	path, err := os.MkdirTemp(filepath.Join(r.opts.Cache, "work"), r.instance+"-job-")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
	}
	return &Folder{Path: path}, nil
}

// Put writes a file for the next job. The name is a path with slashes below the folder.
func (f *Folder) Put(name string, data []byte) error {
	root, err := os.OpenRoot(f.Path)
	if err != nil {
		return err
	}
	defer root.Close()
	if dir := filepath.Dir(filepath.FromSlash(name)); dir != "." {
		if err := root.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	return root.WriteFile(filepath.FromSlash(name), data, 0o666)
}

// Close removes the folder.
func (f *Folder) Close() error { return RemoveAll(f.Path) }

// hand makes what is in the folder the next job's, which may run under another user: everybody may read and write it, below a folder that nobody but
// the job may enter. No process runs in it now. Links are left alone.
func (f *Folder) hand() error {
	return walkFiles(f.Path, func(root *os.Root, name string, mode os.FileMode) error {
		switch {
		case mode.IsDir() && mode.Perm() != 0o777:
			return root.Chmod(name, 0o777)
		case mode.IsRegular() && mode.Perm()&0o666 != 0o666:
			return root.Chmod(name, 0o666)
		}
		return nil
	})
}

var errFolder = errors.New("hookrun: the folder of a job")
