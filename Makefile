# make check is what CI runs: it needs Go and a C compiler (for DuckDB), and
# fetches the rest through Go's module cache.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 10s
RACETIMEOUT ?= 15m
TESTTIMEOUT ?= 25m

.DEFAULT_GOAL := help
.PHONY: help build check fmt fmt-check vet lint laws test race fuzz bench demo clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

build: ## the dosebook binary
	$(GO) build -trimpath -o dosebook ./cmd/dosebook

check: fmt-check vet lint laws test race fuzz ## everything CI checks

fmt: ## format the Go files
	gofmt -w $$(git ls-files -co --exclude-standard -- '*.go')

fmt-check:
	@bad=$$(gofmt -l $$(git ls-files -co --exclude-standard -- '*.go')); \
	if [ -n "$$bad" ]; then echo "not gofmt'ed (make fmt):"; echo "$$bad"; exit 1; fi

vet:
	$(GO) vet ./...
	$(GO) vet .ci/tally.go

lint: ## staticcheck, at the version pinned above
	$(GO) run $(STATICCHECK) ./...

laws: ## the laws of the layout: imports, sizes, SQL in files
	$(GO) test -count=1 .

test: ## all tests, with a closing count
	$(GO) run .ci/tally.go -timeout $(TESTTIMEOUT) ./...

# -short: under the race detector the point is interleaving, not volume. The
# laws start no goroutine, the program's own tests are processes that would take
# ten times as long, one release shows what all of them do side by side, and the
# Snowflake loader spends its time in the emulator, one statement after the other.
race: ## the packages' tests again under the race detector
	CGO_ENABLED=1 $(GO) test -race -short -timeout $(RACETIMEOUT) $$($(GO) list ./... | grep -vE '/(dosebook|release|load/snowflake)$$')
	CGO_ENABLED=1 $(GO) test -race -run TestRecipients -timeout $(RACETIMEOUT) ./release

fuzz: ## each fuzz target for FUZZTIME
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "fuzz $$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

bench: ## the benchmarks, short
	$(GO) test -run '^$$' -bench . -benchtime 2s ./...

demo: ## synthetic registries → ingest → release → serve
	$(GO) run ./cmd/dosebook demo

clean:
	rm -f dosebook
