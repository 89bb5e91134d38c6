package main

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const held int32 = 0

// Reconciler moves a Switch's target to where the Switch wants it: record, scale, and back from the record.
type Reconciler struct {
	client.Client
}

// SetupWithManager also looks again at a Switch whose target changed, so that what is held stays held.
func (r *Reconciler) SetupWithManager(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).
		For(&Switch{}).
		Watches(&appsv1.Deployment{}, handler.EnqueueRequestsFromMapFunc(switchOf)).
		Complete(r)
}

func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var one Switch
	if err := r.Get(ctx, request.NamespacedName, &one); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	wanted := one.Spec.Engaged != nil && *one.Spec.Engaged
	if !wanted && one.Status.Record == nil {
		return ctrl.Result{}, nil
	}
	var target appsv1.Deployment
	key := types.NamespacedName{Namespace: one.Namespace, Name: one.Spec.Runbook}
	if err := r.Get(ctx, key, &target); err != nil {
		return ctrl.Result{}, err
	}
	if wanted {
		return ctrl.Result{}, r.engage(ctx, &one, &target)
	}
	return ctrl.Result{}, r.release(ctx, &one, &target)
}

func (r *Reconciler) engage(ctx context.Context, one *Switch, target *appsv1.Deployment) error {
	if one.Status.Record == nil {
		one.Status.Record = record(target)
		one.Status.Phase = "Engaging"
		// An update with the resourceVersion that was read: what a stale cache would save is refused.
		if err := r.Status().Update(ctx, one); err != nil {
			return err
		}
	}
	if target.Spec.Replicas == nil || *target.Spec.Replicas != held {
		if err := r.scale(ctx, target, held); err != nil {
			return err
		}
	}
	return r.say(ctx, one, "Engaged")
}

func (r *Reconciler) release(ctx context.Context, one *Switch, target *appsv1.Deployment) error {
	for _, action := range one.Status.Record.Actions {
		if action.UID != string(target.UID) {
			continue
		}
		if err := r.scale(ctx, target, action.Saved); err != nil {
			return err
		}
	}
	one.Status.Record = nil
	return r.say(ctx, one, "Released")
}

// scale is refused where the cache was behind: the next try reads what is there.
func (r *Reconciler) scale(ctx context.Context, target *appsv1.Deployment, replicas int32) error {
	wanted := &autoscalingv1.Scale{
		ObjectMeta: v1.ObjectMeta{Name: target.Name, Namespace: target.Namespace, ResourceVersion: target.ResourceVersion},
		Spec:       autoscalingv1.ScaleSpec{Replicas: replicas},
	}
	return r.SubResource("scale").Update(ctx, target, client.WithSubResourceBody(wanted))
}

func (r *Reconciler) say(ctx context.Context, one *Switch, phase string) error {
	if one.Status.Phase == phase {
		return nil
	}
	one.Status.Phase = phase
	return r.Status().Update(ctx, one)
}

func record(target *appsv1.Deployment) *Record {
	saved := int32(1)
	if target.Spec.Replicas != nil {
		saved = *target.Spec.Replicas
	}
	return &Record{
		EngagementID: string(uuid.NewUUID()),
		EngagedAt:    v1.Now(),
		Actions: []RecordAction{{
			Action:     "scale",
			APIVersion: "apps/v1",
			Kind:       "Deployment",
			Name:       target.Name,
			UID:        string(target.UID),
			Saved:      saved,
			Held:       held,
		}},
	}
}

func switchOf(_ context.Context, target client.Object) []reconcile.Request {
	return []reconcile.Request{{
		NamespacedName: types.NamespacedName{Namespace: target.GetNamespace(), Name: target.GetName() + "-stop"},
	}}
}
