# vpsync. `make help` lists the targets.

GO      ?= go
BIN     := bin/vpsync
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# Race-built child processes otherwise sleep a second when they exit.
export GORACE ?= atexit_sleep_ms=0
export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/vpsync
	$(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o $(BIN) ./cmd/vpsync

.PHONY: demo
demo: build ## the main job on the embedded sandbox: plan, apply, drift, heal
	@VPSYNC=$(abspath $(BIN)) sh examples/demo.sh

.PHONY: test
test: ## every test that needs Go alone (six minutes at most on 2 cores)
	$(GO) vet ./...
	$(GO) test -timeout 6m ./...

.PHONY: sweep
sweep: ## kill -9 at every point of every story of testdata/sweep (six minutes on 2 cores); `make test` does a part
	cd cmd/vpsync && $(GO) test -timeout 30m -run '^TestSweep$$' -sweep.all

.PHONY: test-all
test-all: check sweep test-race ## everything else: static analysis, every point of the sweep, the race detector

.PHONY: test-race
test-race: ## the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short -timeout 15m ./...

.PHONY: check
check: ## format, module files, static analysis, pinned versions, pages that are made of the program
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo 'not formatted, run gofmt -w:'; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) mod tidy -diff
	$(GO) test ./pkg/spec ./cmd/vpsync -run '^(TestFunctionsPage|TestManual|TestProviderPages|TestOperationsPage)$$'
	$(GO) tool -modfile=tools/staticcheck.mod staticcheck ./...
	@# A libc other than the one its sqlite was generated with may corrupt memory.
	@want=$$(awk '$$1=="modernc.org/libc"{print $$2}' "$$($(GO) list -m -f '{{.GoMod}}' modernc.org/sqlite)"); \
	 have=$$($(GO) list -m -f '{{.Version}}' modernc.org/libc); \
	 test "$$want" = "$$have" || { echo "modernc.org/libc is $$have, but modernc.org/sqlite needs $$want"; exit 1; }

.PHONY: bench
bench: ## the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (10s)
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $${FUZZTIME:-10s} -fuzzminimizetime 1s $$p || exit 1; \
	  done; \
	done

.PHONY: docs
docs: ## docs/cli.md, docs/functions.md, docs/providers and the tables of README.md, out of the program itself
	$(GO) test ./pkg/spec -run TestFunctionsPage -update-docs >/dev/null
	$(GO) test ./cmd/vpsync -run '^(TestProviderPages|TestOperationsPage)$$' -update-docs >/dev/null
	$(GO) run ./cmd/vpsync man --markdown > docs/cli.md.new
	mv docs/cli.md.new docs/cli.md

.PHONY: man
man: build ## manual pages in dist/man
	$(BIN) man dist/man

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
