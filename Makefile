# vpsync. `make help` lists the targets.

GO      ?= go
BIN     := bin/vpsync
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# Race-built child processes otherwise sleep a second when they exit.
export GORACE ?= atexit_sleep_ms=0
export CGO_ENABLED ?= 0
# Tests make much that is soon of no use: collecting it a third as often takes a fifth less time.
export GOGC ?= 300
# Tests that mount, trace or make namespaces: make test-root.
MACHINE := ^(TestFullDisk|TestContainers|TestSystemCalls)$$
# Tests of many processes that share nothing, or of one goroutine: the race detector would find nothing in them that others do not show it.
PROCESSES := ^(TestFullDisk|TestContainers|TestSystemCalls|TestSweep|TestUntrusted.*|TestHuge|TestConcurrentRuns|TestCanaries|TestExfiltration|TestDamage|TestFailingDisk|TestStateGone|TestPages|TestManual.*|TestThousandUnchangedServers|TestCrashEverywhere|TestCrashFarFromTheState|TestLostAnswers|TestTime)$$
# Packages of one goroutine.
ALONE := /(pkg/spec|pkg/plan/render|pkg/plan/render/graph|internal/mutants)$$

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
	$(GO) test -timeout 15m -skip '$(MACHINE)' ./...
	@$(MAKE) --no-print-directory fuzz FUZZTIME=1000x

.PHONY: sweep
sweep: ## kill -9 at every point of every story of testdata/sweep (six minutes on 2 cores); `make test` does a part
	cd cmd/vpsync && $(GO) test -timeout 30m -run '^TestSweep$$' -sweep.all
	cd cmd/vpsync && $(GO) test -timeout 30m -run '^TestScript$$/^git-kill$$' -sweep.all

.PHONY: damage
damage: ## flip every byte of a state, of its log and of a saved plan, and cut each off at every length; `make test` does a part
	$(GO) test -timeout 10m ./pkg/state/sqlite -run '^TestEveryByte$$' -every
	$(GO) test ./pkg/plan -run '^TestSavedDamage$$'

.PHONY: test-all
test-all: check sweep damage test-race test-root test-browser e2e ## everything else: static analysis, every point of the sweep, every byte, the race detector, what needs root, strace or a browser, the Action in a runner

.PHONY: test-root
test-root: ## small and read-only disks, containers, failing system calls (root, strace; without them it says what it leaves out)
	$(GO) test ./cmd/vpsync -v -timeout 5m -run '$(MACHINE)'

.PHONY: test-action
test-action: ## lint the workflows, and run the Action's own steps in a local runner
	$(GO) tool -modfile=tools/actionlint.mod actionlint .github/workflows/*.yml
	cd examples/github-action && $(GO) tool -modfile=../../tools/actionlint.mod actionlint -config-file /dev/null .github/workflows/*.yml
	$(GO) build -modfile=tools/act.mod -o bin/act github.com/nektos/act
	$(GO) test -count=1 -timeout 15m ./examples/github-action -act $(abspath bin/act)

.PHONY: e2e
e2e: test-action ## a team's whole story: as a script against the command line, and by the Action's workflows in a local runner
	$(GO) test -count=1 -timeout 5m ./cmd/vpsync -run '^TestScript$$/^team$$'

.PHONY: release
release: ## binaries of VERSION for every system, with their checksums, in dist/release
	rm -rf dist/release && mkdir -p dist/release
	@set -e; for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do \
	  os=$${target%/*}; arch=$${target#*/}; name=vpsync_$(VERSION)_$${os}_$${arch}; \
	  if [ $$os = windows ]; then name=$$name.exe; fi; \
	  echo $$name; GOOS=$$os GOARCH=$$arch $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o dist/release/$$name ./cmd/vpsync; \
	done
	cd dist/release && sha256sum vpsync_* > SHA256SUMS

.PHONY: test-browser
test-browser: ## the status page in a real Chromium; SHOTS=FOLDER keeps pictures of it
	$(GO) vet -tags browser ./pkg/daemon/web
	$(GO) test -tags browser ./pkg/daemon/web -count=1 -v -timeout 5m -run '^TestBrowser' $(if $(SHOTS),-args -screenshots $(abspath $(SHOTS)))

.PHONY: test-race
test-race: ## the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short -timeout 15m -skip '$(PROCESSES)|^TestScript$$/^(git-kill|three-hosts-kill|team|git|git-migrate|scale|completion)$$' $$($(GO) list ./... | grep -vE '$(ALONE)')

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

.PHONY: mutants
mutants: ## break vpsync in twelve ways on purpose, and name the test that notices each
	@out=$$($(GO) test ./internal/mutants -count=1 -run TestMutants -v -timeout 20m -args -run-all 2>&1); status=$$?; \
	 printf '%s\n' "$$out" | grep -v '^=== ' | sed 's/^ *mutants_test.go:[0-9]*: //'; exit $$status

.PHONY: reliability
reliability: ## all of the fault matrix that this machine can do, and the table of docs/reliability.md from what it counted
	@mkdir -p dist; rm -f dist/matrix.jsonl
	VPSYNC_MATRIX=$(abspath dist/matrix.jsonl) GOFLAGS=-count=1 $(MAKE) test sweep damage test-root
	$(GO) test ./internal/matrix -run TestPage -args -counts $(abspath dist/matrix.jsonl) -update-docs

.PHONY: bench
bench: ## the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (10s)
	@mkdir -p dist
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $${FUZZTIME:-10s} -fuzzminimizetime 1s $$p > dist/fuzz.log 2>&1 || { cat dist/fuzz.log; exit 1; }; echo "$$p $$f"; \
	  done; \
	done

.PHONY: simulate
simulate: ## worlds drawn from SEEDS seeds (100000), from FIRST (1) on
	$(GO) test ./pkg/apply -run '^TestSimulation$$' -timeout 0 -sim.seeds $${SEEDS:-100000} -sim.first $${FIRST:-1}

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
