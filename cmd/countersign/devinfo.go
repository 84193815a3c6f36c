package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"countersign"
)

// infoFile tells other commands how the last dev of a folder was started.
const infoFile = "dev.json"

// devInfo is what a client of dev must know.
type devInfo struct {
	// URL is what apps use. LocalURL has the operators' surfaces as well, which --lan does not open to the network.
	URL              string `json:"url"`
	LocalURL         string `json:"local_url"`
	HTTPS            string `json:"https_url"`
	Region           string `json:"region"`
	UserPoolID       string `json:"user_pool_id"`
	ClientID         string `json:"client_id"`
	ManagementID     string `json:"management_client_id"`
	ManagementSecret string `json:"management_client_secret"`
	AccessKeyID      string `json:"access_key_id"`
	SecretAccessKey  string `json:"secret_access_key"`
	CA               string `json:"ca"`
	Socket           string `json:"socket"`
	FixedCode        string `json:"fixed_code,omitempty"`
}

// defaultInfo is what a dev with no flags would be.
func defaultInfo(folder string) devInfo {
	return devInfo{
		URL: "http://localhost:7446", HTTPS: "https://localhost:7447", Region: countersign.DevRegion, UserPoolID: countersign.DevPool,
		ClientID: countersign.DevClient, ManagementID: countersign.DevManager, ManagementSecret: "countersign-dev-secret",
		AccessKeyID: "local", SecretAccessKey: "local", CA: filepath.Join(folder, "ca.pem"), Socket: socketPath(folder),
	}
}

func newDevInfo(d *devRun) devInfo {
	i := defaultInfo(d.folder)
	i.URL, i.LocalURL = d.cfg.BaseURLs[0], d.local()
	u, _ := url.Parse(i.URL)
	if _, err := d.ca.Certificate(time.Now(), u.Hostname()); err != nil {
		u, _ = url.Parse(d.local())
	}
	i.HTTPS = "https://" + strings.TrimSuffix(u.Host, u.Port()) + strconv.Itoa(d.ports.httpsPort)
	i.FixedCode = d.FixedCode
	if d.cfg.AccessKeyID != "" {
		i.ManagementSecret, i.AccessKeyID, i.SecretAccessKey = d.cfg.ManagementSecret, d.cfg.AccessKeyID, d.cfg.SecretAccessKey
	}
	return i
}

func (i devInfo) write(folder string) error {
	raw, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, infoFile), append(raw, '\n'), 0o600)
}

// readInfo reads what the last dev of the folder wrote; the defaults and fs.ErrNotExist if there was none.
func readInfo(folder string) (devInfo, error) {
	abs, err := filepath.Abs(folder)
	if err != nil {
		return devInfo{}, err
	}
	i := defaultInfo(abs)
	raw, err := os.ReadFile(filepath.Join(folder, infoFile))
	if err == nil {
		err = json.Unmarshal(raw, &i)
	}
	i.LocalURL = cmp.Or(i.LocalURL, i.URL)
	return i, err
}

// local is the loopback URL, for what is not served on the LAN.
func (d *devRun) local() string {
	host := "localhost"
	if d.ports.onlyAddress != "" {
		host = d.ports.onlyAddress
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return "http://" + host + ":" + strconv.Itoa(d.ports.httpPort)
}

// banner is printed once the port answers.
func (d *devRun) banner() {
	i, w, local := d.info, d.a.stdout, d.local()
	fmt.Fprintf(w, "countersign %s, development, ready in %s\n\n", version(), time.Since(d.a.began).Round(time.Millisecond))
	who := "any key pair is accepted"
	if d.cfg.AccessKeyID != "" {
		who = "for end users on the network"
	}
	fmt.Fprintf(w, "  %-34s AWS endpoint; %s\n", i.URL, who)
	trust := "once: countersign dev trust"
	if d.Ephemeral {
		trust = "its authority: " + i.CA
	}
	fmt.Fprintf(w, "  %-34s the same with TLS; %s\n", i.HTTPS, trust)
	fmt.Fprintf(w, "  %-34s the phones: every text and its code\n\n", local+"/simulator/")
	fmt.Fprintf(w, "  region %s   pool %s   client %s\n", i.Region, i.UserPoolID, i.ClientID)
	fmt.Fprintf(w, "  Auth0 domain %s   management client %s   secret %s\n", i.auth0Domain(), i.ManagementID, i.ManagementSecret)
	if d.cfg.AccessKeyID != "" {
		fmt.Fprintf(w, "  access key %s   secret %s   (no other is accepted)\n", i.AccessKeyID, i.SecretAccessKey)
		fmt.Fprintf(w, "  on the network: %s, end users' operations only; the phones and signed calls stay at %s\n", strings.Join(d.ports.lan, ", "), local)
	}
	if i.FixedCode != "" {
		fmt.Fprintf(w, "  every code is %s\n", i.FixedCode)
	}
	if d.Ephemeral {
		fmt.Fprintf(w, "  nothing is kept\n")
	} else {
		fmt.Fprintf(w, "  data in %s\n", d.folder)
	}
	fmt.Fprintf(w, pasteText, i.URL, i.Region, i.ClientID, local, i.UserPoolID, i.ClientID, i.URL)
}

const pasteText = `
Sign up (AWS CLI), and read the text:

  aws cognito-idp sign-up --no-sign-request --endpoint-url %[1]s --region %[2]s \
    --client-id %[3]s --username +12025550123 --password 'Correct-Horse-1'
  curl -s '%[4]s/simulator/inbox?to=%%2B12025550123'

Amplify:

  Amplify.configure({ Auth: { Cognito: {
    userPoolId: '%[5]s', userPoolClientId: '%[6]s', userPoolEndpoint: '%[7]s',
  } } })

A Hook of Auth0, without a server: countersign hook run hook.js

For a shell or a .env file: countersign env (--auth0, --vite, --next, --expo, --json). Ctrl-C ends.

`

type envCmd struct {
	Data  string `help:"Folder of the data (default ./.countersign)." placeholder:"DIR" type:"path"`
	Auth0 bool   `name:"auth0" help:"For Auth0's clients and its Deploy CLI: the domain and the management client." xor:"form"`
	Vite  bool   `help:"As VITE_ variables, for a .env file." xor:"form"`
	Next  bool   `help:"As NEXT_PUBLIC_ variables, for a .env file." xor:"form"`
	Expo  bool   `help:"As EXPO_PUBLIC_ variables, for a .env file." xor:"form"`
}

func (c envCmd) Run(a *app) error {
	folder := a.folderOf(c.Data)
	i, err := readInfo(folder)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(a.stderr, "note: no countersign dev has kept its data in %s; these are the settings of one without flags\n", folder)
		err = nil
	}
	if err != nil {
		return hint(err, "start the server once more: countersign dev")
	}
	if a.json {
		return a.printJSON(i)
	}
	prefix := map[bool]string{c.Vite: "VITE_", c.Next: "NEXT_PUBLIC_", c.Expo: "EXPO_PUBLIC_"}[true]
	if prefix != "" {
		// These end up in a browser: nothing secret.
		for _, kv := range [][2]string{
			{"AWS_REGION", i.Region}, {"USER_POOL_ID", i.UserPoolID}, {"USER_POOL_CLIENT_ID", i.ClientID}, {"USER_POOL_ENDPOINT", i.URL},
		} {
			fmt.Fprintf(a.stdout, "%s%s=%s\n", prefix, kv[0], kv[1])
		}
		return nil
	}
	i.exports(a, i.variables(c.Auth0))
	return nil
}

// variables are those of AWS's clients, or of Auth0's.
func (i devInfo) variables(auth0 bool) [][2]string {
	if auth0 {
		return [][2]string{{"AUTH0_DOMAIN", i.auth0Domain()}, {"AUTH0_CLIENT_ID", i.ManagementID}, {"AUTH0_CLIENT_SECRET", i.ManagementSecret}}
	}
	// boto3 and version 1 of the CLI read AWS_DEFAULT_REGION alone, the other SDKs AWS_REGION.
	return [][2]string{
		{"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", i.LocalURL}, {"AWS_ENDPOINT_URL_STS", i.LocalURL},
		{"AWS_REGION", i.Region}, {"AWS_DEFAULT_REGION", i.Region},
		{"AWS_ACCESS_KEY_ID", i.AccessKeyID}, {"AWS_SECRET_ACCESS_KEY", i.SecretAccessKey},
		{"COUNTERSIGN_URL", i.LocalURL}, {"COUNTERSIGN_USER_POOL_ID", i.UserPoolID}, {"COUNTERSIGN_CLIENT_ID", i.ClientID},
	}
}

func (i devInfo) exports(a *app, list [][2]string) {
	if exists(i.CA) { // Node.js complains about one that is not there
		list = append(list, [2]string{"NODE_EXTRA_CA_CERTS", i.CA})
	}
	for _, kv := range list {
		fmt.Fprintf(a.stdout, "export %s=%s\n", kv[0], quote(kv[1]))
	}
}

// auth0Domain is what Auth0's clients call a domain; they put https:// before it. The operators' calls are not answered on the LAN.
func (i devInfo) auth0Domain() string {
	local, err := url.Parse(i.LocalURL)
	https, err2 := url.Parse(i.HTTPS)
	if err != nil || err2 != nil {
		return strings.TrimPrefix(i.HTTPS, "https://")
	}
	return net.JoinHostPort(local.Hostname(), https.Port())
}

// quote makes a word for a POSIX shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:+@%") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
