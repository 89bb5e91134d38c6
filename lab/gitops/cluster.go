package main

import (
	"context"
	"fmt"
	"os"

	"github.com/fluxcd/pkg/ssa/utils"
	"github.com/go-openapi/jsonpointer"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// cluster is the API server, read without a cache: a round must see what was there when it began.
type cluster struct {
	config *rest.Config
	client client.Client
}

func connect() (cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return cluster{}, fmt.Errorf("set KUBECONFIG to a cluster's kubeconfig: %w", err)
	}
	// The default of 5 requests a second would pace the rounds instead of --every.
	config.QPS, config.Burst = 200, 400
	connected, err := client.New(config, client.Options{})
	if err != nil {
		return cluster{}, fmt.Errorf("is the cluster of KUBECONFIG running? %w", err)
	}
	return cluster{config: config, client: connected}, nil
}

// manifests are the objects of the file.
func manifests(path string) ([]*unstructured.Unstructured, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("give --file a file of manifests: %w", err)
	}
	defer file.Close()
	objects, err := utils.ReadObjects(file)
	if err != nil {
		return nil, fmt.Errorf("%s holds no manifests: %w", path, err)
	}
	return objects, nil
}

// read gives the objects of the file; those that are namespaced and name no namespace get this one.
func (c cluster) read(path, namespace string) ([]*unstructured.Unstructured, error) {
	objects, err := manifests(path)
	if err != nil {
		return nil, err
	}
	for _, object := range objects {
		namespaced, err := c.client.IsObjectNamespaced(object)
		if err != nil {
			return nil, fmt.Errorf("install the CRD of %s first: %w", object.GetKind(), err)
		}
		if namespaced && object.GetNamespace() == "" {
			object.SetNamespace(namespace)
		}
	}
	return objects, nil
}

// live is the object as it is in the cluster, nil where it is not.
func (c cluster) live(ctx context.Context, wanted *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	found := &unstructured.Unstructured{}
	found.SetGroupVersionKind(wanted.GroupVersionKind())
	err := c.client.Get(ctx, client.ObjectKeyFromObject(wanted), found)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return found, err
}

// value is what is at the pointer in the live object, nil where nothing is.
func (c cluster) value(ctx context.Context, wanted *unstructured.Unstructured, pointer string) (any, error) {
	parsed, err := jsonpointer.New(pointer)
	if err != nil {
		return nil, err
	}
	found, err := c.live(ctx, wanted)
	if found == nil || err != nil {
		return nil, err
	}
	value, _, err := parsed.Get(found.Object)
	if err != nil {
		return nil, nil
	}
	return value, nil
}
