# rtsp2whip: `make help` lists what there is.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
FUZZTIME ?= 30s
BENCH ?= .
COUNT ?= 1
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

# The version is stamped below, so that a build needs no working git; a tree
# that belongs to another user would fail without -buildvcs=false.
BUILD := go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)"

# "./..." leaves out directories named testdata, and ours is a package.
PACKAGES := ./... ./testdata

# Each is a system that the program is for; vet compiles everything for it.
PLATFORMS := darwin/arm64 windows/amd64 linux/arm64 linux/arm

.DEFAULT_GOAL := help
.PHONY: build test race e2e e2e-full soak bench pgo bench-micro fuzz lint dist dist-verify vuln clean help gcc

build: ## Build the static program bin/rtsp2whip
	CGO_ENABLED=0 $(BUILD) -o bin/rtsp2whip ./cmd/rtsp2whip

# These tests mostly wait, for timeouts and for pictures to come: four packages at a
# time keep half a core busy.
test: ## Run unit and integration tests; needs nothing but Go
	CGO_ENABLED=0 go test -pgo=off -p 4 $(PACKAGES)

race: gcc ## Run the same tests under the race detector; needs a C compiler
	CGO_ENABLED=1 go test -pgo=off -race $(PACKAGES)

e2e: ## Run the tests against real servers and a browser (minutes; the first time builds the servers)
	./test/setup.sh
	cd test && go test -tags e2e -count=1 -timeout 15m -v ./...

e2e-full: ## Run the long tests against real servers too (run by hand)
	./test/setup.sh
	CGO_ENABLED=0 go test -tags full -count=1 -timeout 30m ./internal/personalities
	cd test && go test -tags e2e,full -count=1 -timeout 120m -v ./...

soak: build ## Make faults for 30 minutes and judge what comes of them; ARGS="-duration 2m" tries it, ARGS="-out ../docs" publishes
	./test/setup.sh
	cd test && CGO_ENABLED=0 RTSP2WHIP_BIN=../bin/rtsp2whip go run ./soak $(ARGS)

bench: build ## Measure beside MediaMTX (25 minutes); ARGS=-quick takes one, ARGS="-out ../docs" publishes
	./test/setup.sh --bench
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-X main.version=$(VERSION)" -o bin/rtsp2whip-symbols ./cmd/rtsp2whip
	cd test && CGO_ENABLED=0 go run ./bench -symbols ../bin/rtsp2whip-symbols $(ARGS) -rtsp2whip ../bin/rtsp2whip \
		-mediamtx "$$(./setup.sh --where)/bin/mediamtx-$$(sed -n 's/^MEDIAMTX_VERSION=//p' parts/versions.env)"

pgo: build ## Take anew the profile by which the compiler optimizes (a minute; on a machine that does nothing else)
	cd test && CGO_ENABLED=0 go run ./bench pgo -rtsp2whip ../bin/rtsp2whip -out ../cmd/rtsp2whip/default.pgo

bench-micro: ## Run the benchmarks of single packages; BENCH=regexp chooses, COUNT=10 feeds benchstat
	CGO_ENABLED=0 go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) $(PACKAGES)

fuzz: ## Fuzz every parser for FUZZTIME each (30s)
	@set -e; for file in $$(grep -rl --include='*_test.go' '^func Fuzz' cmd internal pkg testdata); do \
		for name in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
			echo "== $$(dirname $$file) $$name"; \
			CGO_ENABLED=0 go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file); \
		done; \
	done

# The profile is for the program alone: with it every library would be compiled twice.
lint: export GOFLAGS += -pgo=off
lint: ## Check formatting, vet, staticcheck, gosec, types on every platform
	@set -e; unformatted=$$(find . -name node_modules -prune -o -name .git -prune -o -name '*.go' -print | xargs gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; fi
	go vet $(PACKAGES)
	cd test && go vet -tags e2e,full ./...
	go tool staticcheck $(PACKAGES)
	cd tools && go run ./gosec ..
	cd tools && go run ./crosscheck .. $(PLATFORMS)

dist: ## Make everything of a release in dist/: archives, deb, rpm, contents, licences, checksums
	./deploy/packaging/dist.sh $(VERSION)

dist-verify: ## Make a release twice and compare
	./deploy/packaging/dist.sh $(VERSION)
	cp dist/SHA256SUMS .first-SHA256SUMS
	./deploy/packaging/dist.sh $(VERSION)
	diff .first-SHA256SUMS dist/SHA256SUMS && rm .first-SHA256SUMS && echo "both times the same bytes"

vuln: ## Look for known vulnerabilities in what the program calls; asks vuln.go.dev
	go run $(GOVULNCHECK) ./...

clean: ## Remove bin/ and dist/
	rm -rf bin dist

help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | \
		while IFS="$$(printf '\t')" read -r name text; do printf '  %-11s %s\n' "$$name" "$$text"; done

# The race detector is the only thing here that needs C.
gcc:
	@command -v gcc >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "make race needs gcc" >&2; exit 1; }; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev; \
	}
