package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestBoto3 runs every program of boto3/ with the distribution's boto3, each against a server of its own, for the sandbox is that of the deployment; each
// of its steps is a subtest.
func TestBoto3(t *testing.T) {
	models := awsModels(t)
	for _, name := range []string{"walk", "wireerrors"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			runPython(t, name+".py", "COUNTERSIGN_URL="+s.URL, "COUNTERSIGN_PROGRAM="+program, "AWS_DATA_PATH="+models)
		})
	}
}

// awsModels is a folder in which botocore, that of the AWS CLI too, looks for API models before its own (AWS_DATA_PATH): a distribution's may be older than
// the operations that the walk needs. Debian 12 and its AWS CLI know no RequestSenderId and no verified destination numbers.
func awsModels(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, file := range map[string]string{
		"sns/2010-03-31": "sns-2010-03-31.json", "pinpoint-sms-voice-v2/2022-03-31": "pinpoint-sms-voice-v2-2022-03-31.json",
	} {
		b, err := os.ReadFile(filepath.Join(referenceFolder(), "specs", "aws", file))
		if err != nil {
			t.Fatalf("the API model is missing: set COUNTERSIGN_REFERENCE to the folder that holds specs/aws (%v)", err)
		}
		check(t, os.MkdirAll(filepath.Join(dir, filepath.FromSlash(name)), 0o755))
		check(t, os.WriteFile(filepath.Join(dir, filepath.FromSlash(name), "service-2.json"), b, 0o644))
	}
	return dir
}

// python is the distribution's interpreter, for which the package python3-boto3 is, else the first on the PATH that has boto3.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), name, "-c", "import boto3").Run() == nil {
			return name
		}
	}
	t.Fatal("boto3 is missing; run ./scripts/test")
	panic("unreachable")
}

func runPython(t *testing.T, file string, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python(t), file)
	cmd.Dir = "boto3"
	cmd.Env = append(os.Environ(), append(env, "PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=ignore", "PYTHONUTF8=1")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	ran := 0
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var step jsTest
		if err := json.Unmarshal(lines.Bytes(), &step); err != nil {
			t.Errorf("%s printed %q", file, lines.Text())
			continue
		}
		ran++
		t.Run(step.Name, func(t *testing.T) {
			if !step.OK {
				t.Error(step.Error)
			}
		})
	}
	if err := cmd.Wait(); err != nil || ran == 0 {
		t.Errorf("%s ended with %v after %d steps\n%s", file, err, ran, stderr.String())
	}
}
