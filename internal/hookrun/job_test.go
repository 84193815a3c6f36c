//go:build unix

package hookrun

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

// jobIn runs a script of Node in a new folder.
func jobIn(t *testing.T, b *bench, script string, change func(*Job)) (*JobResult, *Folder) {
	t.Helper()
	folder, err := b.NewFolder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	if err := folder.Put("sub/job.js", []byte(script)); err != nil {
		t.Fatal(err)
	}
	j := &Job{Name: "test", Args: []string{"sub/job.js"}, Folder: folder}
	if change != nil {
		change(j)
	}
	res, err := b.Job(t.Context(), j)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.logged())
	}
	return res, folder
}

func TestJob(t *testing.T) {
	t.Setenv("SECRET_OF_THE_SERVER", "x")
	levels(t, func(t *testing.T, level sandbox.Level) {
		b := newRunner(t, level, nil)
		res, folder := jobIn(t, b, `const fs = require('fs'); fs.appendFileSync('sub/job.js', '//'); fs.mkdirSync('made/deep', { recursive: true });
			fs.writeFileSync('made/deep/file', 'mine'); console.log(process.cwd(), Object.keys(process.env).sort().join()); process.exit(3)`,
			func(j *Job) { j.Env = []string{"OWN=1"} })
		want := folder.Path + " HOME,LANG,OWN,PATH,TMPDIR,TZ\n"
		if res.Code != 3 || res.Reason != runner.Exit || string(res.Output) != want || res.Level != level {
			t.Errorf("%+v %s", res, res.Output)
		}
		if data, err := folder.Read("made/deep/file", 10); err != nil || string(data) != "mine" {
			t.Errorf("%s %v", data, err)
		}
		if _, err := folder.Read("made/deep/file", 3); err == nil {
			t.Error("a file beyond the bound")
		}
		// The next job may run under another user, and finds everything.
		res, err := b.Job(t.Context(), &Job{Name: "second", Folder: folder, Args: []string{"-e",
			`const fs = require('fs'); fs.appendFileSync('made/deep/file', '!'); fs.rmSync('sub', { recursive: true });
				console.log(fs.readFileSync('made/deep/file', 'utf8'))`}})
		if err != nil || res.Code != 0 || res.Reason != "" || string(res.Output) != "mine!\n" {
			t.Errorf("%+v %v", res, err)
		}
		files, err := folder.Files()
		if err != nil || len(files) != 3 || files[2].Name != "made/deep/file" || files[2].Size != 5 {
			t.Errorf("%+v %v", files, err)
		}
		if err := folder.Close(); err != nil || exists(folder.Path) {
			t.Errorf("left behind: %v", err)
		}
	})
}

func TestJobIsShutIn(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hidden"), 0o644); err != nil {
		t.Fatal(err)
	}
	b := newRunner(t, sandbox.Full, nil)
	res, folder := jobIn(t, b, fmt.Sprintf(`const fs = require('fs'), cp = require('child_process');
		const say = (name, f) => { try { f(); console.log(name, 'done') } catch (e) { console.log(name, e.code) } };
		say('read', () => fs.readFileSync(%q));
		say('write', () => fs.writeFileSync('/tmp/job-was-here', ''));
		say('spawn', () => { const r = cp.spawnSync('/bin/true'); if (r.error) throw r.error });
		say('link', () => fs.symlinkSync('/etc/passwd', 'link'));`, secret), nil)
	if got := string(res.Output); got != "read EACCES\nwrite EACCES\nspawn EPERM\nlink EACCES\n" {
		t.Errorf("%s", got)
	}
	if _, err := folder.Read("link", 1<<20); err == nil {
		t.Error("a link was read")
	}
}

// What the server reads of a folder is in it, whatever a job without isolation left there.
func TestJobFolderLinks(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	_, folder := jobIn(t, b, `const fs = require('fs'); fs.symlinkSync('/etc', 'out'); fs.symlinkSync('/etc/hostname', 'file'); fs.mkdirSync('closed', 0)`, nil)
	for _, name := range []string{"out/hostname", "file", "../x", "/etc/hostname"} {
		if data, err := folder.Read(name, 1<<20); err == nil {
			t.Errorf("%s: %q", name, data)
		}
	}
	before, err := os.Stat("/etc/hostname")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Job(t.Context(), &Job{Name: "second", Folder: folder, Args: []string{"-e", ""}}); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat("/etc/hostname"); err != nil || after.Mode() != before.Mode() {
		t.Errorf("the mode of a link's target changed: %v %v", after.Mode(), err)
	}
}

func TestJobBounds(t *testing.T) {
	b := newRunner(t, sandbox.Full, nil)
	for name, tt := range map[string]struct {
		script string
		change func(*Job)
		reason runner.Reason
	}{
		"time":   {`for (;;);`, func(j *Job) { j.Timeout = time.Second }, runner.Timeout},
		"output": {`for (;;) require('fs').writeSync(1, 'x'.repeat(1000))`, func(j *Job) { j.OutputBytes = 1000 }, runner.Output},
		"disk":   {`for (let i = 0; ; i++) require('fs').writeFileSync('f' + i, 'x'.repeat(1e6))`, func(j *Job) { j.DiskBytes = 20 << 20 }, runner.Output},
		"disk at the end": {`for (let i = 0; i < 30; i++) require('fs').writeFileSync('f' + i, 'x'.repeat(1e6))`,
			func(j *Job) { j.DiskBytes = 20 << 20 }, runner.Output},
		"files":  {`for (let i = 0; i < 50; i++) require('fs').writeFileSync('f' + i, '')`, func(j *Job) { j.DiskFiles = 20 }, runner.Output},
		"memory": {`const a = []; for (;;) a.push(new Array(1000).fill({}))`, func(j *Job) { j.MemoryMB = 64 }, runner.Memory},
		"file":   {`require('fs').writeFileSync('f', 'x'.repeat(1e6))`, func(j *Job) { j.FileBytes = 1000 }, runner.Exit},
	} {
		t.Run(name, func(t *testing.T) {
			res, _ := jobIn(t, b, tt.script, tt.change)
			if res.Reason != tt.reason {
				t.Errorf("%+v %s", res, res.Output)
			}
		})
	}
}

// A job reaches the hosts of its own list and nothing else, whatever functions may reach; hosts that the server answers itself are not its own.
func TestJobEgress(t *testing.T) {
	s, port := tlsServer(t)
	b := newRunner(t, sandbox.Full, func(o *Options) {
		o.Resolver = fakeDNS(t, inside)
		o.Egress.Allow = []string{fmt.Sprintf("functions.test:%d", port)}
		o.Local = func(host string, _ int) http.Handler {
			return map[string]http.Handler{"kms.us-local-1.amazonaws.com": s.Config.Handler}[host]
		}
	})
	script := fmt.Sprintf(`(async () => { for (const h of ['job.test:%[1]d', 'functions.test:%[1]d', 'kms.us-local-1.amazonaws.com', 'localhost:9001'])
		console.log(h.split(':')[0], await fetch('https://' + h).then((r) => r.status, (e) => e.cause.code)) })()`, port)
	insecure := []string{"NODE_TLS_REJECT_UNAUTHORIZED=0", "NODE_NO_WARNINGS=1"}
	res, _ := jobIn(t, b, script, func(j *Job) {
		j.Env, j.Egress = insecure, &Egress{Allow: []string{fmt.Sprintf("job.test:%d", port)}, Only: []string{"job.test"}}
	})
	const refused = "kms.us-local-1.amazonaws.com ECONNRESET\nlocalhost ECONNRESET\n"
	if got := string(res.Output); got != "job.test 200\nfunctions.test ECONNRESET\n"+refused {
		t.Errorf("%s", got)
	}
	res, _ = jobIn(t, b, script, func(j *Job) { j.Env = insecure })
	if got := string(res.Output); got != "job.test EACCES\nfunctions.test EACCES\n"+refused { // nor the port
		t.Errorf("without a list: %s", got)
	}
}

func TestJobEndsWithItsCaller(t *testing.T) {
	b := newRunner(t, sandbox.Full, nil)
	folder, err := b.NewFolder()
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := b.Job(ctx, &Job{Name: "slow", Folder: folder, Args: []string{"-e", "for(;;);"}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	done := make(chan error)
	go func() {
		_, err := b.Job(t.Context(), &Job{Name: "slow", Folder: folder, Args: []string{"-e", "require('fs').writeFileSync('up', ''); for(;;);"}})
		done <- err
	}()
	for _, err := folder.Read("up", 1); err != nil; _, err = folder.Read("up", 1) {
		select {
		case err := <-done:
			t.Fatal(err)
		default:
		}
	}
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, runner.ErrUnavailable) || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("%v", err)
	}
	if _, err := b.Job(t.Context(), &Job{Name: "late", Folder: folder}); !errors.Is(err, runner.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}
