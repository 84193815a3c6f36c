# Steps, their counts, and the checks that are no Go tests. Sourced by scripts/test.
# shellcheck shell=bash disable=SC2154

failures=()
bin=$PWD/.cache/bin

# step NAME COMMAND... announces and runs a command, and remembers it if it failed. Later steps run all the same.
step() {
  local name=$1 begun=$SECONDS
  shift
  printf '\n==> %s\n' "$name"
  if "$@"; then
    printf '    %s: done in %d s\n' "$name" $((SECONDS - begun))
  else
    printf '    %s: FAILED after %d s\n' "$name" $((SECONDS - begun))
    failures+=("$name")
  fi
}

# Our tools are pinned in a module of their own, so that the product's go.mod names only what it runs with.
build_tools() {
  mkdir -p "$bin"
  (cd tools && go build -o "$bin/" ./testsum honnef.co/go/tools/cmd/staticcheck)
}

# go_test ARGS... runs go test with a short report, and keeps its counts.
go_test() { go test -json "$@" | "$bin/testsum" "$work/counts"; }

# go_test_in FOLDER ARGS... is go_test in another module.
go_test_in() {
  local folder=$1
  shift
  (cd "$folder" && go_test "$@")
}

check_format() {
  local bad
  bad=$(git ls-files -z '*.go' | xargs -0 gofmt -l)
  [ -z "$bad" ] || { printf 'not formatted by gofmt:\n%s\n' "$bad"; return 1; }
}

check_typescript() { (cd internal/ui && npm run --silent check); }

# finish prints what failed and, as the last line, the counts of all tests.
finish() {
  local passed=0 failed=0 skipped=0 p f s
  if [ -f "$work/counts" ]; then
    while read -r p f s; do passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s)); done <"$work/counts"
  fi
  printf '\n'
  if [ ${#failures[@]} -gt 0 ]; then
    printf 'FAILED: %s\n' "${failures[@]}"
    [ $failed -gt 0 ] || failed=${#failures[@]}
  fi
  printf 'in %d s\n%d passed, %d failed' $SECONDS $passed $failed
  [ $skipped -eq 0 ] || printf ', %d skipped' $skipped
  printf '\n'
  [ ${#failures[@]} -eq 0 ]
}
