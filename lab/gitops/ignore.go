package main

import (
	"encoding/json"
	"fmt"

	"github.com/argoproj/gitops-engine/pkg/sync"
	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
)

// ignores are the JSON pointers of an Application's ignoreDifferences, for every object. Argo CD has this part outside
// gitops-engine, in a module of hundreds of dependencies; it is written anew here, by what Argo CD documents.
type ignores []jsonpatch.Patch

func newIgnores(pointers []string) (ignores, error) {
	var parsed ignores
	for _, pointer := range pointers {
		operations, err := json.Marshal([]map[string]string{{"op": "remove", "path": pointer}})
		if err != nil {
			return nil, err
		}
		patch, err := jsonpatch.DecodePatch(operations)
		if err != nil {
			return nil, fmt.Errorf("give --ignore a JSON pointer such as /spec/replicas, not %q: %w", pointer, err)
		}
		parsed = append(parsed, patch)
	}
	return parsed, nil
}

// Normalize takes out of the object what is ignored.
func (i ignores) Normalize(object *unstructured.Unstructured) error {
	text, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	lenient := jsonpatch.NewApplyOptions()
	lenient.AllowMissingPathOnRemove = true
	for _, patch := range i {
		if text, err = patch.ApplyWithOptions(text, lenient); err != nil {
			return err
		}
	}
	return object.UnmarshalJSON(text)
}

// keepLive gives the targets with what is ignored as it is in the live objects: RespectIgnoreDifferences=true.
func (i ignores) keepLive(reconciled sync.ReconciliationResult) ([]*unstructured.Unstructured, error) {
	kept := make([]*unstructured.Unstructured, len(reconciled.Target))
	for index, target := range reconciled.Target {
		kept[index] = target
		live := reconciled.Live[index]
		if live == nil {
			continue
		}
		var err error
		if kept[index], err = i.keep(target.DeepCopy(), live); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

func (i ignores) keep(target, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	without := live.DeepCopy()
	if err := i.Normalize(without); err != nil {
		return nil, err
	}
	if err := i.Normalize(target); err != nil {
		return nil, err
	}
	documents := make([][]byte, 3)
	for index, object := range []*unstructured.Unstructured{target, without, live} {
		text, err := object.MarshalJSON()
		if err != nil {
			return nil, err
		}
		documents[index] = text
	}
	text, err := carry(target, documents[0], documents[1], documents[2])
	if err != nil {
		return nil, err
	}
	return target, target.UnmarshalJSON(text)
}

// carry applies to the target what makes `live` of `without`; lists of known kinds are merged by their keys.
func carry(kind *unstructured.Unstructured, target, without, live []byte) ([]byte, error) {
	typed, err := scheme.Scheme.New(kind.GroupVersionKind())
	if err != nil {
		patch, err := jsonpatch.CreateMergePatch(without, live)
		if err != nil {
			return nil, err
		}
		return jsonpatch.MergePatch(target, patch)
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(without, live, typed)
	if err != nil {
		return nil, err
	}
	return strategicpatch.StrategicMergePatch(target, patch, typed)
}
