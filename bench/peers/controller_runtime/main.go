// The peer in Go: a switch operator on controller-runtime, as a Go team writes it.
//
// It has what kubebuilder's scaffold has: a manager with its cache, leader election, /metrics, JSON logs, and one
// worker, the client and the queue as they are by default. It does the whole of a switch: a record in the status before
// the effect, the effect, the restore from the record, what was thrown while it was away, and a target that somebody
// else changes. It leaves out what the operator does beside that: Runbooks, from which the switches and what they do
// come; a finalizer, so that a switch which is deleted while it is engaged gives back; every action but scale; holds by
// metrics, checks and other switches; autoscalers and GitOps tools that fight; preconditions of a person's word such as
// its expiry; Events, notices, an audit log, a history; back-off between put-backs; and service accounts per Runbook.
package main

import (
	"flag"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func main() {
	namespace := flag.String("namespace", "", "The namespace to serve.")
	address := flag.String("metrics-bind-address", ":8080", "The address of /metrics.")
	flag.Parse()
	ctrl.SetLogger(zap.New())

	known := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(known))
	utilruntime.Must(builder.AddToScheme(known))

	manager, err := ctrl.NewManager(ctrl.GetConfigOrDie(), ctrl.Options{
		Scheme:                  known,
		Metrics:                 server.Options{BindAddress: *address},
		Cache:                   cache.Options{DefaultNamespaces: map[string]cache.Config{*namespace: {}}},
		LeaderElection:          true,
		LeaderElectionID:        "controller-runtime.runbooks.dev",
		LeaderElectionNamespace: *namespace,
		// As the scaffold's comment advises where the process ends with its manager: the next one need not wait.
		LeaderElectionReleaseOnCancel: true,
	})
	if err == nil {
		err = (&Reconciler{manager.GetClient()}).SetupWithManager(manager)
	}
	if err == nil {
		err = manager.Start(ctrl.SetupSignalHandler())
	}
	if err != nil {
		ctrl.Log.Error(err, "it ended")
		os.Exit(1)
	}
}
