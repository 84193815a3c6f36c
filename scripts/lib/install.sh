# What the tests need from the system. Sourced by scripts/test.
# shellcheck shell=bash disable=SC2154

die() { printf '%s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

need_go() {
  has go || die "Go is missing: install Go $(sed -n 's/^go //p' go.mod) or later (https://go.dev/dl/)."
}

# Each need: does it exist, and which package brings it. An empty package means that we cannot install it.
has_compiler() { has gcc || has clang; } # the race detector is C
has_postgres() { postgres_bin >/dev/null; }
has_browser() {
  [ -n "${CHROME:-}" ] || has chromium-headless-shell || has headless_shell || has chromium || has google-chrome || has chrome
}
has_aws() { [ -x /usr/bin/aws ] || { has aws && ! has_package awscli && aws --version >/dev/null 2>&1; }; }
has_node() { has node && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ]; }
has_npm() { has npm; }
has_boto3() { /usr/bin/python3 -c 'import boto3' 2>/dev/null || { has python3 && python3 -c 'import boto3' 2>/dev/null; }; }
has_zip() { has zip && has unzip; } # readers of docs/custom-sms-sender.md pack their function with it

# has_package NAME says whether apt offers it.
has_package() { has apt-cache && [ -n "$(apt-cache show --no-all-versions "$1" 2>/dev/null)" ]; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif has sudo; then sudo "$@"; else
    die "not root and no sudo; run as root: $*"
  fi
}

install_all() {
  install_packages
  install_npm tests/interop/node
  install_npm internal/ui
}

install_packages() {
  local missing=()
  has_compiler || missing+=(gcc libc6-dev)
  has_postgres || missing+=(postgresql)
  has_browser || missing+=(chromium-headless-shell)
  has_aws || missing+=(awscli)
  has_node || missing+=(nodejs)
  has_npm || missing+=(npm)
  has_boto3 || missing+=(python3-boto3)
  has_zip || missing+=(zip unzip)
  if [ ${#missing[@]} -gt 0 ]; then
    has apt-get || die "This is neither Debian nor Ubuntu. Install: a C compiler, PostgreSQL 14 or later (server), Chromium
(or set CHROME to a browser), the AWS CLI, Python with boto3, Node 20 or later with npm, zip and unzip. Then run ./scripts/test --no-install. Missing: ${missing[*]}"
    printf 'installing %s\n' "${missing[*]}"
    as_root apt-get update -q >"$work/apt.log" 2>&1 || die "apt-get update failed: $(tail -5 "$work/apt.log")"
    local debs=() package
    for package in "${missing[@]}"; do
      if has_package "$package"; then debs+=("$package"); else install_snap "$package"; fi
    done
    if [ ${#debs[@]} -gt 0 ]; then install_debs "${debs[@]}"; fi
  fi
  has_node || die "Node $(node --version 2>/dev/null) is too old: the JavaScript clients need 20 or later (https://nodejs.org/)."
}

install_debs() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" \
    >"$work/apt.log" 2>&1 || die "apt-get install failed: $(tail -20 "$work/apt.log")"
}

# install_snap NAME brings what Ubuntu has as a snap only.
install_snap() {
  local snap
  case $1 in
    chromium-headless-shell) snap=(chromium) ;;
    awscli) snap=(aws-cli --classic) ;;
    *) die "This release has no package $1; install it by hand, then run ./scripts/test --no-install" ;;
  esac
  has snap || die "This release has neither a package $1 nor snap. Install by hand: for chromium-headless-shell any browser that
speaks Chrome's protocol (set CHROME to its path), for awscli AWS's own installer. Then run ./scripts/test --no-install"
  as_root snap install "${snap[@]}"
  PATH=$PATH:/snap/bin
}

# install_npm FOLDER installs exactly what its lock file says, unless that was done already. No package may run a script.
install_npm() {
  if ! cmp -s "$1/package-lock.json" "$1/node_modules/.countersign-lock"; then
    printf 'npm ci in %s\n' "$1"
    (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || die "npm ci failed in $1"
    cp "$1/package-lock.json" "$1/node_modules/.countersign-lock"
  fi
}
