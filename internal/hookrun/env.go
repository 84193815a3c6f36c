package hookrun

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

// apiPort is where the Runtime API is in a worker's own network, as on Lambda.
const apiPort = 9001

// environment is the whole environment of a worker: what Lambda defines (AWS Lambda developer guide, "Defined runtime environment
// variables"), then the code's own. The code may change the general variables, as there, but not those that bind it to its worker.
func (w *worker) environment(root string, isolated bool) []string {
	env := map[string]string{
		"LANG": "en_US.UTF-8", "TZ": ":UTC", "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
		"HOME": w.temp, "TMPDIR": w.temp, "AWS_EXECUTION_ENV": "AWS_Lambda_" + w.code.Runtime,
	}
	region, name := arnParts(w.code)
	if region != "" {
		env["AWS_REGION"], env["AWS_DEFAULT_REGION"] = region, region
	}
	w.trustEnv(env, isolated, region)
	maps.Copy(env, w.code.Env)
	stream := make([]byte, 16)
	rand.Read(stream)
	maps.Copy(env, map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          sandbox.AddrMark + w.secret,
		"_HANDLER":                        w.code.Handler,
		"LAMBDA_TASK_ROOT":                root,
		"LAMBDA_RUNTIME_DIR":              w.r.runtimeDir,
		"AWS_LAMBDA_FUNCTION_NAME":        name,
		"AWS_LAMBDA_FUNCTION_VERSION":     w.code.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(w.code.MemoryMB),
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      fmt.Sprintf("%s/[%s]%s", time.Now().UTC().Format("2006/01/02"), w.code.Version, hex.EncodeToString(stream)),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
	})
	delete(env, "COUNTERSIGN_CONTRACT") // ours alone
	if w.code.Contract != "" {
		env["COUNTERSIGN_CONTRACT"] = w.code.Contract // for the bootstrap, which removes it
	}
	if w.slots > 1 {
		env["COUNTERSIGN_CALLS"] = strconv.Itoa(w.slots)
	}
	out := make([]string, 0, len(env))
	for _, k := range slices.Sorted(maps.Keys(env)) {
		if k != "" && !strings.ContainsAny(k, "=\x00") && !strings.Contains(env[k], "\x00") {
			out = append(out, k+"="+env[k])
		}
	}
	return out
}

// trustEnv makes clients find and trust what this server answers itself: by the certificate authority where connections come to this server,
// by endpoints for programs that have no network of their own.
func (w *worker) trustEnv(env map[string]string, isolated bool, region string) {
	if w.isNode() {
		env["COUNTERSIGN_CA"] = w.r.ca.certFile // for the bootstrap, which removes it
	}
	if isolated {
		env["SSL_CERT_FILE"], env["AWS_CA_BUNDLE"] = w.r.ca.bundleFile, w.r.ca.bundleFile
	}
	if isolated || w.isNode() {
		return
	}
	for _, service := range endpointServices {
		if w.r.opts.Local(service+"."+region+".amazonaws.com", 443) != nil {
			env["AWS_ENDPOINT_URL_"+strings.ToUpper(service)] = "http://" + sandbox.AddrMark
		}
	}
}

// arnParts takes region and name from arn:aws:lambda:<region>:<account>:function:<name>[:version]. Code without an ARN has its name alone.
func arnParts(code *runner.Code) (region, name string) {
	p := strings.Split(code.ARN, ":")
	if len(p) < 7 || p[2] != "lambda" {
		return "", code.Name
	}
	return p[3], p[6]
}

// traceID is a trace header as Lambda passes on (AWS X-Ray developer guide, "Tracing header"), not sampled.
func traceID(at time.Time) string {
	b := make([]byte, 20)
	rand.Read(b)
	return fmt.Sprintf("Root=1-%08x-%x;Parent=%x;Sampled=0", at.Unix(), b[:12], b[12:])
}
