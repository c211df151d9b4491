package lifecycle

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/ebs-lifecycle/ebs-snapshot-lifecycle/statemachine/contract"
)

// The metrics that AWS does not have. They are few, because each costs 0.30 USD a month. The dashboard reads the logs instead.
const (
	metricNamespace = Name
	runsSucceeded   = "RunsSucceeded"    // its dimension is the keyword
	unexpected      = "UnexpectedErrors" // the metric's name also has the name of the function
	staleVolumes    = "StaleVolumes"
)

// newMetrics creates metrics from the functions' logs. Each log line is JSON.
func newMetrics(scope constructs.Construct, f functions) {
	at := constructs.NewConstruct(scope, str("Metrics"))
	// report-run logs this line at the end of a run (functions/internal/run/report).
	awslogs.NewMetricFilter(at, str("RunsSucceeded"), &awslogs.MetricFilterProps{
		LogGroup:        f.Report.Logs,
		FilterPattern:   awslogs.FilterPattern_Literal(str(`{ $.message = "run reported" && $.outcome = "Succeeded" }`)),
		MetricNamespace: str(metricNamespace),
		MetricName:      str(runsSucceeded),
		MetricValue:     str("1"),
		Dimensions:      &map[string]*string{"Keyword": str("$.keyword_ascii")},
	})
	for _, one := range []*function{f.Snapshot, f.Prune} {
		// UnexpectedError is an error that the contract has no name for. In Lambda's own lines, timeout means that the function ran
		// out of time, error with Runtime.* that it crashed or ran out of memory, and failure that Lambda itself failed. An error of
		// another type was returned by the function. Unless it is unexpected, it is part of normal work: the state machine waits.
		awslogs.NewMetricFilter(at, str(one.ID+"Unexpected"), &awslogs.MetricFilterProps{
			LogGroup: one.Logs,
			FilterPattern: awslogs.FilterPattern_Literal(str(`{ ($.message = "request failed" && $.error_type = "*UnexpectedError") || ` +
				`($.type = "platform.report" && ($.record.status = "timeout" || $.record.status = "failure" || ` +
				`($.record.status = "error" && $.record.errorType = "Runtime.*"))) }`)),
			MetricNamespace: str(metricNamespace),
			MetricName:      str(unexpectedErrorsName(one)),
			MetricValue:     str("1"),
		})
	}
	if f.Freshness != nil {
		newFreshnessMetric(at, f.Freshness)
	}
}

// newFreshnessMetric creates a metric from the last line that each check-freshness logs.
func newFreshnessMetric(at constructs.Construct, f *function) {
	awslogs.NewMetricFilter(at, str("Stale"), &awslogs.MetricFilterProps{
		LogGroup:        f.Logs,
		FilterPattern:   awslogs.FilterPattern_Literal(str(`{ $.message = "freshness checked" }`)),
		MetricNamespace: str(metricNamespace),
		MetricName:      str(staleVolumes),
		MetricValue:     str("$.stale"),
	})
}

// staleVolumesMetric counts the volumes whose snapshots are too old. With the statistic SampleCount it counts the checks.
func staleVolumesMetric(statistic string, period int) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: str(metricNamespace), MetricName: str(staleVolumes), Statistic: str(statistic), Period: minutes(period),
	})
}

func unexpectedErrorsName(f *function) string { return unexpected + "-" + f.Name }

// runsSucceededMetric counts the runs of a keyword that succeeded.
func runsSucceededMetric(keyword string, period awscdk.Duration) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: str(metricNamespace), MetricName: str(runsSucceeded), DimensionsMap: &map[string]*string{"Keyword": str(contract.KeywordASCII(keyword))},
		Statistic: str("Sum"), Period: period,
	})
}

// unexpectedErrorsMetric counts the unexpected errors, crashes and timeouts of a function.
func unexpectedErrorsMetric(f *function) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: str(metricNamespace), MetricName: str(unexpectedErrorsName(f)), Statistic: str("Sum"), Period: minutes(5),
	})
}

func minutes(n int) awscdk.Duration { return awscdk.Duration_Minutes(jsii.Number(n)) }
