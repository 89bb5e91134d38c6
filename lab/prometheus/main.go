// prometheus scrapes the static targets of a config file, evaluates its rule files and answers Prometheus's own HTTP API
// on the loopback: its scrape loop, its storage, its query engine, its rule manager and its API, without the web pages,
// the service discoveries and the sending of alerts. It prints its address in one line, and ends on SIGTERM.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
	v1 "github.com/prometheus/prometheus/web/api/v1"
)

const usage = `usage: prometheus --config FILE --data DIR [--port N]
FILE is a prometheus.yml with static targets and rule files only. DIR keeps the samples; one that is used again is gone on with.`

// What Prometheus takes where no flag of its command line says otherwise.
const (
	lookback      = 5 * time.Minute
	queryTimeout  = 2 * time.Minute
	mostSamples   = 50_000_000
	retention     = 15 * 24 * time.Hour
	shutdownGrace = 2 * time.Second
)

type options struct {
	config, data string
	port         int
}

func main() {
	parsed, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "prometheus: %v\n%s\n", err, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, parsed); err != nil {
		fmt.Fprintf(os.Stderr, "prometheus: %v\n", err)
		os.Exit(1)
	}
}

func parse(arguments []string) (options, error) {
	parsed := options{}
	flags := flag.NewFlagSet("prometheus", flag.ContinueOnError)
	flags.SetOutput(new(nowhere))
	flags.StringVar(&parsed.config, "config", "", "")
	flags.StringVar(&parsed.data, "data", "", "")
	flags.IntVar(&parsed.port, "port", 0, "")
	if err := flags.Parse(arguments); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("what is %q? every argument is a flag", flags.Arg(0))
	}
	if parsed.config == "" || parsed.data == "" {
		return options{}, errors.New("give --config and --data")
	}
	return parsed, nil
}

// nowhere swallows the flag package's own words: main says them once, with the usage.
type nowhere struct{}

func (*nowhere) Write(text []byte) (int, error) { return len(text), nil }

func run(ctx context.Context, parsed options) error {
	logger := promslog.New(&promslog.Config{Writer: os.Stderr})
	loaded, err := config.LoadFile(parsed.config, false, logger)
	if err != nil {
		return err
	}
	targets, err := static(loaded)
	if err != nil {
		return err
	}
	db, err := open(parsed.data, logger)
	if err != nil {
		return err
	}
	defer db.Close()
	scrapes, err := scraping(loaded, targets, db, logger)
	if err != nil {
		return err
	}
	defer scrapes.Stop()
	language := parser.NewParser(parser.Options{})
	engine := queries(loaded, language, logger)
	evaluation, err := evaluating(ctx, loaded, db, engine, language, logger)
	if err != nil {
		return err
	}
	defer evaluation.Stop()
	return serve(ctx, parsed.port, api(loaded, db, engine, language, logger))
}

// static gives the targets by job; what the file asks for beyond them would silently not happen, so it is an error.
func static(loaded *config.Config) (map[string][]*targetgroup.Group, error) {
	if len(loaded.RemoteWriteConfigs)+len(loaded.RemoteReadConfigs)+len(loaded.AlertingConfig.AlertmanagerConfigs) > 0 {
		return nil, errors.New("this program has no remote storage and sends no alerts: leave only scrape_configs and rule_files")
	}
	jobs, err := loaded.GetScrapeConfigs()
	if err != nil {
		return nil, err
	}
	targets := map[string][]*targetgroup.Group{}
	for _, job := range jobs {
		for _, found := range job.ServiceDiscoveryConfigs {
			groups, ok := found.(discovery.StaticConfig)
			if !ok {
				return nil, fmt.Errorf("job %s: this program knows static_configs only", job.JobName)
			}
			targets[job.JobName] = append(targets[job.JobName], groups...)
		}
	}
	return targets, nil
}

func open(folder string, logger *slog.Logger) (*tsdb.DB, error) {
	chosen := tsdb.DefaultOptions()
	chosen.RetentionDuration = retention.Milliseconds()
	return tsdb.Open(folder, logger, prom.NewRegistry(), chosen, nil)
}

func scraping(
	loaded *config.Config, targets map[string][]*targetgroup.Group, db *tsdb.DB, logger *slog.Logger,
) (*scrape.Manager, error) {
	// The usual 5 seconds before the first scrape are for discoveries that come in by and by.
	chosen := &scrape.Options{DiscoveryReloadOnStartup: true, DiscoveryReloadInterval: model.Duration(time.Second)}
	manager, err := scrape.NewManager(chosen, logger, nil, nil, db, prom.NewRegistry())
	if err != nil {
		return nil, err
	}
	if err := manager.ApplyConfig(loaded); err != nil {
		return nil, err
	}
	sets := make(chan map[string][]*targetgroup.Group, 1)
	sets <- targets
	go func() {
		if err := manager.Run(sets); err != nil {
			logger.Error("scraping ended", "error", err)
		}
	}()
	return manager, nil
}

// evaluating runs the rules of the config's rule files; alerts are series of the database, and are sent nowhere.
func evaluating(
	ctx context.Context, loaded *config.Config, db *tsdb.DB, engine *promql.Engine, language parser.Parser, logger *slog.Logger,
) (*rules.Manager, error) {
	manager := rules.NewManager(&rules.ManagerOptions{
		ExternalURL: &url.URL{}, Context: ctx, Logger: logger, Registerer: prom.NewRegistry(), Parser: language,
		Appendable: db, Queryable: db, QueryFunc: rules.EngineQueryFunc(engine, db),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
	})
	every := time.Duration(loaded.GlobalConfig.EvaluationInterval)
	if err := manager.Update(every, loaded.RuleFiles, loaded.GlobalConfig.ExternalLabels, "", nil); err != nil {
		return nil, err
	}
	go manager.Run()
	return manager, nil
}

func queries(loaded *config.Config, language parser.Parser, logger *slog.Logger) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		Logger: logger, Reg: prom.NewRegistry(), MaxSamples: mostSamples, Timeout: queryTimeout, LookbackDelta: lookback,
		EnableAtModifier: true, EnableNegativeOffset: true, Parser: language,
		NoStepSubqueryIntervalFn: func(int64) int64 {
			return time.Duration(loaded.GlobalConfig.EvaluationInterval).Milliseconds()
		},
	})
}

// api is Prometheus's own; what is nil belongs to handlers of parts that this program does not have.
func api(
	loaded *config.Config, db *tsdb.DB, engine *promql.Engine, language parser.Parser, logger *slog.Logger,
) http.Handler {
	registry := prom.NewRegistry()
	handlers := v1.NewAPI(
		engine, db, nil, nil, db,
		nil, nil, nil,
		func() config.Config { return *loaded }, nil, v1.GlobalURLOptions{},
		func(handler http.HandlerFunc) http.HandlerFunc { return handler },
		nil, "", false, false, 0, logger, nil, 0, 1, 0, false, nil, nil, &v1.PrometheusVersion{},
		nil, nil, registry, registry, nil, false, nil, false, false, false, false, lookback, false, false, nil, nil,
		v1.OpenAPIOptions{}, language,
	)
	router := route.New().WithPrefix("/api/v1")
	handlers.Register(router)
	return router
}

func serve(ctx context.Context, port int, handler http.Handler) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Printf("http://%s\n", listener.Addr())
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	return server.Shutdown(grace)
}
