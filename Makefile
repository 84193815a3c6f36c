# `make` alone explains itself. Everything here is a short name for a command that works without make, too.
SHELL := /bin/bash -euo pipefail
.DEFAULT_GOAL := help
.PHONY: help run test quick race browser proof interop lint fuzz bench generate verify docs lambda

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: ## Build and run the development server
	go run ./cmd/countersign dev

test: ## All that CI runs; installs what is missing (Debian, Ubuntu)
	./scripts/test

quick: ## gofmt, vet and unit tests on SQLite: the minute before a commit
	./scripts/test --quick

race: ## Unit tests under the race detector, on SQLite and PostgreSQL
	./scripts/test --only unit

browser: ## The pages in a real browser
	./scripts/test --only browser

proof: ## Attacks on the real binary, kill -9 under load, the canary; on SQLite and PostgreSQL
	./scripts/test --only proof

interop: ## Amplify, the AWS SDKs and the AWS CLI against the real binary
	./scripts/test --only interop

lint: ## gofmt, vet, staticcheck, TypeScript
	./scripts/test --only lint

FUZZTIME ?= 20s
fuzz: ## Each fuzz target for FUZZTIME (default 20s)
	@grep -rlE --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
			echo "==> $$file $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")"; \
		done; \
	done

bench: ## What operations cost (docs/performance.md; BENCH holds flags), then benchmarks of hot functions
	go run ./tests/bench $(BENCH)
	go test -run '^$$' -bench . -benchmem $$(grep -rlE --include='*_test.go' '^func Benchmark' . | xargs -n1 dirname | sort -u)

generate: ## Write all generated files anew (COUNTERSIGN_REFERENCE: folder with the API models, default ../shared)
	go generate ./...

verify: generate ## Fail if a generated file is not what its source says
	git diff --exit-code

lambda: ## The custom sender for AWS Lambda: dist/countersign-lambda-{amd64,arm64}.zip (docs/lambda.md)
	@mkdir -p dist
	@for arch in amd64 arm64; do \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -trimpath -tags lambda.norpc -ldflags '-s -w' -o dist/bootstrap-$$arch ./cmd/countersign-lambda; \
		(cd tools && go run ./lambdazip ../dist/bootstrap-$$arch ../dist/countersign-lambda-$$arch.zip); \
		rm dist/bootstrap-$$arch; \
		ls -l dist/countersign-lambda-$$arch.zip; \
	done

docs: ## Write the generated documents anew
	go generate ./internal/awsapi/...
	for p in cognito kms lambda; do go test ./internal/awsapi/$$p -run TestOperationsPage -update || exit 1; done
	go test ./internal/auth0api/management -run TestDocs -update
