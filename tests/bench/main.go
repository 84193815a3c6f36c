package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/npm"
)

func main() {
	// Children die with the thread that made them: this one stays.
	runtime.LockOSThread()
	if sandbox.IsChild(os.Args) {
		sandbox.Child() // with --embedded this program is what shuts functions in
	}
	if npm.IsChild(os.Args) {
		npm.Child()
	}
	if ran, err := child(os.Args[1:]); ran {
		exit(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == "hooks" {
		exit(benchHooks(ctx, os.Args[2:], os.Stdout, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == "compare" {
		exit(compare(ctx, os.Args[2:], os.Stdout, os.Stderr))
	}
	exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func exit(err error) {
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// options are the flags.
type options struct {
	stores, workloads  []string
	users, connections []int
	seconds            float64
	repeat             int
	limit              time.Duration
	cacheDir           string
	program            string
	embedded           bool
	isolation          string
	profiles           string
	notices            int
	json, markdown     bool
}

// extra are the workloads that are not operations.
const (
	startWorkload      = "start"
	saturationWorkload = "saturation"
	// errandWorkload is delivery by itself; deliveryWorkload stands for all of deliveryWorkloads.
	errandWorkload   = "handoff"
	deliveryWorkload = "delivery"
)

// deliveryWorkloads are what the way of a message costs.
var deliveryWorkloads = []string{"w1", "w1plan", errandWorkload, "receipts"}

func parseFlags(args []string, out io.Writer) (*options, error) {
	names := []string{}
	for _, w := range workloads {
		names = append(names, w.name)
	}
	names = append(names, errandWorkload, saturationWorkload, startWorkload)
	o := &options{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(out)
	stores := f.String("store", "sqlite,postgres", "engines, comma-separated; PostgreSQL at "+postgresEnv+" or a cluster of our own")
	users := f.String("users", "1000,100000,1000000", "numbers of users")
	work := f.String("workload", strings.Join(names, ","), "what to measure; delivery is "+strings.Join(deliveryWorkloads, ","))
	connections := f.String("connections", "1,16,64", "numbers of connections")
	f.Float64Var(&o.seconds, "seconds", 5, "length of a measurement, after a second of warming up")
	f.IntVar(&o.repeat, "repeat", 1, "measure so often and keep the cheapest: what else the machine does only adds")
	f.DurationVar(&o.limit, "limit", 45*time.Minute, "end by then, with what there is")
	f.StringVar(&o.cacheDir, "cache", filepath.Join(os.TempDir(), fmt.Sprintf("countersign-bench-%d", os.Getuid())), "folder of seeded databases")
	f.StringVar(&o.program, "program", "", "binary to measure; default: build ./cmd/countersign")
	f.BoolVar(&o.embedded, "embedded", false, "measure the server inside this program instead of the binary")
	f.StringVar(&o.isolation, "isolation", "full", "the least that functions run under: full, strong, weak, none")
	f.StringVar(&o.profiles, "profile", "", "folder for profiles of each measurement, CPU and allocations (implies --embedded)")
	f.IntVar(&o.notices, "notices", 50_000, "how many notices go out beside codes (handoff)")
	f.BoolVar(&o.markdown, "markdown", false, "write the tables as Markdown")
	f.BoolVar(&o.json, "json", false, "write JSON to standard output instead of tables")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	var errs []error
	o.stores, o.workloads = list(*stores), list(*work)
	for _, s := range o.stores {
		if s != "sqlite" && s != "postgres" {
			errs = append(errs, fmt.Errorf("--store: %q is neither sqlite nor postgres", s))
		}
	}
	if i := slices.Index(o.workloads, deliveryWorkload); i >= 0 {
		o.workloads = slices.Replace(o.workloads, i, i+1, deliveryWorkloads...)
	}
	for _, w := range o.workloads {
		if !slices.Contains(names, w) {
			errs = append(errs, fmt.Errorf("--workload: %q is none of %s", w, strings.Join(names, ", ")))
		}
	}
	var err error
	if o.users, err = numbers("--users", *users, 1000, 10_000_000); err != nil {
		errs = append(errs, err)
	}
	if o.connections, err = numbers("--connections", *connections, 1, 256); err != nil {
		errs = append(errs, err)
	}
	if o.seconds < 0.5 || o.seconds > 120 {
		errs = append(errs, errors.New("--seconds: between 0.5 and 120"))
	}
	if o.repeat < 1 || o.repeat > 20 {
		errs = append(errs, errors.New("--repeat: between 1 and 20"))
	}
	o.embedded = o.embedded || o.profiles != ""
	return o, errors.Join(errs...)
}

func list(s string) []string {
	var out []string
	for p := range strings.SplitSeq(s, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

func numbers(name, s string, least, most int) (out []int, err error) {
	for _, p := range list(s) {
		n, err := strconv.Atoi(p)
		if err != nil || n < least || n > most {
			return nil, fmt.Errorf("%s: %q is no number between %d and %d", name, p, least, most)
		}
		out = append(out, n)
	}
	return out, nil
}

// runner measures everything that was asked for.
type runner struct {
	*options
	cache  *cache
	launch *launcher
	sink   *sink
	report *report
	log    io.Writer
}

func (r *runner) duration() time.Duration { return time.Duration(r.seconds * float64(time.Second)) }

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	o, err := parseFlags(args, progress)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	dir, err := os.MkdirTemp("", "countersign-bench-run-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := &runner{options: o, log: progress, report: newReport(o)}
	if r.cache, err = openCache(o.cacheDir, progress); err != nil {
		return err
	}
	if r.sink, err = newSink(); err != nil {
		return err
	}
	defer r.sink.close()
	r.launch = &launcher{program: o.program, rootFile: r.cache.rootFile, sinkURL: r.sink.url, dir: dir, isolation: o.isolation}
	if err := os.Chmod(dir, 0o755); err != nil { // workers of functions may run under other users
		return err
	}
	if o.program == "" && !o.embedded {
		fmt.Fprintln(progress, "building countersign")
		if r.launch.program, err = build(ctx, dir); err != nil {
			return err
		}
	}
	if o.profiles != "" {
		if err := os.MkdirAll(o.profiles, 0o755); err != nil {
			return err
		}
	}
	if r.report.Hash, err = measureHash(min(o.seconds, 3), runtime.NumCPU()); err != nil {
		return err
	}
	err = r.all(ctx)
	r.report.finish(r.sink)
	if o.markdown {
		r.report.markdown(out)
		return errors.Join(err, r.report.judge())
	}
	return errors.Join(err, r.report.write(out, o.json), r.report.judge())
}

func (r *runner) all(ctx context.Context) error {
	for _, name := range r.stores {
		if err := r.onStore(ctx, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (r *runner) onStore(ctx context.Context, name string) error {
	var db databases = sqliteFiles{r.cache}
	if name == "postgres" {
		p, err := openPostgres(ctx, r.cache)
		if err != nil {
			return err
		}
		db = p
	}
	defer db.close()
	for _, n := range r.users {
		b := &block{runner: r, store: name, db: db, users: n, echoCPU: map[int]float64{}}
		err := b.run(ctx)
		b.end()
		if err != nil {
			return err
		}
	}
	return nil
}

// run measures a block: the yardstick first, then each workload at each number of connections.
func (b *block) run(ctx context.Context) error {
	fmt.Fprintf(b.log, "%s, %d users\n", b.store, b.users)
	if slices.Contains(b.workloads, startWorkload) {
		if err := b.allStarts(ctx); err != nil {
			return err
		}
	}
	for _, n := range b.connections {
		if err := b.echoAt(ctx, n); err != nil {
			return err
		}
	}
	for _, w := range workloads {
		if !slices.Contains(b.workloads, w.name) {
			continue
		}
		if err := b.prepare(ctx, &w); errors.Is(err, errLeftOut) {
			b.report.LeftOut = append(b.report.LeftOut, w.name+": "+err.Error())
			fmt.Fprintf(b.log, "  %s: %v\n", w.name, err)
			continue
		} else if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		connections := b.connections
		if w.connections != nil {
			connections = w.connections
		}
		for _, alg := range w.algs {
			for _, n := range connections {
				if err := b.echoAt(ctx, n); err != nil {
					return err
				}
				f, err := b.cheapest(func() (*figure, error) { return b.measure(ctx, &w, alg, n) })
				if err != nil {
					return fmt.Errorf("%s: %w", w.name, err)
				}
				b.keep(f)
			}
		}
	}
	if slices.Contains(b.workloads, errandWorkload) {
		if err := b.errands(ctx); err != nil {
			return err
		}
	}
	if slices.Contains(b.workloads, saturationWorkload) {
		if err := b.prepare(ctx, &workload{}); err != nil {
			return err
		}
		f, err := b.cheapest(func() (*figure, error) { return b.saturate(ctx) })
		if err != nil {
			return err
		}
		b.keep(f)
	}
	return nil
}

// prepare lets the next server have the user code that a workload needs, and none else.
func (b *block) prepare(ctx context.Context, w *workload) error {
	if w.code == b.code && w.plan == b.plan {
		return nil
	}
	b.end()
	b.code, b.plan, b.pack, b.launch.functionsMB = w.code, w.plan, nil, 0
	if w.code == nil {
		return nil
	}
	if b.embedded && w.signed {
		return fmt.Errorf("%w: the server inside this program has no address for operators", errLeftOut)
	}
	var err error
	b.launch.functionsMB = w.code.totalMB
	b.pack, err = w.code.pack(ctx, b.runner)
	return err
}

// echoAt measures the yardstick at so many connections, once.
func (b *block) echoAt(ctx context.Context, n int) error {
	if _, ok := b.echoCPU[n]; ok {
		return nil
	}
	f, err := b.cheapest(func() (*figure, error) { return b.echo(ctx, n) })
	if err != nil {
		return err
	}
	b.echoCPU[n] = f.CPU
	b.keep(f)
	return nil
}

// cheapest repeats a measurement as often as asked for.
func (b *block) cheapest(f func() (*figure, error)) (best *figure, err error) {
	for range b.repeat {
		one, err := f()
		if err != nil {
			return nil, err
		}
		if best == nil || one.CPU < best.CPU || best.Operations == 0 {
			best = one
		}
	}
	return best, nil
}

// allStarts measures the start with the users of the block, without verifiers too, and with hardly any users.
func (b *block) allStarts(ctx context.Context) error {
	kinds := []struct {
		users     int
		verifiers bool
	}{{10, true}, {b.users, true}, {b.users, false}}
	if b.users > 100_000 {
		kinds = kinds[1:2]
	}
	for _, k := range kinds {
		f, err := b.begin(ctx, k.users, k.verifiers)
		if err != nil {
			return err
		}
		b.report.Starts = append(b.report.Starts, *f)
		fmt.Fprintf(b.log, "  start with %d users: %.1f ms, %.1f MiB, database %.1f MB\n", k.users, f.Start, float64(f.Memory.PSS)/(1<<20), float64(f.Size)/1e6)
	}
	return nil
}

func (b *block) keep(f *figure) {
	b.report.Figures = append(b.report.Figures, *f)
	fmt.Fprintf(b.log, "  %-10s %-5s %3d connections: %7.3f ms CPU, workers %7.3f, %8.0f/s, p50 %.2f ms, p99 %.2f ms, %d errors %s\n",
		f.Workload, f.Algorithm, f.Connections, f.CPU, f.WorkersCPU, f.Rate, f.P50, f.P99, f.Errors, f.Error)
}
