package main

import (
	"context"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/engine"
	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/fluxcd/pkg/runtime/cel"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/jsondiff"
	"github.com/fluxcd/pkg/ssa/normalize"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	fluxManager = "kustomize-controller"
	fluxGroup   = "kustomize.toolkit.fluxcd.io"
	// fluxConcurrency is kustomize-controller's default for --concurrent-ssa.
	fluxConcurrency = 4
	fluxPoll        = 200 * time.Millisecond
)

// flux is one Kustomization: fluxcd/pkg/ssa with what kustomize-controller 1.9 hands to it.
type flux struct {
	manager         *ssa.ResourceManager
	name, namespace string
	options         ssa.ApplyOptions
	wait            time.Duration
}

func newFlux(parsed options, connected cluster) (tool, error) {
	checks, err := checksOf(parsed.checks)
	if err != nil {
		return nil, err
	}
	reader, err := cel.NewStatusReader(checks)
	if err != nil {
		return nil, err
	}
	mapper := connected.client.RESTMapper()
	poller := polling.NewStatusPoller(connected.client, mapper, polling.Options{
		CustomStatusReaders: []engine.StatusReader{reader(mapper)},
	})
	manager := ssa.NewResourceManager(connected.client, poller, ssa.Owner{Field: fluxManager, Group: fluxGroup})
	manager.SetConcurrency(fluxConcurrency)
	return &flux{
		manager:   manager,
		name:      parsed.name,
		namespace: parsed.namespace,
		options:   fluxOptions(parsed.ignore),
		wait:      parsed.wait,
	}, nil
}

func (f *flux) round(ctx context.Context, objects []*unstructured.Unstructured) ([]change, error) {
	f.manager.SetOwnerLabels(objects, f.name, f.namespace)
	changes := unseen(objects)
	if err := normalize.UnstructuredList(objects); err != nil {
		return changes, err
	}
	// The manager sorts the list that it is given; the answer keeps the file's order.
	set, err := f.manager.ApplyAllStaged(ctx, append([]*unstructured.Unstructured{}, objects...), f.options)
	if set == nil {
		return changes, err
	}
	actions := map[object.ObjMetadata]ssa.Action{}
	for _, entry := range set.Entries {
		actions[entry.ObjMetadata] = entry.Action
	}
	for index, one := range objects {
		changes[index].Action = actions[object.UnstructuredToObjMetadata(one)].String()
	}
	if err != nil || f.wait == 0 {
		return changes, err
	}
	// The controller polls every 5 s; what it decides is the same.
	return changes, f.manager.WaitForSetWithContext(
		ctx, set.ToObjMetadataSet(), ssa.WaitOptions{Interval: fluxPoll, Timeout: f.wait, FailFast: true},
	)
}

func (f *flux) close() {}

func fluxOptions(ignore []string) ssa.ApplyOptions {
	wanted := ssa.DefaultApplyOptions()
	wanted.ForceSelector = map[string]string{fluxGroup + "/force": "enabled"}
	wanted.ExclusionSelector = map[string]string{fluxGroup + "/reconcile": "disabled", fluxGroup + "/ssa": "Ignore"}
	wanted.IfNotPresentSelector = map[string]string{fluxGroup + "/ssa": "IfNotPresent"}
	wanted.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{
			corev1.LastAppliedConfigAnnotation,
			fluxGroup + "/checksum",
			"fluxcd.io/sync-checksum",
		},
		Labels:        []string{"fluxcd.io/sync-gc-mark"},
		FieldManagers: takenOver(),
		Exclusions:    map[string]string{fluxGroup + "/ssa": "Merge"},
	}
	if len(ignore) > 0 {
		wanted.DriftIgnoreRules = []jsondiff.IgnoreRule{{Paths: ignore}}
	}
	return wanted
}

// takenOver are the managers, by prefix, whose fields become Flux's own, so that what is not in Git goes.
func takenOver() []ssa.FieldManager {
	return []ssa.FieldManager{
		{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
		{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
		{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
		{Name: fluxManager, OperationType: metav1.ManagedFieldsOperationUpdate},
	}
}
