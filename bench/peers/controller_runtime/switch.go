package main

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/scheme"
)

// Switch is as much of the resource as this operator reads and writes; the deep copies are what controller-gen writes.
type Switch struct {
	v1.TypeMeta   `json:",inline"`
	v1.ObjectMeta `json:"metadata,omitempty"`

	Spec   SwitchSpec   `json:"spec"`
	Status SwitchStatus `json:"status,omitempty"`
}

type SwitchSpec struct {
	Runbook string `json:"runbook"`
	Switch  string `json:"switch"`
	Engaged *bool  `json:"engaged,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

type SwitchStatus struct {
	Phase  string  `json:"phase,omitempty"`
	Record *Record `json:"record,omitempty"`
}

// Record is written before the first effect, and says what a release gives back.
type Record struct {
	EngagementID string         `json:"engagementId"`
	EngagedAt    v1.Time        `json:"engagedAt"`
	Actions      []RecordAction `json:"actions,omitempty"`
}

type RecordAction struct {
	Action     string `json:"action"`
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	UID        string `json:"uid,omitempty"`
	Saved      int32  `json:"saved"`
	Held       int32  `json:"held"`
}

type SwitchList struct {
	v1.TypeMeta `json:",inline"`
	v1.ListMeta `json:"metadata,omitempty"`

	Items []Switch `json:"items"`
}

var builder = &scheme.Builder{GroupVersion: schema.GroupVersion{Group: "runbooks.dev", Version: "v1alpha1"}}

func init() {
	builder.Register(&Switch{}, &SwitchList{})
}

func (in *Record) DeepCopy() *Record {
	if in == nil {
		return nil
	}
	out := *in
	in.EngagedAt.DeepCopyInto(&out.EngagedAt)
	out.Actions = append([]RecordAction(nil), in.Actions...)
	return &out
}

func (in *Switch) DeepCopyInto(out *Switch) {
	*out = *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	if in.Spec.Engaged != nil {
		engaged := *in.Spec.Engaged
		out.Spec.Engaged = &engaged
	}
	out.Status.Record = in.Status.Record.DeepCopy()
}

func (in *Switch) DeepCopyObject() runtime.Object {
	out := &Switch{}
	in.DeepCopyInto(out)
	return out
}

func (in *SwitchList) DeepCopyObject() runtime.Object {
	out := &SwitchList{TypeMeta: in.TypeMeta}
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	out.Items = make([]Switch, len(in.Items))
	for i := range in.Items {
		in.Items[i].DeepCopyInto(&out.Items[i])
	}
	return out
}
