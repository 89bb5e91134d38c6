package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// answer is what a tool says of one object of the file.
type answer struct {
	Object  string          `json:"object"`
	Status  string          `json:"status,omitempty"`
	Message string          `json:"message,omitempty"`
	Buttons []button        `json:"actions,omitempty"`
	Patch   json.RawMessage `json:"patch,omitempty"`
}

// asked is a question about the objects of a file, answered without a cluster.
type asked struct {
	file, action, kustomization, configMap string
	parameters                             pointers
	custom                                 customizations
	checks                                 []kustomize.CustomHealthCheck
}

var questions = map[string]func(asked, *unstructured.Unstructured) (answer, error){
	"kstatus": (asked).kstatus, "health": (asked).health, "actions": (asked).actions, "action": (asked).patch,
	"strict": (asked).strict,
}

func newQuestion(name string, arguments []string) (asked, error) {
	question := asked{}
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(new(strings.Builder))
	flags.StringVar(&question.file, "file", "", "")
	flags.StringVar(&question.configMap, "customizations", "", "")
	flags.StringVar(&question.kustomization, "checks", "", "")
	flags.StringVar(&question.action, "name", "", "")
	flags.Var(&question.parameters, "param", "")
	if err := flags.Parse(arguments); err != nil {
		return asked{}, err
	}
	if flags.NArg() > 0 || question.file == "" {
		return asked{}, errors.New("give --file, and every other argument as a flag too")
	}
	return question, nil
}

func (a asked) answer(question func(asked, *unstructured.Unstructured) (answer, error)) error {
	objects, err := manifests(a.file)
	if err != nil {
		return err
	}
	if a.custom, err = newCustomizations(a.configMap); err != nil {
		return err
	}
	if a.checks, err = checksOf(a.kustomization); err != nil {
		return err
	}
	for _, object := range objects {
		said, err := question(a, object)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", object.GetKind(), object.GetName(), err)
		}
		said.Object = object.GetKind() + "/" + object.GetName()
		if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
			return err
		}
	}
	return nil
}

// kstatus is what Flux and Helm 4 wait for; the checks of a Kustomization go before it, as in kustomize-controller.
func (a asked) kstatus(object *unstructured.Unstructured) (answer, error) {
	compute := func(object *unstructured.Unstructured) (*status.Result, error) { return status.Compute(object) }
	for _, check := range a.checks {
		if group, err := schema.ParseGroupVersion(check.APIVersion); err != nil ||
			group.Group != object.GroupVersionKind().Group || check.Kind != object.GetKind() {
			continue
		}
		evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		if err != nil {
			return answer{}, err
		}
		compute = func(object *unstructured.Unstructured) (*status.Result, error) {
			return evaluator.Evaluate(context.Background(), object)
		}
	}
	found, err := compute(object)
	if err != nil {
		return answer{}, err
	}
	return answer{Status: found.Status.String(), Message: found.Message}, nil
}

func (a asked) health(object *unstructured.Unstructured) (answer, error) {
	found, err := a.custom.GetResourceHealth(object)
	if err != nil || found == nil {
		return answer{}, err
	}
	return answer{Status: string(found.Status), Message: found.Message}, nil
}

func (a asked) actions(object *unstructured.Unstructured) (answer, error) {
	found, err := a.custom.buttons(object)
	return answer{Buttons: found}, err
}

func (a asked) patch(object *unstructured.Unstructured) (answer, error) {
	parameters := map[string]string{}
	for _, one := range a.parameters {
		name, value, _ := strings.Cut(one, "=")
		parameters[name] = value
	}
	found, err := a.custom.patch(a.action, object, parameters)
	return answer{Patch: found}, err
}

// strict refuses a field that Flux's own types do not have.
func (a asked) strict(object *unstructured.Unstructured) (answer, error) {
	typed := map[string]any{
		kustomizev1.KustomizationKind: &kustomizev1.Kustomization{}, sourcev1.GitRepositoryKind: &sourcev1.GitRepository{},
	}[object.GetKind()]
	if typed == nil {
		return answer{}, nil
	}
	return answer{Status: "known"}, into(object, typed)
}

func into(object *unstructured.Unstructured, typed any) error {
	text, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	return yaml.UnmarshalStrict(text, typed)
}

// checksOf are the healthCheckExprs of the Kustomizations in the file, none where there is no file.
func checksOf(path string) ([]kustomize.CustomHealthCheck, error) {
	if path == "" {
		return nil, nil
	}
	objects, err := manifests(path)
	var found []kustomize.CustomHealthCheck
	for _, object := range objects {
		var one kustomizev1.Kustomization
		if object.GetKind() != kustomizev1.KustomizationKind {
			continue
		}
		if err := into(object, &one); err != nil {
			return nil, err
		}
		found = append(found, one.Spec.HealthCheckExprs...)
	}
	return found, err
}
