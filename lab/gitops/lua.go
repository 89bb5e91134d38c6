package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"time"

	"github.com/argoproj/gitops-engine/pkg/health"
	jsonpatch "github.com/evanphx/json-patch/v5"
	lua "github.com/yuin/gopher-lua"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
	"sigs.k8s.io/yaml"
)

// luaSeconds is how long Argo CD lets a script run.
const luaSeconds = time.Second

// customizations are the data of argocd-cm. Argo CD has this part outside gitops-engine, in a module of hundreds of
// dependencies; it is written anew here, around the interpreter and the JSON that Argo CD uses.
type customizations map[string]string

func newCustomizations(path string) (customizations, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("give --customizations a ConfigMap: %w", err)
	}
	var found corev1.ConfigMap
	if err := yaml.UnmarshalStrict(text, &found); err != nil {
		return nil, fmt.Errorf("%s is no ConfigMap: %w", path, err)
	}
	return found.Data, nil
}

// of is what is said of the object's kind, empty where nothing is.
func (c customizations) of(what string, object *unstructured.Unstructured) string {
	kind := object.GroupVersionKind()
	return c[fmt.Sprintf("resource.customizations.%s.%s_%s", what, kind.Group, kind.Kind)]
}

// GetResourceHealth answers for gitops-engine; nil leaves the object to what is built in.
func (c customizations) GetResourceHealth(object *unstructured.Unstructured) (*health.HealthStatus, error) {
	script := c.of("health", object)
	if script == "" {
		return nil, nil
	}
	var found health.HealthStatus
	if err := evaluate(script, object, nil, &found); err != nil {
		return nil, err
	}
	return &found, nil
}

// button is an action as Argo CD's discovery finds it.
type button struct {
	Name        string              `json:"name"`
	Disabled    bool                `json:"disabled"`
	DisplayName string              `json:"displayName,omitempty"`
	IconClass   string              `json:"iconClass,omitempty"`
	Params      []map[string]string `json:"params,omitempty"`
}

type actions struct {
	Discovery   string       `json:"discovery.lua"`
	Definitions []definition `json:"definitions"`
}

type definition struct {
	Name string `json:"name"`
	Lua  string `json:"action.lua"`
}

func (c customizations) actions(object *unstructured.Unstructured) (actions, error) {
	var found actions
	err := yaml.UnmarshalStrict([]byte(c.of("actions", object)), &found)
	return found, err
}

// buttons are the actions that Argo CD offers for the object, by name.
func (c customizations) buttons(object *unstructured.Unstructured) ([]button, error) {
	declared, err := c.actions(object)
	if err != nil || declared.Discovery == "" {
		return nil, err
	}
	found := map[string]button{}
	if err := evaluate(declared.Discovery, object, nil, &found); err != nil {
		return nil, err
	}
	sorted := make([]button, 0, len(found))
	for name, one := range found {
		one.Name = name
		sorted = append(sorted, one)
	}
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].Name < sorted[j].Name })
	return sorted, nil
}

// patch is the merge patch that Argo CD would send for the action.
func (c customizations) patch(name string, object *unstructured.Unstructured, parameters map[string]string) (json.RawMessage, error) {
	declared, err := c.actions(object)
	if err != nil {
		return nil, err
	}
	for _, one := range declared.Definitions {
		if one.Name == name {
			return patchOf(one.Lua, object, parameters)
		}
	}
	return nil, fmt.Errorf("%s has no action %q", object.GetKind(), name)
}

func patchOf(script string, object *unstructured.Unstructured, parameters map[string]string) (json.RawMessage, error) {
	changed := map[string]any{}
	if err := evaluate(script, object, parameters, &changed); err != nil {
		return nil, err
	}
	before, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(unemptied(changed, object.Object))
	if err != nil {
		return nil, err
	}
	return jsonpatch.CreateMergePatch(before, after)
}

// unemptied gives back the maps that Lua made empty lists of, having one kind of table for both.
func unemptied(changed, before any) any {
	switch now := changed.(type) {
	case map[string]any:
		old, _ := before.(map[string]any)
		for key := range now {
			now[key] = unemptied(now[key], old[key])
		}
	case []any:
		if old, isMap := before.(map[string]any); isMap && len(now) == 0 {
			return old
		}
		old, _ := before.([]any)
		for index := range min(len(now), len(old)) {
			now[index] = unemptied(now[index], old[index])
		}
	}
	return changed
}

// evaluate runs the script with the object as `obj`, and decodes what it returns.
func evaluate(script string, object *unstructured.Unstructured, parameters map[string]string, into any) error {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	// No more than Argo CD opens for what a user configures: no string, math, io or debug.
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	limited, cancel := context.WithTimeout(context.Background(), luaSeconds)
	defer cancel()
	state.SetContext(limited)
	state.SetGlobal("obj", inLua(state, object.Object))
	state.SetGlobal("actionParams", inLua(state, widened(parameters)))
	if err := state.DoString(script); err != nil {
		return err
	}
	table, isTable := state.Get(-1).(*lua.LTable)
	if !isTable {
		return errors.New("the script returns no table")
	}
	text, err := luajson.Encode(table)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func widened(parameters map[string]string) map[string]any {
	wide := map[string]any{}
	for name, value := range parameters {
		wide[name] = value
	}
	return wide
}

func inLua(state *lua.LState, value any) lua.LValue {
	switch one := value.(type) {
	case map[string]any:
		table := state.CreateTable(0, len(one))
		for key, item := range one {
			table.RawSetString(key, inLua(state, item))
		}
		return table
	case []any:
		table := state.CreateTable(len(one), 0)
		for _, item := range one {
			table.Append(inLua(state, item))
		}
		return table
	case int64:
		return lua.LNumber(one)
	case float64:
		return lua.LNumber(one)
	case bool:
		return lua.LBool(one)
	case string:
		return lua.LString(one)
	}
	return lua.LNil
}
