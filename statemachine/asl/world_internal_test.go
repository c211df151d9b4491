package asl

import (
	"context"
	"testing"
	"time"
)

func TestVirtualForgets(t *testing.T) {
	v := NewVirtual(time.Unix(0, 0))
	foreign, cancelForeign := context.WithCancel(t.Context())
	defer cancelForeign()
	root, cancelRoot := v.WithTimeout(foreign, 0)
	v.Each(root, 10, 3, func(ctx context.Context, i int) {
		limited, cancel := v.WithTimeout(ctx, time.Hour)
		defer cancel()
		_ = v.Sleep(limited, time.Second)
		_ = v.Sleep(ctx, time.Second)
		_ = v.Sleep(foreign, time.Second)
	})
	if n := root.(*node); len(n.sleepers) != 0 || len(n.children) != 0 {
		t.Errorf("the root still holds %d sleepers and %d contexts", len(n.sleepers), len(n.children))
	}
	cancelRoot()
	other, cancelOther := context.WithCancel(t.Context())
	defer cancelOther()
	_ = v.Sleep(other, time.Second)
	if len(v.queue) != 0 || v.outer.order.Len() != 0 || len(v.outer.byDone) != 0 {
		t.Errorf("the world still holds %d entries and %d foreign contexts", len(v.queue), v.outer.order.Len())
	}
}
