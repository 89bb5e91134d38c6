package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kubectl/pkg/util/openapi"
)

const (
	argoManager    = "argocd-controller"
	argoTracking   = "argocd.argoproj.io/tracking-id"
	argoSteps      = 50
	argoStepPause  = 100 * time.Millisecond
	statusSynced   = "synced"
	statusDiffered = "OutOfSync"
)

// argo is one Application with automated sync and self-heal: gitops-engine with what Argo CD's controller hands to it.
// It has not Argo CD's growing pause between two heals of one revision, so it contests harder than Argo CD does.
type argo struct {
	parsed    options
	connected cluster
	kubectl   *kube.KubectlCmd
	resources openapi.Resources
	parser    *managedfields.GvkParser
	ignores   ignores
	custom    customizations
	synced    bool
	folder    string
}

func newArgo(parsed options, connected cluster) (tool, error) {
	ignored, err := newIgnores(parsed.ignore)
	if err != nil {
		return nil, err
	}
	custom, err := newCustomizations(parsed.customizations)
	if err != nil {
		return nil, err
	}
	kubectl := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	resources, parser, err := kubectl.LoadOpenAPISchema(connected.config)
	if err != nil {
		return nil, fmt.Errorf("is the cluster of KUBECONFIG running? %w", err)
	}
	// kubectl's discovery cache would outlive the cluster, and hide a CRD that another test installs.
	folder, err := os.MkdirTemp("", "gitops-")
	if err != nil {
		return nil, err
	}
	if err := os.Setenv("KUBECACHEDIR", folder); err != nil {
		return nil, err
	}
	return &argo{
		parsed: parsed, connected: connected, kubectl: kubectl, resources: resources,
		parser: parser, ignores: ignored, custom: custom, folder: folder,
	}, nil
}

func (a *argo) close() { os.RemoveAll(a.folder) }

func (a *argo) round(ctx context.Context, objects []*unstructured.Unstructured) ([]change, error) {
	changes := unseen(objects)
	a.track(objects)
	state, err := a.compare(ctx, objects)
	if err != nil {
		return changes, err
	}
	for index, object := range objects {
		changes[index].Action = statusSynced
		if state.differs[kube.GetResourceKey(object)] {
			changes[index].Action = statusDiffered
		}
	}
	if len(state.differs) == 0 {
		return changes, nil
	}
	messages, err := a.sync(ctx, state)
	for index, object := range objects {
		changes[index].Message = messages[kube.GetResourceKey(object)]
	}
	return changes, err
}

func (a *argo) track(objects []*unstructured.Unstructured) {
	for _, object := range objects {
		annotations := object.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		group := object.GroupVersionKind().Group
		annotations[argoTracking] = fmt.Sprintf(
			"%s:%s/%s:%s/%s", a.parsed.name, group, object.GetKind(), object.GetNamespace(), object.GetName(),
		)
		object.SetAnnotations(annotations)
	}
}

// comparison is what is wanted beside what is there, and which of it differs.
type comparison struct {
	reconciled sync.ReconciliationResult
	diffs      *diff.DiffResultList
	differs    map[kube.ResourceKey]bool
}

func (a *argo) compare(ctx context.Context, objects []*unstructured.Unstructured) (comparison, error) {
	found := map[kube.ResourceKey]*unstructured.Unstructured{}
	for _, object := range objects {
		live, err := a.connected.live(ctx, object)
		if err != nil {
			return comparison{}, err
		}
		if live != nil {
			found[kube.GetResourceKey(live)] = live
		}
	}
	state := comparison{reconciled: sync.Reconcile(objects, found, a.parsed.namespace, a)}
	var err error
	state.diffs, err = diff.DiffArray(
		state.reconciled.Target, state.reconciled.Live,
		diff.WithNormalizer(a.ignores), diff.WithStructuredMergeDiff(a.parsed.serverSide),
		diff.WithGVKParser(a.parser), diff.WithManager(argoManager), diff.WithLogr(logr.Discard()),
	)
	if err != nil {
		return comparison{}, err
	}
	state.differs = differing(state.reconciled, state.diffs)
	return state, nil
}

func differing(reconciled sync.ReconciliationResult, diffs *diff.DiffResultList) map[kube.ResourceKey]bool {
	keys := map[kube.ResourceKey]bool{}
	for index, target := range reconciled.Target {
		if diffs.Diffs[index].Modified || reconciled.Live[index] == nil {
			keys[kube.GetResourceKey(target)] = true
		}
	}
	return keys
}

// sync applies everything once, as for a new revision, and after that only what differs, as self-heal does.
func (a *argo) sync(ctx context.Context, state comparison) (map[kube.ResourceKey]string, error) {
	if a.parsed.respectIgnore {
		kept, err := a.ignores.keepLive(state.reconciled)
		if err != nil {
			return nil, err
		}
		state.reconciled.Target = kept
	}
	operation, clean, err := sync.NewSyncContext(
		"1", state.reconciled, a.connected.config, a.connected.config, a.kubectl, a.parsed.namespace, a.resources,
		a.syncOptions(state)...,
	)
	if err != nil {
		return nil, err
	}
	defer clean()
	messages, err := finish(ctx, operation)
	a.synced = a.synced || err == nil
	return messages, err
}

func (a *argo) syncOptions(state comparison) []sync.SyncOpt {
	healing := a.synced
	return []sync.SyncOpt{
		sync.WithLogr(logr.Discard()),
		sync.WithOperationSettings(false, false, false, healing),
		sync.WithManifestValidation(true),
		sync.WithHealthOverride(a.custom),
		sync.WithServerSideApply(a.parsed.serverSide),
		sync.WithServerSideApplyManager(argoManager),
		sync.WithClientSideApplyMigration(true, common.DefaultClientSideApplyMigrationManager),
		sync.WithResourceModificationChecker(false, state.diffs),
		sync.WithResourcesFilter(func(key kube.ResourceKey, _, _ *unstructured.Unstructured) bool {
			return !healing || state.differs[key]
		}),
	}
}

// finish steps until the operation is over: hooks and waves take more than one step.
func finish(ctx context.Context, operation sync.SyncContext) (map[kube.ResourceKey]string, error) {
	for range argoSteps {
		operation.Sync()
		phase, message, results := operation.GetState()
		messages := map[kube.ResourceKey]string{}
		for _, result := range results {
			messages[result.ResourceKey] = result.Message
		}
		if phase.Successful() {
			return messages, nil
		}
		if phase.Completed() {
			return messages, errors.New(message)
		}
		if !pause(ctx, argoStepPause) {
			return messages, ctx.Err()
		}
	}
	return nil, errors.New("the sync did not end: leave out hooks and waves that wait for running pods")
}

// IsNamespaced answers for sync.Reconcile.
func (a *argo) IsNamespaced(kind schema.GroupKind) (bool, error) {
	mapping, err := a.connected.client.RESTMapper().RESTMapping(kind)
	if err != nil {
		return false, err
	}
	return mapping.Scope.Name() == "namespace", nil
}
