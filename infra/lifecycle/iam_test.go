package lifecycle_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// statement is a statement of a policy, resolved.
type statement struct {
	Sid, Effect string
	Actions     []string
	Resources   []string
	Principals  []string // service:…, aws:…
	Conditions  map[string]map[string][]string
	granted     string // the policy that contains it
}

func statements(t *testing.T, policy any, of string) []statement {
	t.Helper()
	document, ok := resolve(policy).(map[string]any)
	if !ok {
		t.Fatalf("%s has no policy document", of)
	}
	var out []statement
	for _, raw := range document["Statement"].([]any) {
		s := raw.(map[string]any)
		for key := range s {
			if !slices.Contains([]string{"Sid", "Effect", "Action", "Resource", "Principal", "Condition"}, key) {
				t.Fatalf("%s: this test does not support %s", of, key)
			}
		}
		one := statement{granted: of, Effect: s["Effect"].(string), Actions: texts(s["Action"]), Resources: texts(s["Resource"])}
		one.Sid, _ = s["Sid"].(string)
		one.Principals = principals(s["Principal"])
		one.Conditions = map[string]map[string][]string{}
		if c, ok := s["Condition"].(map[string]any); ok {
			for operator, keys := range c {
				one.Conditions[operator] = map[string][]string{}
				for key, values := range keys.(map[string]any) {
					one.Conditions[operator][key] = texts(values)
				}
			}
		}
		out = append(out, one)
	}
	return out
}

func principals(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case map[string]any:
		var out []string
		for kind, who := range v {
			for _, w := range texts(who) {
				if w != "*" {
					w = strings.ToLower(kind) + ":" + w
				}
				out = append(out, w)
			}
		}
		return out
	}
	return nil
}

// roleStatements returns the statements of all policies of a role.
func (t *template) roleStatements(role string) []statement {
	t.t.Helper()
	r := t.one("AWS::IAM::Role", role)
	if r.properties["Policies"] != nil || r.properties["ManagedPolicyArns"] != nil {
		t.t.Fatalf("%s has inline or managed policies, which this test does not support", role)
	}
	var out []statement
	for _, kind := range []string{"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"} {
		for _, p := range t.anyOf(kind) {
			if slices.Contains(texts(p.properties["Roles"]), "${"+r.id+"}") {
				out = append(out, statements(t.t, p.properties["PolicyDocument"], p.id)...)
			}
		}
	}
	if len(out) == 0 {
		t.t.Fatalf("%s has no permissions", role)
	}
	return out
}

// request is a call for which IAM decides whether it is allowed.
type request struct {
	principal, action, resource string
	context                     map[string]string // the condition keys of the call
}

// allowed is IAM's logic for the policies of one account: a Deny refuses the call, otherwise an Allow allows it, otherwise it is
// refused. The test fails for what the logic does not support.
func allowed(t *testing.T, all []statement, r request) bool {
	t.Helper()
	found := false
	for _, s := range all {
		who := s.Principals == nil || slices.Contains(s.Principals, "*") || slices.Contains(s.Principals, r.principal)
		if !who || !anyMatch(s.Actions, r.action) || !anyMatch(s.Resources, r.resource) || !s.holds(t, r.context) {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		found = true
	}
	return found
}

func (s statement) holds(t *testing.T, context map[string]string) bool {
	t.Helper()
	for operator, keys := range s.Conditions {
		for key, wanted := range keys {
			if !holds(t, operator, wanted, context, key) {
				return false
			}
		}
	}
	return true
}

func holds(t *testing.T, operator string, wanted []string, context map[string]string, key string) bool {
	t.Helper()
	found, there := context[key]
	plain, ifExists := strings.CutSuffix(operator, "IfExists")
	switch plain {
	case "Null":
		return there == (wanted[0] == "false")
	case "StringEquals", "Bool":
		return there && slices.Contains(wanted, found) || ifExists && !there
	case "StringLike", "ArnLike", "ArnEquals": // IAM treats the last two alike
		return there && anyMatch(wanted, found) || ifExists && !there
	}
	t.Fatalf("this test does not support the condition operator %s", operator)
	return false
}

func anyMatch(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		// In IAM a * matches slashes, in path.Match it does not.
		hide := strings.NewReplacer("/", "\x00", "[", "(", "]", ")")
		ok, err := path.Match(hide.Replace(p), hide.Replace(s))
		return err == nil && ok
	})
}

func (s statement) String() string {
	return fmt.Sprintf("%s %s: %v on %v if %v", s.Effect, s.Sid, s.Actions, s.Resources, s.Conditions)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
