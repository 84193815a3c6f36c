# A PostgreSQL cluster for one run, on a free port of the loopback, with a random password, in a temporary folder. It does not
# wait for the disk: the tests kill our processes, never the server or the machine. Sourced by scripts/test.
# shellcheck shell=bash disable=SC2154

pg_data='' pg_port=''

# postgres_bin prints the folder of the newest installed server.
postgres_bin() {
  local newest
  newest=$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -1)
  if [ -n "$newest" ]; then dirname "$newest"; elif has initdb; then dirname "$(command -v initdb)"; else return 1; fi
}

# The server refuses to run as root.
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

# start_postgres FOLDER exports COUNTERSIGN_TEST_POSTGRES.
start_postgres() {
  local dir=$1 bin_dir password
  bin_dir=$(postgres_bin) || die 'PostgreSQL is missing; run ./scripts/test without --no-install.'
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  mkdir -p "$dir"
  printf '%s\n' "$password" >"$dir/password"
  if [ "$(id -u)" = 0 ]; then chown -R postgres "$dir"; fi
  as_postgres "$bin_dir/initdb" -D "$dir/data" -U countersign -A password --pwfile="$dir/password" \
    -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1 || die "initdb failed: $(tail -5 "$dir/initdb.log")"
  for _ in 1 2 3 4 5; do
    pg_port=$((20000 + RANDOM % 10000))
    if as_postgres "$bin_dir/pg_ctl" -s -w -t 30 -D "$dir/data" -l "$dir/data/server.log" -o "-p $pg_port \
      -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200 \
      -c fsync=off -c synchronous_commit=off -c full_page_writes=off" start >/dev/null 2>&1; then
      pg_data=$dir/data
      break
    fi
  done
  [ -n "$pg_data" ] || die "PostgreSQL did not start: $(tail -5 "$dir/data/server.log")"
  export COUNTERSIGN_TEST_POSTGRES="postgres://countersign:$password@127.0.0.1:$pg_port/postgres?sslmode=disable"
  printf '\nPostgreSQL %s for this run on port %s\n' "$("$bin_dir/postgres" -V | cut -d' ' -f3)" "$pg_port"
}

stop_postgres() {
  [ -n "$pg_data" ] || return 0
  as_postgres "$(postgres_bin)/pg_ctl" -s -D "$pg_data" -m immediate stop || true
  pg_data=''
  unset COUNTERSIGN_TEST_POSTGRES
}
