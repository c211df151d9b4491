"""Runs moto, an emulator of AWS, as the end-to-end tests need it, on a free port of this machine.

    SPEED=100 MOTO_PORT=4566 python emulator.py

It prints its port as one line. It ends when its standard input ends, so that it never runs longer than the process that started it.
MOTO_PORT is the port of the endpoint in front of moto (endpoint.go): there, moto's state machines find Lambda, S3 and SNS.
Step Functions, CloudFormation, S3, SNS, EC2 and so on are those of moto. The functions below change them, and each says why and for
which version of moto. If a new version of moto conflicts with a change, the tests fail at once.
"""

import logging
import os
import re
import sys
import threading
import time
import types
import uuid
from datetime import datetime, timezone

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.common_models import CloudFormationModel
from moto.core.config import default_user_config
from moto.core.responses import ActionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.scheduler.models import scheduler_backends
from moto.sns.models import sns_backends
from moto.stepfunctions import models as machines
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor.distributed_item_processor_worker import (
    DistributedItemProcessorWorker,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext, EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramError, ProgramStopped
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import boto_client, json_path
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends
from moto.stepfunctions.responses import StepFunctionResponse
from werkzeug.serving import make_server

SPEED = float(os.environ.get("SPEED", "1"))


# Executes state machines. Without this setting, moto only pretends to. It also replaces the backend, because CloudFormation writes
# state machines into the backend that only pretends. moto 5.2.5.
def execute_state_machines():
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    machines.stepfunctions_backends = stepfunctions_parser_backends


# Makes waits and the intervals of retries SPEED times faster. The clocks of the functions and the timeouts of the states do not
# change.
def speed_up():
    def wait(self, env, wait_seconds):
        until = time.monotonic() + wait_seconds / SPEED
        while env.is_running() and (left := until - time.monotonic()) > 0:
            env.program_state_event.wait(left)

    WaitFunction._wait_interval = wait
    retrier_decl.time = types.SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / SPEED))


# Makes moto faster: it creates one client for each service instead of each task, which takes 70 ms, and it parses each JSONPath once,
# which takes 5 ms. moto 5.2.5.
def save_time():
    clients, lock = {}, threading.Lock()
    make = boto_client.boto3.client

    def client(**wanted):
        with lock:
            key = wanted["service_name"], wanted["region_name"]
            if key not in clients:
                clients[key] = make(**wanted)
            return clients[key]

    boto_client.boto3 = types.SimpleNamespace(client=client)
    parse, parsed = json_path.parse, {}
    json_path.parse = lambda path: parsed.get(path) or parsed.setdefault(path, parse(path))


# Allows a percentage without a decimal point, as JSON does. The grammar of moto 5.2.5 requires one.
def read_percentages():
    parse = AmazonStateLanguageParser.parse
    AmazonStateLanguageParser.parse = staticmethod(
        lambda definition: parse(re.sub(r'("ToleratedFailurePercentage"\s*:\s*\d+)(?=\s*[,}])', r"\1.0", definition))
    )


# Makes $$.Execution.StartTime a text, as in AWS. In moto 5.2.5 it is an object, and moto's own States.Format fails for it.
def write_start_times():
    details = Execution.get_start_execution_details

    def written(self):
        out = details(self)
        out.start_time = self.start_date.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        return out

    Execution.get_start_execution_details = written


class Child:
    """An execution that a Distributed Map started, with the attributes that moto needs for its answers."""

    by_arn: dict = {}

    def __init__(self, run, given):
        self.name = str(uuid.uuid4())
        self.state_machine_arn = run.map_state_machine_arn
        self.execution_arn = run.map_state_machine_arn.replace(":stateMachine:", ":execution:") + ":" + self.name
        self.map_run_arn = run.map_run_arn
        self.execution_input = to_json_str(given)
        self.start_date, self.stop_date = datetime.now(timezone.utc), None
        self.status, self.output, self.output_details = "RUNNING", None, {"included": True}
        self.error = self.cause = None
        self.events = EventManager()
        Child.by_arn[self.execution_arn] = self

    def end(self, status, error=None, cause=None, output=None):
        self.stop_date = datetime.now(timezone.utc)
        self.status, self.error, self.cause, self.output = status, error, cause, output

    def summary(self):
        out = {"executionArn": self.execution_arn, "name": self.name, "mapRunArn": self.map_run_arn, "status": self.status,
               "error": self.error, "cause": self.cause,
               "stateMachineArn": self.state_machine_arn, "startDate": self.start_date}
        return out | ({"stopDate": self.stop_date} if self.stop_date else {})


# Keeps the children of a Distributed Map as executions with a history, as AWS does. moto 5.2.5 runs them and keeps nothing.
def remember_children():
    evaluate = DistributedItemProcessorWorker._eval_job

    def eval_job(self, env, job):
        child = Child(self._map_run_record, job.job_input)
        env.event_manager = child.events
        env.event_history_context = EventHistoryContext.of_program_start()

        def record(kind, **details):
            child.events.add_event(env.event_history_context, kind, EventDetails(**details) if details else None)

        record(HistoryEventType.ExecutionStarted, executionStartedEventDetails={"input": child.execution_input})
        program = job.job_program.eval

        # An error of the child is only visible here: the worker ignores it.
        def observed(frame):
            try:
                program(frame)
            except FailureEventException as failure:
                child.failure = failure.extract_error_cause_pair() or (None, None)
                raise

        job.job_program = types.SimpleNamespace(eval=observed)
        child.failure = None
        evaluate(self, env, job)
        state = env.program_state()
        if isinstance(state, ProgramStopped):
            child.end("ABORTED")
            record(HistoryEventType.ExecutionAborted)
        elif child.failure or isinstance(state, ProgramError):
            error, cause = child.failure or (state.error.get("error"), state.error.get("cause"))
            child.end("FAILED", error, cause)
            record(HistoryEventType.ExecutionFailed, executionFailedEventDetails={"error": error, "cause": cause})
        else:
            child.end("SUCCEEDED", output=to_json_str(job.job_output))
            record(HistoryEventType.ExecutionSucceeded, executionSucceededEventDetails={"output": child.output})

    DistributedItemProcessorWorker._eval_job = eval_job

    describe, history = StepFunctionsParserBackend.describe_execution, StepFunctionsParserBackend.get_execution_history
    listing = StepFunctionResponse.list_executions
    StepFunctionsParserBackend.describe_execution = lambda self, execution_arn: (
        Child.by_arn.get(execution_arn) or describe(self, execution_arn)
    )
    StepFunctionsParserBackend.get_execution_history = lambda self, execution_arn: (
        {"events": Child.by_arn[execution_arn].events.get_event_history()}
        if execution_arn in Child.by_arn
        else history(self, execution_arn)
    )

    def list_executions(self):
        run, status = self._get_param("mapRunArn"), self._get_param("statusFilter")
        if not run:
            return listing(self)
        children = [c for c in list(Child.by_arn.values()) if c.map_run_arn == run and status in (None, c.status)]
        return ActionResult({"executions": [c.summary() for c in children]})

    StepFunctionResponse.list_executions = list_executions


# Adds types to CloudFormation for which moto has a backend. Without this, moto silently skips them. moto finds the classes by itself,
# so it is enough to define one. moto 5.2.5.
def cloudformation_type(type_name, name_property, create, remove):
    class Resource(CloudFormationModel):
        __module__ = "moto.cloudformation.added"

        def __init__(self, properties, account, region):
            self.name, self.arn = create(properties, account, region)
            self.properties = properties

        def delete(self, account, region):
            remove(self.name, self.properties, account, region)

        physical_resource_id = property(lambda self: self.name)
        cloudformation_name_type = staticmethod(lambda: name_property)
        cloudformation_type = staticmethod(lambda: type_name)
        has_cfn_attr = classmethod(lambda cls, attribute: attribute == "Arn")

        def get_cfn_attribute(self, attribute):
            return {"Arn": self.arn}[attribute]

        @classmethod
        def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
            return cls(cloudformation_json["Properties"], account_id, region_name)

        @classmethod
        def update_from_cloudformation_json(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
            original_resource.delete(account_id, region_name)
            return cls(cloudformation_json["Properties"], account_id, region_name)

    Resource.__name__ = type_name
    return Resource


def create_group(p, account, region):
    return p["Name"], scheduler_backends[account][region].create_schedule_group(p["Name"], p.get("Tags", [])).arn


def delete_group(name, p, account, region):
    scheduler_backends[account][region].delete_schedule_group(name)


def create_schedule(p, account, region):
    made = scheduler_backends[account][region].create_schedule(
        p.get("Description"), p.get("EndDate"), p["FlexibleTimeWindow"], p.get("GroupName"), p.get("KmsKeyArn"), p["Name"],
        p["ScheduleExpression"], p.get("ScheduleExpressionTimezone"), p.get("StartDate"), p.get("State"), p["Target"], None)
    return p["Name"], made.arn


def delete_schedule(name, p, account, region):
    if p["GroupName"] in scheduler_backends[account][region].schedule_groups:  # otherwise it was deleted with its group
        scheduler_backends[account][region].delete_schedule(p["GroupName"], name)


def create_subscription(p, account, region):
    arn = sns_backends[account][region].subscribe(p["TopicArn"], p["Endpoint"], p["Protocol"]).arn
    return arn, arn


def delete_subscription(name, p, account, region):
    sns_backends[account][region].unsubscribe(name)


def create_alarm(p, account, region):
    made = cloudwatch_backends[account][region].put_metric_alarm(
        p["AlarmName"], p.get("Namespace"), p.get("MetricName"), p["ComparisonOperator"], p["EvaluationPeriods"], p.get("Period"),
        p.get("Threshold"), p.get("Statistic"), p.get("AlarmDescription"), [], p.get("AlarmActions", []),
        ok_actions=p.get("OKActions", []), treat_missing_data=p.get("TreatMissingData"))
    return p["AlarmName"], made.alarm_arn


def delete_alarm(name, p, account, region):
    cloudwatch_backends[account][region].delete_alarms([name])


ADDED = [
    cloudformation_type("AWS::Scheduler::ScheduleGroup", "Name", create_group, delete_group),
    cloudformation_type("AWS::Scheduler::Schedule", "Name", create_schedule, delete_schedule),
    cloudformation_type("AWS::SNS::Subscription", None, create_subscription, delete_subscription),
    cloudformation_type("AWS::CloudWatch::Alarm", "AlarmName", create_alarm, delete_alarm),
]


def end_with_standard_input():
    def wait():
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def main():
    end_with_standard_input()
    execute_state_machines()
    read_percentages()
    write_start_times()
    speed_up()
    save_time()
    remember_children()
    app = DomainDispatcherApplication(create_backend_app)
    logging.basicConfig(level=logging.WARNING)  # errors inside moto belong in its log
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    print(server.port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
