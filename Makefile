# Trailgate. `make help` lists what there is.
SHELL := /bin/sh
.DEFAULT_GOAL := help

GO          ?= go
OUT         := $(CURDIR)/out
BIN         := $(CURDIR)/bin/trailgate
GATEWAY     := $(OUT)/versitygw-v1.8.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
DEADCODE    := golang.org/x/tools/cmd/deadcode@v0.52.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.7.0
FUZZTIME    ?= 5s
BENCHCOUNT  ?= 1

# The race detector is the one thing that needs a C compiler.
CC_FOUND := $(shell command -v $$($(GO) env CC) 2>/dev/null)
RACE     := $(if $(CC_FOUND),-race,)

# libdeflate, where the system has it, is an inflater twice as fast.
TAGS := $(shell [ -n "$(CC_FOUND)" ] && pkg-config --exists libdeflate 2>/dev/null && echo libdeflate)

# What trailgate version says of a build: the commit and its date. Both can be given,
# for a build outside of a checkout: make build COMMIT=… DATE=…
COMMIT  ?= $(shell git describe --always --abbrev=40 --dirty --exclude '*' 2>/dev/null)
DATE    ?= $(shell git log -1 --format=%cI 2>/dev/null)
BUILD   := trailgate/cmd/trailgate/internal/build
LDFLAGS  = -X $(BUILD).commit=$(COMMIT) -X $(BUILD).date=$(DATE)

.PHONY: help build install man test test-plain test-raced test-long lint interop fuzz bench golden demo ci clean gateway

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

build: ## build bin/trailgate
	$(if $(TAGS),,CGO_ENABLED=0) $(GO) build -trimpath -ldflags "$(LDFLAGS)" $(if $(TAGS),-tags $(TAGS)) -o $(BIN) ./cmd/trailgate

install: ## put bin/trailgate, built before, and the systemd units under DESTDIR
	@[ -x $(BIN) ] || $(MAKE) build
	install -D -m 755 $(BIN) $(DESTDIR)/usr/local/bin/trailgate
	install -D -m 644 -t $(DESTDIR)/etc/systemd/system cmd/trailgate/deploy/systemd/trailgate@.service cmd/trailgate/deploy/systemd/trailgate@.timer

man: ## write the man pages to out/man: trailgate.1, one for each verb (1) and topic (7)
	@rm -rf $(OUT)/man
	@$(GO) test ./cmd/trailgate -count=1 -run '^TestManPages$$' -args -man $(OUT)/man -man-date "$(firstword $(subst T, ,$(DATE)))"
	@echo "man pages: $(OUT)/man"

demo: build ## generate a synthetic trail in a temporary folder, audit it, show the tables
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	run() { printf '\n$$ trailgate %s\n' "$$*"; status=0; $(BIN) "$$@" || status=$$?; \
		case $$status in 0|3) ;; *) exit $$status;; esac; [ $$status = 0 ] || echo "(exit status $$status)"; }; \
	cd "$$dir"; \
	run generate trail --faults --gaps; \
	run audit trail --format table; \
	run coverage trail --format table; \
	run explain https://example.signin.aws.amazon.com/console

# The environment and the flags of both test targets. The S3 suites use versitygw if it
# is there, and the stand-in in the process else. A process with the race detector sleeps
# for a second when it ends, unless GORACE says otherwise; the tests start hundreds.
TESTENV = GORACE=atexit_sleep_ms=10 TRAILGATE_S3_GATEWAY="$$([ -x $(GATEWAY) ] && echo $(GATEWAY))"

# Where the short run has the race detector: in the packages that start goroutines. Only
# they may (a test of the house sees to it), and the detector makes a test much slower. The
# tests of the command start hundreds of processes, so only some scripts have it.
RACED       := ./ingest/... ./report/lake ./cmd/trailgate/internal/... ./fixtures ./fixtures/cloudtrail ./fixtures/company ./fixtures/s3/...
RACESCRIPTS := ^TestScripts$$/^(coverage|export_s3|findings|lookup|s3)$$

test: ## run the tests that people wait for, with the race detector where there are goroutines
	@[ -n "$(RACE)" ] || echo "NOTE: no C compiler, so the tests run WITHOUT the race detector"
	@$(MAKE) --no-print-directory -j2 test-plain test-raced
	@echo "Shorter in this run: crashes at fewer moments, fewer races, 20 days of exports instead of a year."
	@echo "Without the race detector in this run: packages without goroutines, and the tests of the command but for five scripts."
	@echo "Left out of this run:"
	@grep -rhoE 'suite\.Long\(tb?, "[^"]+"' --include=*_test.go cmd analyzer ingest report fixtures | sed 's/.*"\(.*\)"/  * \1/' | sort -u
	@[ -x $(GATEWAY) ] || echo "  * the S3 suites against versitygw, which make test-long builds"
	@echo "make test-long runs all of it."

test-plain:
	$(TESTENV) $(GO) test -short -shuffle=on -parallel 8 -timeout 20m $$($(GO) list ./... | grep -vxF "$$($(GO) list $(RACED))")

test-raced:
	$(TESTENV) $(GO) test $(RACE) -short -shuffle=on -timeout 20m $(RACED)
	$(if $(RACE),$(TESTENV) $(GO) test $(RACE) -short -run '$(RACESCRIPTS)' ./cmd/trailgate)

test-long: gateway ## build an S3 server, and run all tests whole: a year, random kills, races
	@[ -n "$(RACE)" ] || echo "NOTE: no C compiler, so the tests run WITHOUT the race detector"
	$(TESTENV) $(GO) test $(RACE) -shuffle=on -timeout 60m ./...
	@[ -z "$(RACE)" ] || { echo "a year of exports, whole: with the race detector it was 60 days"; \
		$(GO) test -timeout 20m -run 'TestExport(Year|AtRandom|AnyOrder)' ./cmd/trailgate; }
	$(if $(TAGS),$(GO) test -tags $(TAGS) ./ingest/record)

# A real S3 server for the tests. Without it they use the stand-in alone.
gateway:
	@[ -x $(GATEWAY) ] || { echo "building versitygw, which takes some minutes"; mkdir -p $(OUT) && GOFLAGS= CGO_ENABLED=0 GOBIN=$(OUT)/gobin $(GO) install github.com/versity/versitygw/cmd/versitygw@v1.8.0 \
		&& mv $(OUT)/gobin/versitygw $(GATEWAY); } \
		|| echo "NOTE: versitygw cannot be had (offline?): the S3 tests run against the in-process stand-in ONLY"

lint: ## vet, format, staticcheck, dead code, vulnerabilities, other platforms
	@bad=$$(gofmt -l cmd analyzer ingest report fixtures); [ -z "$$bad" ] || { echo "gofmt: $$bad"; exit 1; }
	$(GO) vet ./...
	$(GO) mod tidy -diff
	$(GO) run $(STATICCHECK) ./...
	@dead=$$($(GO) run $(DEADCODE) -test ./...) || exit 1; [ -z "$$dead" ] || { echo "dead code:"; echo "$$dead"; exit 1; }
	@$(GO) run $(GOVULNCHECK) ./... || { [ $$? -ne 3 ] && echo "NOTE: the vulnerability database cannot be reached, so it was NOT consulted"; }
	@for target in darwin/arm64 windows/amd64 linux/arm64; do \
		echo "build for $$target"; CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build -o /dev/null ./cmd/trailgate || exit 1; done

interop: ## read a lake back with DuckDB, in a Go module of its own (needs a C++ compiler)
	@if [ -n "$(CC_FOUND)" ] && command -v $$($(GO) env CXX) >/dev/null 2>&1; then \
		set -e; cd fixtures/interop; export CGO_ENABLED=1; \
		$(GO) mod download || { echo "NOTE: DuckDB cannot be had (offline?): whether it reads the lake was NOT TESTED"; exit 0; }; \
		$(GO) mod tidy -diff; $(GO) vet ./...; $(GO) test -count=1 ./...; \
	else echo "NOTE: no C and C++ compiler: whether DuckDB reads the lake was NOT TESTED"; fi

fuzz: ## run every fuzz target for FUZZTIME (5s)
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$pkg > "$$log" 2>&1 && { tail -1 "$$log"; continue; }; \
			if grep -q '^ *context deadline exceeded$$' "$$log" && ! grep -qE 'Failing input|panic|_test\.go:[0-9]' "$$log"; then \
				echo "NOTE: the time was over in the middle of an input; go test calls that a failure, and nothing was found"; \
			else cat "$$log"; exit 1; fi; done; done

bench: gateway ## run the benchmarks BENCHCOUNT times; ratios are of one run on one machine
	TRAILGATE_S3_GATEWAY="$$([ -x $(GATEWAY) ] && echo $(GATEWAY))" TRAILGATE_BENCH_DIR=$(OUT)/bench \
		$(GO) test -run '^$$' -bench . -benchtime 1x -count $(BENCHCOUNT) -timeout 60m ./...

golden: ## rewrite the golden files of the tests
	$(GO) test ./report -update
	$(GO) test ./cmd/trailgate -update

ci: ## what .ci/run does
	.ci/run

clean: ## remove what was built
	rm -rf bin out
