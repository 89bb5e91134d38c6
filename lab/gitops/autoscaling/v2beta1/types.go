// Package v2beta1 stands in for a version of HorizontalPodAutoscaler that Kubernetes 1.26 stopped serving and k8s.io/api
// has dropped since: gitops-engine's health check still names its types, and reads nothing but the conditions.
package v2beta1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var SchemeGroupVersion = schema.GroupVersion{Group: "autoscaling", Version: "v2beta1"}

type HorizontalPodAutoscaler struct {
	Status HorizontalPodAutoscalerStatus `json:"status"`
}

type HorizontalPodAutoscalerStatus struct {
	Conditions []HorizontalPodAutoscalerCondition `json:"conditions"`
}

type HorizontalPodAutoscalerCondition struct {
	Type    string                 `json:"type"`
	Status  corev1.ConditionStatus `json:"status"`
	Reason  string                 `json:"reason"`
	Message string                 `json:"message"`
}
