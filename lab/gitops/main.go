// gitops lets the code of one GitOps tool, Flux or Argo CD, reconcile the manifests of a file for some rounds, and
// prints each round as a line of JSON. It ends by itself.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-openapi/jsonpointer"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const usage = `usage: gitops flux   --file M.yaml --namespace NS --name APP [--rounds N] [--every 1s] [--show POINTER] [--ignore POINTER ...]
                     [--wait 20s] [--checks KUSTOMIZATION.yaml]
       gitops argocd --file M.yaml --namespace NS --name APP [--rounds N] [--every 1s] [--show POINTER] [--ignore POINTER ...]
                     [--respect-ignore] [--server-side] [--customizations CM.yaml]
       gitops kstatus --file M.yaml [--checks KUSTOMIZATION.yaml]
       gitops health  --file M.yaml --customizations CM.yaml
       gitops actions --file M.yaml --customizations CM.yaml
       gitops action  --file M.yaml --customizations CM.yaml --name ACTION [--param NAME=VALUE ...]
       gitops strict  --file M.yaml
The cluster is that of KUBECONFIG; from kstatus on there is none, and the answer is about the objects as the file has them.
A POINTER is a JSON pointer, such as /spec/replicas. CM.yaml is Argo CD's ConfigMap argocd-cm.`

// change is what a tool did, or would not do, to one object of the file.
type change struct {
	Object  string `json:"object"`
	Action  string `json:"action"`
	Message string `json:"message,omitempty"`
	Value   any    `json:"value"`
}

type line struct {
	Tool    string   `json:"tool"`
	Round   int      `json:"round"`
	At      string   `json:"at"`
	Objects []change `json:"objects"`
	Error   string   `json:"error"`
}

// tool reconciles the objects once; there is a change for each of them, in their order.
type tool interface {
	round(ctx context.Context, objects []*unstructured.Unstructured) ([]change, error)
	close()
}

var tools = map[string]func(options, cluster) (tool, error){"flux": newFlux, "argocd": newArgo}

type options struct {
	tool, file, namespace, name, show string
	customizations, checks            string
	rounds                            int
	every, wait                       time.Duration
	ignore                            pointers
	respectIgnore, serverSide         bool
}

type pointers []string

func (p *pointers) String() string { return strings.Join(*p, " ") }

func (p *pointers) Set(value string) error {
	*p = append(*p, value)
	return nil
}

func main() {
	silence()
	work, err := understand(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "gitops: %v\n%s\n", err, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := work(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "gitops: %v\n", err)
		os.Exit(1)
	}
}

// understand gives what is to be done: reconcile on a cluster, or answer about a file.
func understand(arguments []string) (func(context.Context) error, error) {
	if len(arguments) > 0 && questions[arguments[0]] != nil {
		question, err := newQuestion(arguments[0], arguments[1:])
		return func(context.Context) error { return question.answer(questions[arguments[0]]) }, err
	}
	parsed, err := parse(arguments)
	return func(ctx context.Context) error { return run(ctx, parsed) }, err
}

// silence keeps the libraries' logs away: what matters of them is in the lines' actions and errors.
func silence() {
	klog.SetLogger(logr.Discard())
	log.SetLogger(logr.Discard())
}

func parse(arguments []string) (options, error) {
	if len(arguments) == 0 || tools[arguments[0]] == nil {
		return options{}, errors.New("the first argument is the tool or the question")
	}
	parsed := options{tool: arguments[0]}
	flags := flag.NewFlagSet(parsed.tool, flag.ContinueOnError)
	flags.SetOutput(new(strings.Builder))
	flags.StringVar(&parsed.file, "file", "", "")
	flags.StringVar(&parsed.namespace, "namespace", "", "")
	flags.StringVar(&parsed.name, "name", "", "")
	flags.StringVar(&parsed.show, "show", "/spec/replicas", "")
	flags.IntVar(&parsed.rounds, "rounds", 1, "")
	flags.DurationVar(&parsed.every, "every", time.Second, "")
	flags.Var(&parsed.ignore, "ignore", "")
	if parsed.tool == "flux" {
		flags.StringVar(&parsed.checks, "checks", "", "")
		flags.DurationVar(&parsed.wait, "wait", 0, "")
	} else {
		flags.BoolVar(&parsed.respectIgnore, "respect-ignore", false, "")
		flags.BoolVar(&parsed.serverSide, "server-side", false, "")
		flags.StringVar(&parsed.customizations, "customizations", "", "")
	}
	if err := flags.Parse(arguments[1:]); err != nil {
		return options{}, err
	}
	return parsed, complete(parsed, flags.Args())
}

func complete(parsed options, left []string) error {
	if len(left) > 0 {
		return fmt.Errorf("what is %q? every argument after the tool is a flag", left[0])
	}
	if parsed.file == "" || parsed.namespace == "" || parsed.name == "" {
		return errors.New("give --file, --namespace and --name")
	}
	if parsed.rounds < 1 {
		return errors.New("give --rounds 1 or more")
	}
	if _, err := jsonpointer.New(parsed.show); err != nil {
		return fmt.Errorf("give --show a JSON pointer such as /spec/replicas, not %q", parsed.show)
	}
	return nil
}

func run(ctx context.Context, parsed options) error {
	connected, err := connect()
	if err != nil {
		return err
	}
	objects, err := connected.read(parsed.file, parsed.namespace)
	if err != nil {
		return err
	}
	chosen, err := tools[parsed.tool](parsed, connected)
	if err != nil {
		return err
	}
	defer chosen.close()
	for number := 1; number <= parsed.rounds; number++ {
		if number > 1 && !pause(ctx, parsed.every) {
			return nil
		}
		if err := json.NewEncoder(os.Stdout).Encode(report(ctx, parsed, connected, chosen, objects, number)); err != nil {
			return err
		}
	}
	return nil
}

func report(ctx context.Context, parsed options, connected cluster, chosen tool, objects []*unstructured.Unstructured, number int) line {
	changes, failure := chosen.round(ctx, copies(objects))
	for index, object := range objects {
		value, err := connected.value(ctx, object, parsed.show)
		changes[index].Value = value
		failure = errors.Join(failure, err)
	}
	done := line{Tool: parsed.tool, Round: number, Objects: changes}
	done.At = time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00")
	if failure != nil {
		done.Error = failure.Error()
	}
	return done
}

func pause(ctx context.Context, every time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(every):
		return true
	}
}

// unseen is a change for each object, of which nothing is known yet.
func unseen(objects []*unstructured.Unstructured) []change {
	changes := make([]change, len(objects))
	for index, object := range objects {
		changes[index].Object = object.GetKind() + "/" + object.GetName()
	}
	return changes
}

func copies(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	copied := make([]*unstructured.Unstructured, len(objects))
	for index, object := range objects {
		copied[index] = object.DeepCopy()
	}
	return copied
}
