package lifecycle

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// The metrics that AWS has not got: few, since each costs 0.30 USD a month. The dashboard reads the logs themselves.
const (
	metricNamespace = Name
	runsSucceeded   = "RunsSucceeded"    // by keyword
	unexpected      = "UnexpectedErrors" // by function, in the name
	staleVolumes    = "StaleVolumes"
)

// newMetrics makes metrics of the functions' logs, whose lines are JSON.
func newMetrics(scope constructs.Construct, f functions) {
	at := constructs.NewConstruct(scope, str("Metrics"))
	// One of report-run's lines is the proof that a run came to its end (functions/internal/run/report).
	awslogs.NewMetricFilter(at, str("RunsSucceeded"), &awslogs.MetricFilterProps{
		LogGroup:        f.Report.Logs,
		FilterPattern:   awslogs.FilterPattern_Literal(str(`{ $.message = "run reported" && $.outcome = "Succeeded" }`)),
		MetricNamespace: str(metricNamespace),
		MetricName:      str(runsSucceeded),
		MetricValue:     str("1"),
		Dimensions:      &map[string]*string{"Keyword": str("$.keyword_ascii")},
	})
	for _, one := range []*function{f.Snapshot, f.Prune} {
		// UnexpectedError: what the contract has no name for. Of Lambda's own lines: timeout, its time ran out; error with Runtime.*,
		// it crashed or its memory ran out; failure, Lambda's own trouble. An error with another type is one that the function
		// returned, and all but the unexpected ones are part of the plan: the state machine waits for what they name.
		awslogs.NewMetricFilter(at, str(one.ID+"Unexpected"), &awslogs.MetricFilterProps{
			LogGroup: one.Logs,
			FilterPattern: awslogs.FilterPattern_Literal(str(`{ ($.message = "request failed" && $.error_type = "*UnexpectedError") || ` +
				`($.type = "platform.report" && ($.record.status = "timeout" || $.record.status = "failure" || ` +
				`($.record.status = "error" && $.record.errorType = "Runtime.*"))) }`)),
			MetricNamespace: str(metricNamespace),
			MetricName:      str(unexpectedOf(one)),
			MetricValue:     str("1"),
		})
	}
	if f.Freshness != nil {
		newFreshnessMetric(at, f.Freshness)
	}
}

// newFreshnessMetric makes a metric of the line with which check-freshness ends.
func newFreshnessMetric(at constructs.Construct, f *function) {
	awslogs.NewMetricFilter(at, str("Stale"), &awslogs.MetricFilterProps{
		LogGroup:        f.Logs,
		FilterPattern:   awslogs.FilterPattern_Literal(str(`{ $.message = "freshness checked" }`)),
		MetricNamespace: str(metricNamespace),
		MetricName:      str(staleVolumes),
		MetricValue:     str("$.stale"),
	})
}

// stale counts the volumes whose snapshots are too old, or the checks that said how many there are.
func stale(statistic string, period int) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: str(metricNamespace), MetricName: str(staleVolumes), Statistic: str(statistic), Period: minutes(period),
	})
}

func unexpectedOf(f *function) string { return unexpected + "-" + f.Name }

// successes counts the runs of a keyword that succeeded.
func successes(keyword string, period awscdk.Duration) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: str(metricNamespace), MetricName: str(runsSucceeded), DimensionsMap: &map[string]*string{"Keyword": str(contract.KeywordASCII(keyword))},
		Statistic: str("Sum"), Period: period,
	})
}

// unexpectedErrors counts the errors of a function that the contract has no name for, its crashes and time-outs.
func unexpectedErrors(f *function) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: str(metricNamespace), MetricName: str(unexpectedOf(f)), Statistic: str("Sum"), Period: minutes(5),
	})
}

func minutes(n int) awscdk.Duration { return awscdk.Duration_Minutes(jsii.Number(n)) }
