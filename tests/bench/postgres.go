package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"countersign/internal/store/sqlstore"
)

// postgresEnv names the URL of a server whose user may create databases. It must run on this machine, or its processes
// cannot be accounted. Without it a cluster of our own is started in the cache folder.
const postgresEnv = "COUNTERSIGN_TEST_POSTGRES"

// postgres is a PostgreSQL server.
type postgres struct {
	*cache
	base string
	// first is the process that all others are children of.
	first int
	stop  func()
	runs  int
}

func openPostgres(ctx context.Context, c *cache) (*postgres, error) {
	p := &postgres{cache: c, base: os.Getenv(postgresEnv), stop: func() {}}
	if p.base == "" {
		if err := p.start(); err != nil {
			return nil, err
		}
	}
	if err := p.look(ctx); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// look finds the first process and checks that commits are durable.
func (p *postgres) look(ctx context.Context) error {
	c, err := pgx.Connect(ctx, p.base)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	var backend int
	var fsync, commit string
	if err := c.QueryRow(ctx, `SELECT pg_backend_pid(), current_setting('fsync'), current_setting('synchronous_commit')`).Scan(&backend, &fsync, &commit); err != nil {
		return err
	}
	if fsync != "on" || commit != "on" {
		return fmt.Errorf("PostgreSQL runs with fsync=%s and synchronous_commit=%s: its commits are not durable, and figures would not compare", fsync, commit)
	}
	s, err := readStat(backend)
	if err != nil {
		return fmt.Errorf("PostgreSQL must run on this machine, so that its processes can be accounted: %w", err)
	}
	p.first = s.parent
	return nil
}

func (p *postgres) usage() (usage, error) { return usageOfTree(p.first) }

func (p *postgres) close() { p.stop() }

func (p *postgres) exec(ctx context.Context, sql string) error {
	c, err := pgx.Connect(ctx, p.base)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, sql)
	return err
}

func (p *postgres) named(database string) string {
	u, err := url.Parse(p.base)
	if err != nil {
		return p.base
	}
	u.Path = "/" + database
	return u.String()
}

func (p *postgres) copy(ctx context.Context, n int, verifiers bool) (string, func(), error) {
	from, err := p.seeded(ctx, n, verifiers)
	if err != nil {
		return "", nil, err
	}
	p.runs++
	name := fmt.Sprintf("bench_run_%d_%d", os.Getpid(), p.runs)
	if err := p.exec(ctx, `CREATE DATABASE `+name+` TEMPLATE `+from+` STRATEGY FILE_COPY`); err != nil {
		return "", nil, err
	}
	return p.named(name), func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		p.exec(ctx, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`)
	}, nil
}

func (p *postgres) seeded(ctx context.Context, n int, verifiers bool) (string, error) {
	name, err := p.name("postgres", n, verifiers)
	if err != nil {
		return "", err
	}
	c, err := pgx.Connect(ctx, p.base)
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	var there bool
	if err := c.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, name).Scan(&there); err != nil || there {
		return name, err
	}
	tmp := "seeding_" + strings.ToLower(rand.Text()[:8])
	if _, err := c.Exec(ctx, `CREATE DATABASE `+tmp+` TEMPLATE template0`); err != nil {
		return "", err
	}
	s, err := sqlstore.OpenPostgres(ctx, p.named(tmp), sqlstore.Options{Migrate: true})
	if err == nil {
		err = errors.Join(p.seed(ctx, s, n, verifiers, 4), s.Close())
	}
	if err == nil {
		err = p.settle(ctx, tmp)
	}
	if err == nil {
		_, err = c.Exec(ctx, `ALTER DATABASE `+tmp+` RENAME TO `+name)
	}
	if err != nil {
		c.Exec(context.WithoutCancel(ctx), `DROP DATABASE IF EXISTS `+tmp+` WITH (FORCE)`)
	}
	return name, err
}

// settle does what autovacuum would otherwise do in the middle of the first measurements.
func (p *postgres) settle(ctx context.Context, database string) error {
	c, err := pgx.Connect(ctx, p.named(database))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, `VACUUM (FREEZE, ANALYZE)`); err != nil {
		return err
	}
	_, err = c.Exec(ctx, `CHECKPOINT`)
	return err
}

func (p *postgres) size(ctx context.Context, url string) (n int64, err error) {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer c.Close(ctx)
	return n, c.QueryRow(ctx, `SELECT pg_database_size(current_database())`).Scan(&n)
}

// start runs a cluster in the cache folder, which the next run finds again.
func (p *postgres) start() error {
	bin, err := postgresBin()
	if err != nil {
		return err
	}
	dir := filepath.Join(p.dir, "postgres")
	data, secret := filepath.Join(dir, "data"), filepath.Join(dir, "password")
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err != nil {
		if err := initCluster(bin, dir, data, secret); err != nil {
			return err
		}
	}
	pw, err := os.ReadFile(secret)
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	options := fmt.Sprintf("-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200", port)
	if err := asPostgres(filepath.Join(bin, "pg_ctl"), "-s", "-w", "-t", "60", "-D", data, "-l", filepath.Join(data, "server.log"), "-o", options, "start"); err != nil {
		return fmt.Errorf("PostgreSQL did not start (see %s): %w", filepath.Join(data, "server.log"), err)
	}
	p.stop = func() { asPostgres(filepath.Join(bin, "pg_ctl"), "-s", "-w", "-D", data, "-m", "fast", "stop") }
	p.base = fmt.Sprintf("postgres://countersign:%s@127.0.0.1:%d/postgres?sslmode=disable", strings.TrimSpace(string(pw)), port)
	return nil
}

func initCluster(bin, dir, data, secret string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(secret, []byte(strings.ToLower(rand.Text())+"\n"), 0o600); err != nil {
		return err
	}
	if os.Getuid() == 0 {
		if err := chownTo("postgres", dir, secret); err != nil {
			return err
		}
	}
	return asPostgres(filepath.Join(bin, "initdb"), "-D", data, "-U", "countersign", "-A", "scram-sha-256", "--pwfile="+secret, "-E", "UTF8", "--locale=C")
}

func chownTo(name string, paths ...string) error {
	u, err := osuser.Lookup(name)
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(u.Uid)
	for _, p := range paths {
		if err := os.Chown(p, uid, -1); err != nil {
			return err
		}
	}
	return nil
}

// postgresBin is the folder of the newest server installed.
func postgresBin() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	sort.Slice(found, func(i, j int) bool { return version(found[i]) < version(found[j]) })
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("PostgreSQL is not installed, and %s is not set", postgresEnv)
	}
	return filepath.Dir(path), nil
}

func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// asPostgres runs a program of PostgreSQL, which refuses to run as root.
func asPostgres(program string, args ...string) error {
	argv := append([]string{program}, args...)
	if os.Getuid() == 0 {
		argv = append([]string{"runuser", "-u", "postgres", "--"}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(program), err, strings.TrimSpace(string(out)))
	}
	return nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
