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

# The cdk command, pinned in infra/package.json. It must not send telemetry. jsii must not warn about a version of Node.js that works.
CDK := CDK_DISABLE_CLI_TELEMETRY=true JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20 infra/node_modules/.bin/cdk
# The gofmt of the Go that builds. Another one may be in the PATH.
GOFMT = "$$(go env GOROOT)/bin/gofmt"
GO_FILES = find functions statemachine infra -name node_modules -prune -o -name '*.go' -print

# -trimpath, -buildvcs=false and an empty build ID make the same bytes in any folder, so that a deployment without a change
# changes nothing. lambda.norpc excludes net/rpc: with it, the linker would keep all of the EC2 client (.ci/check-size).
LAMBDA_ENV := CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH)
LAMBDA_FLAGS := -tags lambda.norpc -trimpath -buildvcs=false

# $(call warn-if-cold,environment,build flags)
warn-if-cold = @.ci/warn-if-cold $(if $(1),env $(1)) go list $(2)

# $(call run,package,arguments) replaces the shell by the program. So only the program gets Ctrl-C, and its exit status is the recipe's.
# `go run` would turn every exit status into 1, and make would report an error.
run = @mkdir -p .cache/bin && go build -o .cache/bin/ ./$(1) && exec .cache/bin/$(notdir $(1)) $(2) $(ARGS)

.PHONY: demo
demo: need-go ## run the whole workflow on a simulated AWS account (ARGS='--days 30': for longer)
	$(call warn-if-cold)
	$(call run,functions/ebs-snapshots,demo)

.PHONY: test
test: need-go ## run all tests; needs only Go (ARGS='-run Prune -v': flags of go test)
	$(call warn-if-cold)
	go test -timeout 60m $(if $(ARGS),$(ARGS) )./...

.PHONY: e2e
e2e: need-go need-npm need-python ## deploy to an emulated AWS account on this machine and test it there (Linux; ARGS='-run China': flags of go test)
	$(call warn-if-cold)
	@# In the package's folder, because there go test prints the progress at once.
	cd infra/e2e && go test -tags e2e -count 1 -timeout 30m -parallel 8 $(ARGS)

.PHONY: measure
measure: need-go need-npm need-python ## measure the size, start time and memory of the functions in an emulated account (Linux; ARGS=-h: options)
	$(call run,infra/e2e/measure)

.PHONY: local
local: need-go need-npm need-python ## deploy to an emulated AWS account on this machine and keep it running for you to try (Linux; ARGS=-h: options)
	$(call run,infra/e2e/local)

# Writes the figures, and the tables of the documents that quote them.
.PHONY: bench
bench: need-go ## measure simulated runs with up to 100,000 volumes and write the tables of functions/SCALING.md (takes minutes)
	$(call warn-if-cold)
	go run ./functions/ebs-snapshots bench --output json > $(FIGURES).new
	mv $(FIGURES).new $(FIGURES)
	go test ./functions/internal/sim/bench -run TestTheDocumentsQuote -update

.PHONY: build
build: $(BOOTSTRAPS) ## build the Lambda functions into build/<function>/bootstrap (ARCH=amd64: for x86)
	@.ci/check-size $(BOOTSTRAPS)

# Always runs go build: Go's cache decides whether there is something to build.
$(BOOTSTRAPS): $(BUILD)/%/bootstrap: FORCE | lambda-arch
	$(LAMBDA_ENV) go build $(LAMBDA_FLAGS) -ldflags "-s -w -buildid=" -o $@ ./functions/$*

.PHONY: lambda-arch
lambda-arch: need-go
	@case $(ARCH) in arm64|amd64) ;; *) echo "ARCH is $(ARCH). Use arm64 or amd64." >&2; exit 1 ;; esac
	$(call warn-if-cold,$(LAMBDA_ENV),$(LAMBDA_FLAGS))

.PHONY: FORCE
FORCE:

.PHONY: synth
synth: build $(NODE_MODULES) ## make the CloudFormation template in cdk.out (ARGS='-c key=value': changes the configuration)
	$(CDK) synth --quiet $(ARGS)

# The destination is shown and checked before anything is built. That is why the build is a second make.
ACCOUNT = @STACKS='$(STACKS)' YES='$(YES)' go run ./infra/account
BUILT = +@$(MAKE) --no-print-directory build $(NODE_MODULES)

# Runs in a folder without cdk.json. In a folder with one, the CDK would run the app, which needs built functions.
.PHONY: bootstrap
bootstrap: need-go need-npm ## prepare the AWS account and Region for the CDK; needed once, unless another CDK app has done it
	$(ACCOUNT) check $(ARGS)
	@$(MAKE) --no-print-directory $(NODE_MODULES)
	environments=$$(STACKS='$(STACKS)' go run ./infra/account environments $(ARGS) 2>/dev/null) && cd infra && $(subst infra/,,$(CDK)) bootstrap $$environments $(ARGS)

# Without names, cdk diff shows all stacks. It has no --all.
.PHONY: diff
diff: need-go need-npm ## show what a deployment would change in the AWS account
	$(ACCOUNT) check $(ARGS)
	$(BUILT)
	$(CDK) diff $(filter-out --all,$(STACKS)) $(ARGS)

# The CDK refuses --require-approval if it is there twice.
.PHONY: deploy
deploy: need-go need-npm ## deploy to the AWS account; asks before it adds permissions (APPROVAL=never: does not ask; STACKS=<id>: only this stack)
	$(ACCOUNT) check $(ARGS)
	$(BUILT)
	$(CDK) deploy $(STACKS) $(if $(findstring --require-approval,$(ARGS)),,--require-approval $(APPROVAL)) $(ARGS)

# A running execution would keep the state machine and its name in use. A schedule may start one meanwhile: hence the second stop.
.PHONY: destroy
destroy: need-go need-npm ## delete what was deployed; keeps all snapshots and the bucket with the reports (YES=1: does not ask)
	$(ACCOUNT) confirm $(ARGS)
	$(BUILT)
	$(ACCOUNT) stop $(ARGS)
	$(CDK) destroy $(STACKS) --force $(ARGS)
	$(ACCOUNT) stop $(ARGS)
	@echo "All snapshots and the bucket with the reports are kept. The objects in the bucket expire within 400 days. README.md says how to delete both."

.PHONY: lint
lint: lint-format lint-definition lint-template lint-vet lint-code ## check formatting, code, architecture, state machine and template; needs npm and Python

.PHONY: lint-format
lint-format: need-go
	@files=$$($(GO_FILES) | xargs $(GOFMT) -s -l) || exit 1; test -z "$$files" || \
		{ echo "These files are not formatted. Run \`make fmt\`." >&2; echo "$$files" >&2; exit 1; }

# The definition in the repository has placeholders. The validator needs it as it is deployed.
.PHONY: lint-definition
lint-definition: need-go $(NODE_MODULES)
	$(call warn-if-cold)
	@mkdir -p $(dir $(DEFINITION))
	go run ./functions/ebs-snapshots definition > $(DEFINITION)
	infra/node_modules/.bin/asl-validator --json-path $(DEFINITION)

# Checks the golden templates of the tests. `go test ./infra/lifecycle -update` writes them.
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
fmt: need-go ## format the Go code and list the changed files
	@$(GO_FILES) | xargs $(GOFMT) -s -l -w

.PHONY: clean
clean: ## delete build/, cdk.out/ and the rendered definition; keeps the tools and .ebs-snapshots/
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
