package ebs_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/functions/internal/ebs"
)

// infra/config refuses the same keywords when it deploys a schedule; the table holds the two together.
func TestKeywordsOfTheSharedTable(t *testing.T) {
	body, err := os.ReadFile("../../../statemachine/testdata/keywords.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct{ Good, Bad []string }
	if err := json.Unmarshal(body, &table); err != nil {
		t.Fatal(err)
	}
	if len(table.Good) == 0 || len(table.Bad) == 0 {
		t.Fatal("the table is empty")
	}
	for _, k := range table.Good {
		if err := ebs.CheckKeyword(k); err != nil {
			t.Errorf("%q is refused: %v", k, err)
		}
	}
	for _, k := range table.Bad {
		if ebs.CheckKeyword(k) == nil {
			t.Errorf("%q is accepted", k)
		}
	}
}
