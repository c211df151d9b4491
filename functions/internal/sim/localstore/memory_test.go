package localstore

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAFaultIsCalledBeforeEachOperation(t *testing.T) {
	broken := errors.New("broken")
	m := &Memory{}
	put(t, m, "a", "one")
	_, etag := get(t, m, "a")
	var asked []string
	m.Fault = func(op, key string) error {
		asked = append(asked, op+" "+key)
		return broken
	}
	_, _, got := m.Get(t.Context(), "a")
	_, listed := m.List(t.Context(), "prefix")
	for op, err := range map[string]error{
		"get": got, "list": listed,
		"put":     m.Put(t.Context(), "a", nil),
		"create":  m.Create(t.Context(), "a", nil), // it is there: the fault comes first
		"replace": m.Replace(t.Context(), "a", nil, etag+"another"),
	} {
		if !errors.Is(err, broken) {
			t.Errorf("%s: %v, want the fault", op, err)
		}
	}
	if diff := cmp.Diff([]string{"get a", "list prefix", "put a", "create a", "replace a"}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	m.Fault = nil
	check(t, m, "a", "one")
}
