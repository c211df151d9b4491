package lifecycle_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// statement is one of a policy, resolved.
type statement struct {
	Sid, Effect string
	Actions     []string
	Resources   []string
	Principals  []string // service:…, aws:…
	Conditions  map[string]map[string][]string
	granted     string // the policy that it stands in
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
				t.Fatalf("%s: the test does not know what %s means", of, key)
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

// roleStatements gives all that a role may do, by whatever policy.
func (t *template) roleStatements(role string) []statement {
	t.t.Helper()
	r := t.one("AWS::IAM::Role", role)
	if r.properties["Policies"] != nil || r.properties["ManagedPolicyArns"] != nil {
		t.t.Fatalf("%s has inline or managed policies, which this test does not read", role)
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
		t.t.Fatalf("%s may do nothing", role)
	}
	return out
}

// request is a call that IAM decides on.
type request struct {
	principal, action, resource string
	context                     map[string]string // condition keys that the call carries
}

// decide is IAM's logic over policies of one account: an explicit Deny, else an Allow, else no. It refuses what it does not know.
func decide(t *testing.T, all []statement, r request) bool {
	t.Helper()
	allowed := false
	for _, s := range all {
		who := s.Principals == nil || slices.Contains(s.Principals, "*") || slices.Contains(s.Principals, r.principal)
		if !who || !anyMatch(s.Actions, r.action) || !anyMatch(s.Resources, r.resource) || !s.holds(t, r.context) {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
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
	case "StringLike", "ArnLike", "ArnEquals": // the last two are the same to IAM
		return there && anyMatch(wanted, found) || ifExists && !there
	}
	t.Fatalf("the test does not know the condition operator %s", operator)
	return false
}

func anyMatch(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		// A * of IAM crosses slashes, one of path.Match does not.
		hide := strings.NewReplacer("/", "\x00", "[", "(", "]", ")")
		ok, err := path.Match(hide.Replace(p), hide.Replace(s))
		return err == nil && ok
	})
}

func (s statement) String() string {
	return fmt.Sprintf("%s %s: %v on %v if %v", s.Effect, s.Sid, s.Actions, s.Resources, s.Conditions)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
