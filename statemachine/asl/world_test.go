package asl_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/asl"
)

// diary has the notes of tasks in a virtual world, with the seconds since the start.
type diary struct {
	w     *asl.Virtual
	lines []string
}

func newDiary() *diary { return &diary{w: asl.NewVirtual(start)} }

func (d *diary) note(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf("%v ", d.w.Now().Sub(start).Seconds())+fmt.Sprintf(format, args...))
}

func (d *diary) sleep(ctx context.Context, seconds float64) error {
	return d.w.Sleep(ctx, time.Duration(seconds*float64(time.Second)))
}

func TestVirtualTime(t *testing.T) {
	ctx := context.Background()

	t.Run("if there is one task, the clock jumps by exactly the time that it sleeps", func(t *testing.T) {
		w := asl.NewVirtual(start)
		for _, d := range []time.Duration{24 * time.Hour, time.Nanosecond, 0, -time.Hour} {
			if err := w.Sleep(ctx, d); err != nil {
				t.Fatal(err)
			}
		}
		same(t, "now", w.Now(), start.Add(24*time.Hour+time.Nanosecond))
	})

	t.Run("the task with the earliest wake-up time runs first; at the same time, the one that fell asleep first", func(t *testing.T) {
		d := newDiary()
		d.w.Each(ctx, 4, 0, func(ctx context.Context, i int) {
			d.note("%d starts", i)
			d.sleep(ctx, []float64{3, 1, 3, 2}[i])
			d.note("%d wakes", i)
			d.sleep(ctx, 1)
			d.note("%d ends", i)
		})
		same(t, "diary", d.lines, []string{
			"0 0 starts", "0 1 starts", "0 2 starts", "0 3 starts",
			"1 1 wakes", "2 3 wakes", "2 1 ends",
			"3 0 wakes", "3 2 wakes", "3 3 ends", "4 0 ends", "4 2 ends",
		})
	})

	t.Run("Sleep(0) lets the other tasks run", func(t *testing.T) {
		d := newDiary()
		d.w.Each(ctx, 2, 0, func(ctx context.Context, i int) {
			for n := range 2 {
				d.note("%d.%d", i, n)
				d.sleep(ctx, 0)
			}
		})
		same(t, "diary", d.lines, []string{"0 0.0", "0 1.0", "0 0.1", "0 1.1"})
	})

	t.Run("Each respects its limit and starts the next call when one has returned", func(t *testing.T) {
		d := newDiary()
		running, most := 0, 0
		d.w.Each(ctx, 5, 2, func(ctx context.Context, i int) {
			running++
			most = max(most, running)
			d.note("%d", i)
			d.sleep(ctx, float64(i+1))
			running--
		})
		d.note("all")
		same(t, "diary", d.lines, []string{"0 0", "0 1", "1 2", "2 3", "4 4", "9 all"})
		same(t, "at once", most, 2)
	})

	t.Run("Each respects its limit if some calls do not sleep", func(t *testing.T) {
		d := newDiary()
		running, most := 0, 0
		d.w.Each(ctx, 20, 3, func(ctx context.Context, i int) {
			running++
			most = max(most, running)
			if i%3 == 2 {
				d.sleep(ctx, 1)
			}
			running--
		})
		same(t, "at once", most, 3)
	})

	t.Run("Each inside Each returns when its own calls have returned", func(t *testing.T) {
		d := newDiary()
		d.w.Each(ctx, 2, 0, func(ctx context.Context, i int) {
			d.w.Each(ctx, 2, 0, func(ctx context.Context, j int) { d.sleep(ctx, float64(1+i+2*j)) })
			d.note("%d", i)
		})
		same(t, "diary", d.lines, []string{"3 0", "4 1"})
	})

	t.Run("Each of nothing returns at once", func(t *testing.T) {
		asl.NewVirtual(start).Each(ctx, 0, 0, func(context.Context, int) { t.Error("called") })
	})

	t.Run("calls that never sleep need no goroutines", func(t *testing.T) {
		before := runtime.NumGoroutine()
		calls := 0
		asl.NewVirtual(start).Each(ctx, 100_000, 0, func(context.Context, int) {
			if calls++; calls == 100_000 && runtime.NumGoroutine() > before+1 {
				t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
			}
		})
		same(t, "calls", calls, 100_000)
	})

	t.Run("a task that ends with Goexit, as with t.FailNow, does not block the others", func(t *testing.T) {
		d := newDiary()
		d.w.Each(ctx, 3, 0, func(ctx context.Context, i int) {
			d.sleep(ctx, 1)
			if i == 1 {
				runtime.Goexit()
			}
			d.note("%d", i)
		})
		same(t, "diary", d.lines, []string{"1 0", "1 2"})
	})
}

func TestVirtualCancellation(t *testing.T) {
	t.Run("a timeout wakes a sleeper at exactly its time", func(t *testing.T) {
		d := newDiary()
		ctx, cancel := d.w.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err := d.sleep(ctx, 60)
		d.note("%v", err)
		same(t, "diary", d.lines, []string{"5 context deadline exceeded"})
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) || !errors.Is(d.sleep(ctx, 1), context.DeadlineExceeded) {
			t.Errorf("afterwards the error of the context is %v", ctx.Err())
		}
	})

	t.Run("a cancelled timeout does not move the clock", func(t *testing.T) {
		d := newDiary()
		ctx, cancel := d.w.WithTimeout(context.Background(), 5*time.Second)
		cancel()
		same(t, "error", ctx.Err(), context.Canceled)
		d.w.Each(context.Background(), 2, 0, func(ctx context.Context, i int) { d.sleep(ctx, float64(i)) })
		d.note("all")
		same(t, "diary", d.lines, []string{"1 all"})
	})

	t.Run("a timeout of 0 never expires, and a negative one has expired", func(t *testing.T) {
		d := newDiary()
		never, cancel := d.w.WithTimeout(context.Background(), 0)
		defer cancel()
		over, cancel := d.w.WithTimeout(context.Background(), -time.Second)
		defer cancel()
		d.note("%v", d.sleep(never, 3600))
		d.note("%v", d.sleep(over, 1))
		same(t, "diary", d.lines, []string{"3600 <nil>", "3600 context deadline exceeded"})
	})

	t.Run("a timeout also cancels derived contexts, of the world and of the standard library", func(t *testing.T) {
		d := newDiary()
		ctx, cancel := d.w.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		type key struct{}
		standard, cancelStandard := context.WithCancel(context.WithValue(ctx, key{}, 1))
		defer cancelStandard()
		ours, cancelOurs := d.w.WithTimeout(standard, time.Hour)
		defer cancelOurs()
		d.w.Each(context.Background(), 3, 0, func(_ context.Context, i int) {
			d.note("%d %v", i, d.sleep([]context.Context{ctx, standard, ours}[i], 60) != nil)
		})
		same(t, "diary", d.lines, []string{"5 0 true", "5 1 true", "5 2 true"})
	})

	t.Run("a timeout also wakes a sleeper whose only context was derived by the standard library", func(t *testing.T) {
		d := newDiary()
		d.w.Each(context.Background(), 2, 0, func(plain context.Context, i int) {
			ctx, cancel := d.w.WithTimeout(plain, 5*time.Second)
			defer cancel()
			derived, cancelDerived := context.WithCancel(ctx)
			defer cancelDerived()
			which := []context.Context{derived, plain}[i]
			d.sleep(which, 60)
			d.note("%d", i)
		})
		same(t, "diary", d.lines, []string{"5 0", "60 1"})
	})

	t.Run("a cancellation by another task wakes sleepers at that time, in the order in which they fell asleep", func(t *testing.T) {
		for name, with := range map[string]func(*asl.Virtual) (context.Context, context.CancelFunc){
			"of the standard library": func(*asl.Virtual) (context.Context, context.CancelFunc) {
				return context.WithCancel(context.Background())
			},
			"of the standard library, under one of the world": func(w *asl.Virtual) (context.Context, context.CancelFunc) {
				ctx, cancel := w.WithTimeout(context.Background(), time.Hour)
				t.Cleanup(cancel)
				return context.WithCancel(ctx)
			},
			"of the world": func(w *asl.Virtual) (context.Context, context.CancelFunc) {
				return w.WithTimeout(context.Background(), 0)
			},
		} {
			d := newDiary()
			ctx, cancel := with(d.w)
			below, cancelBelow := d.w.WithTimeout(ctx, time.Hour)
			d.w.Each(context.Background(), 21, 0, func(plain context.Context, i int) {
				if i == 20 {
					d.sleep(plain, 7)
					cancel()
					d.note("cancelled")
					d.sleep(plain, 1)
					d.note("later")
					return
				}
				which := ctx
				if i%2 == 0 {
					which = below
				}
				if !errors.Is(d.sleep(which, float64(100-i)), context.Canceled) {
					t.Error("no error")
				}
				d.note("%d", i)
			})
			cancelBelow()
			want := []string{"7 cancelled"}
			for i := range 20 {
				want = append(want, fmt.Sprintf("7 %d", i))
			}
			same(t, "diary, a context "+name, d.lines, append(want, "8 later"))
		}
	})

	t.Run("sleeping under a cancelled context returns at once", func(t *testing.T) {
		d := newDiary()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		d.note("%v", d.sleep(ctx, 5))
		same(t, "diary", d.lines, []string{"0 context canceled"})
	})

	t.Run("a sleeper that wakes at that time is not woken again by a cancellation", func(t *testing.T) {
		d := newDiary()
		ctx, cancel := d.w.WithTimeout(context.Background(), 0)
		d.w.Each(context.Background(), 2, 0, func(plain context.Context, i int) {
			if i == 0 {
				d.sleep(plain, 1)
				cancel()
				return
			}
			d.sleep(ctx, 1)
			d.note("awake")
		})
		same(t, "diary", d.lines, []string{"1 awake"})
	})

	t.Run("a cancellation wakes 10,000 sleepers without virtual time", func(t *testing.T) {
		d := newDiary()
		ctx, cancel := context.WithCancel(context.Background())
		d.w.Each(ctx, 10_000, 0, func(ctx context.Context, i int) {
			own, done := d.w.WithTimeout(ctx, time.Hour)
			defer done()
			if i == 9_999 {
				cancel()
			}
			d.sleep(own, 60)
			d.sleep(own, 60)
		})
		same(t, "now", d.w.Now(), start)
	})
}

func TestPanicInATask(t *testing.T) {
	const child = "ASL_PANIC_IN_A_TASK"
	worlds := map[string]asl.World{"virtual": asl.NewVirtual(start), "real": asl.Real()}
	if w := worlds[os.Getenv(child)]; w != nil {
		w.Each(context.Background(), 3, 0, func(ctx context.Context, i int) {
			w.Sleep(ctx, time.Millisecond)
			if i == 1 {
				thisTaskPanics()
			}
			w.Sleep(ctx, time.Millisecond)
		})
		return
	}
	for name := range worlds {
		t.Run("ends the process with its stack, in a world that is "+name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPanicInATask$")
			cmd.Env = append(os.Environ(), child+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "out of snapshots") || !strings.Contains(string(out), "thisTaskPanics") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

//go:noinline
func thisTaskPanics() { panic("out of snapshots") }

func TestRealTime(t *testing.T) {
	w := asl.Real()

	t.Run("sleeps, and a cancellation wakes at once", func(t *testing.T) {
		before := w.Now()
		if err := w.Sleep(context.Background(), 10*time.Millisecond); err != nil || w.Now().Sub(before) < 10*time.Millisecond {
			t.Errorf("slept %v: %v", w.Now().Sub(before), err)
		}
		ctx, cancel := w.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		if err := w.Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("slept %v: %v", w.Now().Sub(before), err)
		}
		stopped, cancel := w.WithTimeout(context.Background(), 0)
		cancel()
		same(t, "error", w.Sleep(stopped, 0), context.Canceled)
	})

	t.Run("Each makes every call and respects its limit", func(t *testing.T) {
		slots := make(chan struct{}, 3)
		done := make([]bool, 50)
		w.Each(context.Background(), len(done), cap(slots), func(_ context.Context, i int) {
			select {
			case slots <- struct{}{}:
			default:
				t.Error("more than 3 calls at the same time")
			}
			time.Sleep(time.Millisecond)
			done[i] = true
			<-slots
		})
		for i, d := range done {
			if !d {
				t.Errorf("call %d was not made", i)
			}
		}
	})
}
