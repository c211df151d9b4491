package lifecycle

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
)

// query is a saved query on the functions' logs, in the language of CloudWatch Logs Insights.
type query struct {
	name      string
	functions func(functions) []*function
	replace   string // what a person must replace in the first line; "": nothing
	lines     []string
}

// queries answer the questions that an administrator asks.
var queries = map[string]query{
	"Volume": {
		"What happened to a volume", functions.all, "volume ID",
		[]string{
			"filter @message like /vol-0123456789abcdef0/",
			"fields @timestamp, message, snapshot_id, reason, error, run_id",
			"sort @timestamp desc", "limit 500",
		},
	},
	"Run": {
		"What happened in a run", functions.ofWorkflow, "run ID (keyword/scheduled time in UTC)",
		[]string{
			`filter run_id = "SnapshotDaily/2026-11-22T00:00:00Z"`,
			"fields @timestamp, message, volume_id, snapshot_id, reason, error",
			"sort @timestamp desc", "limit 10000",
		},
	},
	"Runs": {
		"How the runs ended", func(f functions) []*function { return []*function{f.Report} }, "",
		[]string{
			`filter message = "run reported"`,
			"fields @timestamp, run_id, outcome, volumes, completed, failed, gone, problems, seconds",
			"sort @timestamp desc", "limit 100",
		},
	},
	"Deleted": {
		"What was deleted, and why", functions.deleting, "",
		[]string{
			`filter message in ["snapshot deleted", "snapshot kept"]`,
			"fields @timestamp, message, snapshot_id, volume_id, reason, run_id",
			"sort @timestamp desc", "limit 1000",
		},
	},
	"Errors": {
		"Which errors the functions met", functions.all, "",
		[]string{
			`filter level = "ERROR"`,
			"stats count(*) as times, latest(error) as example by error_type, @log",
			"sort times desc",
		},
	},
}

// deleting returns the functions that delete snapshots.
func (f functions) deleting() []*function {
	if f.Orphans == nil {
		return []*function{f.Prune}
	}
	return []*function{f.Prune, f.Orphans}
}

// newQueries saves the queries in the console, under the stack's name.
func newQueries(scope constructs.Construct, f functions) {
	at := constructs.NewConstruct(scope, str("Queries"))
	for _, id := range sortedKeys(queries) {
		q := queries[id]
		var groups []any
		for _, one := range q.functions(f) {
			groups = append(groups, one.Logs.LogGroupName())
		}
		text := strings.Join(q.lines, "\n| ")
		if q.replace != "" {
			text = "# Replace the " + q.replace + " in the next line.\n" + text
		}
		awslogs.NewCfnQueryDefinition(at, str(id), &awslogs.CfnQueryDefinitionProps{
			Name: str(Name + "/" + q.name), LogGroupNames: &groups, QueryString: str(text),
		})
	}
}
