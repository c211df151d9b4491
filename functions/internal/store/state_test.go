package store_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/sim/localstore"
	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/store"
)

type state struct{ Name string }

func TestLoadGivesWhatSaveWrote(t *testing.T) {
	var objects localstore.Memory
	log := slog.New(slog.DiscardHandler)
	if got, err := store.Load[state](t.Context(), &objects, "state.json", log); err != nil || got != (state{}) {
		t.Errorf("before the first Save: %+v, %v", got, err)
	}
	want := state{"a\u202eb"}
	if err := store.Save(t.Context(), &objects, "state.json", want); err != nil {
		t.Fatal(err)
	}
	if got, err := store.Load[state](t.Context(), &objects, "state.json", log); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if body, _, _ := objects.Get(t.Context(), "state.json"); !strings.Contains(string(body), `"Name": "a\u202eb"`) {
		t.Errorf("what a person reads is not visible: %s", body)
	}
}

func TestLoadStartsWithNothingIfTheObjectIsDamaged(t *testing.T) {
	var objects localstore.Memory
	var logged bytes.Buffer
	if err := objects.Put(t.Context(), "state.json", []byte(`{"Name": "half", "Nam`)); err != nil {
		t.Fatal(err)
	}
	got, err := store.Load[state](t.Context(), &objects, "state.json", slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil || got != (state{}) || !strings.Contains(logged.String(), "saved state unreadable") {
		t.Errorf("got %+v, %v, logged %q", got, err, logged.String())
	}
}

func TestAStoreThatFailsIsAnError(t *testing.T) {
	objects := localstore.Memory{Fault: func(op, _ string) error { return errors.New(op + " denied") }}
	if _, err := store.Load[state](t.Context(), &objects, "state.json", slog.New(slog.DiscardHandler)); err == nil || err.Error() != "load state.json: get denied" {
		t.Errorf("Load: %v", err)
	}
	if err := store.Save(t.Context(), &objects, "state.json", state{}); err == nil || err.Error() != "save state.json: put denied" {
		t.Errorf("Save: %v", err)
	}
}
