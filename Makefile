# vpsync. `make help` lists the targets.

GO      ?= go
BIN     := bin/vpsync
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# Race-built child processes otherwise sleep a second when they exit.
export GORACE ?= atexit_sleep_ms=0
export CGO_ENABLED ?= 0
# Tests make much that is soon of no use: collecting it a third as often takes a fifth less time.
export GOGC ?= 300
# Nobody reads the profile of their memory, which takes a seventh of their time.
export GODEBUG ?= memprofilerate=0
# What tests write is in memory, where there is room, and with it what Go builds for them: t.TempDir asks GOTMPDIR first.
ifndef TMPDIR
MEMORY := $(shell sh tools/tmpdir.sh)
ifneq ($(MEMORY),)
export TMPDIR := $(MEMORY)
endif
endif
# Tests at once in a package: those of the command wait for processes and for the disk much of their time.
TWICE := $(shell expr 2 '*' $$(getconf _NPROCESSORS_ONLN))
# What several say at once stands together, where make can do that (the one of macOS cannot).
TOGETHER := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
# Tests that mount, trace or make namespaces: make test-root.
MACHINE := ^(TestFullDisk|TestContainers|TestSystemCalls)$$
# What the race detector leaves out. Tests of many processes that share nothing, or of one goroutine: it would find nothing in them that
# others do not show it.
RACE_SKIP_TESTS := ^(TestSweep|TestUntrusted.*|TestHuge|TestConcurrentRuns|TestCanaries|TestRepeatedSecrets|TestExfiltration|TestDamage|TestFailingDisk|TestStateGone|TestPages|TestManual.*|TestThousandUnchangedServers|TestCrashEverywhere|TestCrashFarFromTheState|TestLostAnswers|TestTime|TestPlanIsLinear|TestSealedStore|TestScrub|FuzzScrub|TestKilled.*|TestFlippedBytes|TestWhatIsNoState|TestEveryByte|TestRestoreOf.*|TestVendorsExchanges|TestCompaction.*|TestTornLog|TestGuard)$$
# Scripts about what is read and printed, or whose processes wait for git: enough that plan and apply remain.
RACE_SKIP_SCRIPTS := ^TestScript$$/^(accounts|answers|collections|completion|disks|edits|git|git-kill|git-migrate|gitlab|graph|habits|history|inspect|manners|mistakes|moved|own-definition|own-mistake|own-sandbox|prices|refusals|scale|select|team|three-hosts-kill|usage|variables)$$
# Packages of one goroutine.
RACE_SKIP_PACKAGES := /(docs|pkg/spec|pkg/plan/render|pkg/plan/render/graph|internal/mutants)$$
# SQLite, which is C translated to Go: looking for races in it takes three quarters of the time of all that keep a state.
RACE_GCFLAGS := modernc.org/...=-race=false

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/vpsync
	$(GO) build -ldflags "-X main.version=$(VERSION)" -o $(BIN) ./cmd/vpsync

.PHONY: demo
demo: build ## the main job on the embedded sandbox: plan, apply, drift, heal
	@VPSYNC=$(abspath $(BIN)) sh examples/demo.sh

.PHONY: test
test: ## every test that needs Go alone, or git (six minutes at most on 2 cores)
	$(GO) test -vet off -timeout 15m -parallel $(TWICE) -skip '$(MACHINE)' ./...
	@$(MAKE) --no-print-directory fuzz FUZZTIME=2s

.PHONY: sweep sweep-stories sweep-runners
sweep: ## kill -9 at every point of every story of testdata/sweep (three minutes on 2 cores); `make test` does a part
	@$(MAKE) --no-print-directory -j2 $(TOGETHER) sweep-stories sweep-runners

sweep-stories:
	cd cmd/vpsync && $(GO) test -vet off -timeout 30m -run '^TestSweep$$' -sweep.all

# Runners mostly wait for git.
sweep-runners:
	cd cmd/vpsync && $(GO) test -vet off -timeout 30m -run '^TestScript$$/^git-kill$$' -sweep.all

.PHONY: damage
damage: ## flip every byte of a state, of its log and of a saved plan, cut each off at every length, and fail every operation of a disk (two minutes); `make test` does a part
	$(GO) test -vet off -timeout 10m ./pkg/state/sqlite -run '^TestEveryByte$$' -every
	$(GO) test -vet off ./pkg/plan -run '^TestSavedDamage$$'
	$(GO) test -vet off -timeout 10m ./cmd/vpsync -run '^TestFailingDisk$$' -every

.PHONY: test-all
test-all: check sweep test-race ## everything else: static analysis, every point of the sweep, every byte, the race detector, the mutants, what needs root, strace or a browser, the Action in a runner
	@$(MAKE) --no-print-directory -j2 $(TOGETHER) test-action mutants damage test-root test-browser

.PHONY: test-root
test-root: ## small and read-only disks, containers, failing system calls (root, strace; without them it says what it leaves out)
	$(GO) test ./cmd/vpsync -vet off -v -timeout 5m -run '$(MACHINE)'

.PHONY: test-action
test-action: ## lint the workflows, and run the Action's own steps in a local runner
	$(GO) tool -modfile=tools/actionlint.mod actionlint .github/workflows/*.yml
	cd examples/github-action && $(GO) tool -modfile=../../tools/actionlint.mod actionlint -config-file /dev/null .github/workflows/*.yml
	$(GO) build -modfile=tools/act.mod -o bin/act github.com/nektos/act
	$(GO) test -vet off -count=1 -timeout 15m ./examples/github-action -act $(abspath bin/act)

.PHONY: e2e
e2e: test-action ## a team's whole story: as a script against the command line, and by the Action's workflows in a local runner
	$(GO) test -vet off -count=1 -timeout 5m ./cmd/vpsync -run '^TestScript$$/^team$$'

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
	CGO_ENABLED=1 $(GO) test -race -gcflags '$(RACE_GCFLAGS)' -vet off -short -timeout 15m -skip '$(MACHINE)|$(RACE_SKIP_TESTS)|$(RACE_SKIP_SCRIPTS)' $$($(GO) list ./... | grep -vE '$(RACE_SKIP_PACKAGES)')

.PHONY: check
check: ## format, module files, static analysis, pinned versions, pages that are made of the program
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo 'not formatted, run gofmt -w:'; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(GO) test -vet off ./pkg/spec ./cmd/vpsync -run '^(TestFunctionsPage|TestManual|TestProviderPages|TestOperationsPage)$$'
	$(GO) tool -modfile=tools/staticcheck.mod staticcheck ./...
	@# A libc other than the one its sqlite was generated with may corrupt memory.
	@want=$$(awk '$$1=="modernc.org/libc"{print $$2}' "$$($(GO) list -m -f '{{.GoMod}}' modernc.org/sqlite)"); \
	 have=$$($(GO) list -m -f '{{.Version}}' modernc.org/libc); \
	 test "$$want" = "$$have" || { echo "modernc.org/libc is $$have, but modernc.org/sqlite needs $$want"; exit 1; }

.PHONY: mutants
mutants: ## break vpsync in fifteen ways on purpose, and name the test that notices each
	@out=$$($(GO) test ./internal/mutants -count=1 -run TestMutants -v -timeout 20m -args -run-all 2>&1); status=$$?; \
	 printf '%s\n' "$$out" | grep -v '^=== ' | sed 's/^ *mutants_test.go:[0-9]*: //'; exit $$status

.PHONY: reliability
reliability: ## all of the fault matrix that this machine can do, and the table of docs/reliability.md from what it counted
	@mkdir -p dist; rm -f dist/matrix.jsonl
	VPSYNC_MATRIX=$(abspath dist/matrix.jsonl) GOFLAGS=-count=1 $(MAKE) test sweep damage test-root test-browser $$(command -v cc >/dev/null && echo test-race)
	$(GO) test ./internal/matrix -run TestPage -args -counts $(abspath dist/matrix.jsonl) -update-docs

.PHONY: bench
bench: ## the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (10s)
	@GO=$(GO) FUZZTIME=$(FUZZTIME) sh tools/fuzz.sh

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
