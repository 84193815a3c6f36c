package interop

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

var someone = credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")

func functions() *lambda.Client {
	return lambda.New(lambda.Options{BaseEndpoint: aws.String(srv.URL), Region: region, Credentials: someone, RetryMaxAttempts: 1, HTTPClient: whole{}})
}

func keys() *kms.Client {
	return kms.New(kms.Options{BaseEndpoint: aws.String(srv.URL), Region: region, Credentials: someone, RetryMaxAttempts: 1, HTTPClient: whole{}})
}

// deploy makes a function of a Node package and returns its ARN.
func deploy(t *testing.T, name, runtime, handler string, code []byte, env map[string]string) string {
	t.Helper()
	out, err := functions().CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String(name), Runtime: lambdatypes.Runtime(runtime), Handler: aws.String(handler), Timeout: aws.Int32(20), MemorySize: aws.Int32(256),
		Role: aws.String("arn:aws:iam::000000000000:role/sender"), Code: &lambdatypes.FunctionCode{ZipFile: code},
		Environment: &lambdatypes.Environment{Variables: env},
	})
	check(t, err)
	return *out.FunctionArn
}

// permit lets Cognito call a function, for the pool alone if one is named.
func permit(t *testing.T, function, poolID string) {
	t.Helper()
	in := &lambda.AddPermissionInput{
		FunctionName: aws.String(function), StatementId: aws.String("CognitoLambdaInvokeAccess" + strings.ReplaceAll(poolID, "_", "-")),
		Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("cognito-idp.amazonaws.com"),
	}
	if poolID != "" {
		in.SourceArn, in.SourceAccount = aws.String("arn:aws:cognito-idp:"+region+":000000000000:userpool/"+poolID), aws.String("000000000000")
	}
	_, err := functions().AddPermission(t.Context(), in)
	check(t, err)
}

// newKey makes a symmetric key and returns its ARN.
func newKey(t *testing.T) string {
	t.Helper()
	out, err := keys().CreateKey(t.Context(), &kms.CreateKeyInput{})
	check(t, err)
	return *out.KeyMetadata.Arn
}

// archive zips texts by name.
func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for name, text := range files {
		f, err := w.Create(name)
		check(t, err)
		_, err = f.Write([]byte(text))
		check(t, err)
	}
	check(t, w.Close())
	return buf.Bytes()
}

var (
	sdkPackage    = sync.OnceValues(func() ([]byte, error) { return packModules("@aws-crypto/client-node", "base64-js", "aws-sdk") })
	clientPackage = sync.OnceValues(func() ([]byte, error) { return packModules("@aws-crypto/client-node") })
)

// withSDK adds files to a package that holds the Encryption SDK, base64-js and aws-sdk, as the documents have their readers do.
func withSDK(t *testing.T, files map[string]string) []byte {
	t.Helper()
	return packedWith(t, sdkPackage, files)
}

// withClient adds files to a package that holds the Encryption SDK alone, which is a quarter of the size.
func withClient(t *testing.T, files map[string]string) []byte {
	t.Helper()
	return packedWith(t, clientPackage, files)
}

func packedWith(t *testing.T, packed func() ([]byte, error), files map[string]string) []byte {
	t.Helper()
	base, err := packed()
	check(t, err)
	from, err := zip.NewReader(bytes.NewReader(base), int64(len(base)))
	check(t, err)
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, f := range from.File {
		check(t, w.Copy(f))
	}
	for name, text := range files {
		f, err := w.Create(name)
		check(t, err)
		_, err = f.Write([]byte(text))
		check(t, err)
	}
	check(t, w.Close())
	return buf.Bytes()
}

func packModules(names ...string) ([]byte, error) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	done := map[string]bool{}
	for _, name := range names {
		if err := packModule(w, done, "node", name); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return buf.Bytes(), err
}

// packModule adds a module and what it depends on, found as Node finds it: in the nearest node_modules above from.
func packModule(w *zip.Writer, done map[string]bool, from, name string) error {
	dir, err := findModule(from, name)
	if err != nil || done[dir] {
		return err
	}
	done[dir] = true
	raw, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return err
	}
	var manifest struct{ Dependencies, OptionalDependencies map[string]string }
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return err
	}
	if err := packFolder(w, dir); err != nil {
		return err
	}
	for dep := range manifest.Dependencies {
		if _, optional := manifest.OptionalDependencies[dep]; optional {
			continue
		}
		if err := packModule(w, done, dir, dep); err != nil {
			return err
		}
	}
	return nil
}

func findModule(from, name string) (string, error) {
	for dir := from; ; dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "node_modules", filepath.FromSlash(name))
		if _, err := os.Stat(filepath.Join(found, "package.json")); err == nil {
			return found, nil
		}
		if dir == "node" || dir == "." || dir == "/" {
			return "", errors.New("module not found: " + name)
		}
	}
}

func packFolder(w *zip.Writer, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "node_modules" && path != dir {
			return fs.SkipDir // its modules are packed where they are needed
		}
		if !d.Type().IsRegular() || strings.HasSuffix(path, ".map") || strings.HasSuffix(path, ".d.ts") {
			return nil
		}
		name, err := filepath.Rel("node", path)
		if err != nil {
			return err
		}
		f, err := w.Create(filepath.ToSlash(name))
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, err = f.Write(b)
		return err
	})
}

// texts waits until n messages have arrived at the number, and makes sure that no further one follows soon.
func texts(t *testing.T, to string, n int) []message {
	t.Helper()
	var list []message
	for end := time.Now().Add(20 * time.Second); len(list) < n && time.Now().Before(end); {
		after := ""
		if len(list) > 0 {
			after = list[len(list)-1].ID
		}
		list = append(list, srv.inbox(t, to, after, 5*time.Second)...)
	}
	if len(list) != n {
		t.Fatalf("%d texts arrived at %s, want %d: %+v\n%s", len(list), to, n, list, srv.output())
	}
	return list
}
