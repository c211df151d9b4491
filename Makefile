# The commands of this project. `make` alone lists them.

.DEFAULT_GOAL := help

FUNCTIONS := discover-instances snapshot-volume prune-volume report-run check-freshness tidy-orphans
ARCH ?= arm64
ARGS ?=
BUILD := build

BOOTSTRAPS := $(FUNCTIONS:%=$(BUILD)/%/bootstrap)
DEFINITION := .cache/snapshot-lifecycle.asl.json
FIGURES := functions/internal/sim/bench/testdata/bench.json
NODE_MODULES := infra/node_modules/.package-lock.json
TEMPLATES := $(wildcard infra/lifecycle/testdata/*.golden.json)
STACKS ?= --all
APPROVAL ?= broadening
YES ?=

# The CDK's command, pinned in infra/package.json. It is to ask nobody for news, and to tell nobody that it ran. jsii complains
# about a Node.js that will do.
CDK := CDK_DISABLE_CLI_TELEMETRY=true JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20 infra/node_modules/.bin/cdk
# The gofmt of the Go that builds, which need not be the one in the PATH.
GOFMT = "$$(go env GOROOT)/bin/gofmt"
GO_FILES = find functions statemachine infra -name node_modules -prune -o -name '*.go' -print

# -trimpath, -buildvcs=false and an empty build ID make the same bytes in any folder, so that a deployment without a change
# changes nothing. lambda.norpc leaves net/rpc out, with which the linker would keep all of the EC2 client (.ci/check-size).
LAMBDA_ENV := CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH)
LAMBDA_FLAGS := -tags lambda.norpc -trimpath -buildvcs=false

# $(call warn-if-cold,environment,build flags)
warn-if-cold = @.ci/warn-if-cold $(if $(1),env $(1)) go list $(2)

# $(call run,package): the program in place of the shell, so that Ctrl-C reaches it alone and its exit status is the recipe's. `go run`
# turns each into 1, and make then speaks of an error.
run = @mkdir -p .cache/bin && go build -o .cache/bin/ ./$(1) && exec .cache/bin/$(notdir $(1)) $(ARGS)

.PHONY: demo
demo: need-go ## run the whole workflow on a simulated AWS account (ARGS=-h: the other things it can do)
	$(call warn-if-cold)
	$(call run,functions/run-local)

.PHONY: test
test: need-go ## run all tests; needs only Go (ARGS='-run Prune -v': go test's flags)
	$(call warn-if-cold)
	go test -timeout 60m $(if $(ARGS),$(ARGS) )./...

.PHONY: e2e
e2e: need-go need-npm need-python ## deploy to an emulated AWS account on this machine, and test what was deployed (Linux; ARGS='-run China': go test's flags)
	$(call warn-if-cold)
	@# In its own folder, where go test lets progress through as it comes.
	cd infra/e2e && go test -tags e2e -count 1 -timeout 30m -parallel 8 $(ARGS)

.PHONY: measure
measure: need-go need-npm need-python ## how fast the functions start, and what memory they take, in an emulated account (Linux; ARGS=-h)
	$(call run,infra/e2e/measure)

.PHONY: local
local: need-go need-npm need-python ## deploy to an emulated AWS account on this machine, and leave it running for you to try (Linux; ARGS=-h)
	$(call run,infra/e2e/local)

# The figures, and the tables of the documents that quote them.
.PHONY: bench
bench: need-go ## measure runs over up to 100,000 volumes, simulated, and write functions/SCALING.md's tables (minutes)
	$(call warn-if-cold)
	go run ./functions/run-local -bench -json $(FIGURES)
	go test ./functions/internal/sim/bench -run TestTheDocumentsQuote -update

.PHONY: build
build: $(BOOTSTRAPS) ## build the Lambda functions into build/<function>/bootstrap (ARCH=amd64: for x86)
	@.ci/check-size $(BOOTSTRAPS)

# Go's own cache knows best whether there is something to do.
$(BOOTSTRAPS): $(BUILD)/%/bootstrap: FORCE | lambda-arch
	$(LAMBDA_ENV) go build $(LAMBDA_FLAGS) -ldflags "-s -w -buildid=" -o $@ ./functions/$*

.PHONY: lambda-arch
lambda-arch: need-go
	@case $(ARCH) in arm64|amd64) ;; *) echo "ARCH is $(ARCH); Lambda has arm64 and amd64." >&2; exit 1 ;; esac
	$(call warn-if-cold,$(LAMBDA_ENV),$(LAMBDA_FLAGS))

.PHONY: FORCE
FORCE:

.PHONY: synth
synth: build $(NODE_MODULES) ## make the CloudFormation template, in cdk.out (ARGS='-c key=value': the configuration)
	$(CDK) synth --quiet $(ARGS)

# Where it goes is said, and asked for, before anything is built: hence the second make.
ACCOUNT = @STACKS='$(STACKS)' YES='$(YES)' go run ./infra/account
BUILT = +@$(MAKE) --no-print-directory build $(NODE_MODULES)

# In a folder without cdk.json: where there is one the CDK runs the app, which wants the functions built.
.PHONY: bootstrap
bootstrap: need-go need-npm ## prepare the AWS account and Region for the CDK; once, unless another CDK app has
	$(ACCOUNT) check $(ARGS)
	@$(MAKE) --no-print-directory $(NODE_MODULES)
	environments=$$(STACKS='$(STACKS)' go run ./infra/account environments $(ARGS) 2>/dev/null) && cd infra && $(subst infra/,,$(CDK)) bootstrap $$environments $(ARGS)

# Without names it is about all stacks; it knows no --all.
.PHONY: diff
diff: need-go need-npm ## show what a deployment would change in the AWS account
	$(ACCOUNT) check $(ARGS)
	$(BUILT)
	$(CDK) diff $(filter-out --all,$(STACKS)) $(ARGS)

# The CDK takes --require-approval once.
.PHONY: deploy
deploy: need-go need-npm ## deploy to the AWS account; asks before it widens permissions (APPROVAL=never: does not ask; STACKS=<id>: one of several)
	$(ACCOUNT) check $(ARGS)
	$(BUILT)
	$(CDK) deploy $(STACKS) $(if $(findstring --require-approval,$(ARGS)),,--require-approval $(APPROVAL)) $(ARGS)

# An open execution would keep the state machine, and its name. The last line is for one that a schedule started meanwhile.
.PHONY: destroy
destroy: need-go need-npm ## remove what was deployed; snapshots, and the bucket of reports, stay (YES=1: does not ask)
	$(ACCOUNT) confirm $(ARGS)
	$(BUILT)
	$(ACCOUNT) stop $(ARGS)
	$(CDK) destroy $(STACKS) --force $(ARGS)
	$(ACCOUNT) stop $(ARGS)
	@echo "All snapshots are still there, and so is the bucket of reports, which empties itself within 400 days. README.md says how to delete them."

.PHONY: lint
lint: lint-format lint-definition lint-template lint-vet lint-code ## check format, mistakes, architecture, state machine and template; needs npm and Python

.PHONY: lint-format
lint-format: need-go
	@files=$$($(GO_FILES) | xargs $(GOFMT) -s -l) || exit 1; test -z "$$files" || \
		{ echo "Not formatted; \`make fmt\` does it:" >&2; echo "$$files" >&2; exit 1; }

# The definition in the repository has placeholders; the validator wants it as it is deployed.
.PHONY: lint-definition
lint-definition: need-go $(NODE_MODULES)
	$(call warn-if-cold)
	@mkdir -p $(dir $(DEFINITION))
	go run ./functions/run-local -definition > $(DEFINITION)
	infra/node_modules/.bin/asl-validator --json-path $(DEFINITION)

# The templates that the tests compare with; `go test ./infra/lifecycle -update` writes them.
.PHONY: lint-template
lint-template: need-python
	.ci/cfn-lint $(TEMPLATES)

.PHONY: lint-vet
lint-vet: need-go
	$(call warn-if-cold)
	go vet -tags e2e ./...

.PHONY: lint-code
lint-code: need-go
	.ci/golangci-lint run ./...

$(NODE_MODULES): infra/package.json infra/package-lock.json | need-npm
	npm ci --prefix infra --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: fmt
fmt: need-go ## format the Go code, and list the files that changed
	@$(GO_FILES) | xargs $(GOFMT) -s -l -w

.PHONY: clean
clean: ## remove what was built: build/, cdk.out/ and the rendered definition (the tools and .run-local/ stay)
	rm -rf build cdk.out $(DEFINITION)

.PHONY: need-go
need-go:
	@.ci/need go

.PHONY: need-npm
need-npm:
	@.ci/need npm

.PHONY: need-python
need-python:
	@.ci/need python

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
