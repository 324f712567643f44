#!/usr/bin/env bash
# PostgreSQL and Redis of one's own, of Debian's packages postgresql and redis-tools, on 127.0.0.1
# and with all their files in one folder; used by tests/run's specs and by examples/run.
#   servers.sh make-postgres FOLDER             makes its files, for the user app without a password
#   servers.sh postgres FOLDER PORT [OPTIONS]   becomes the server
#   servers.sh redis FOLDER PORT [OPTIONS]      becomes the server, which keeps nothing on disk
set -u

fail() {
  echo "servers.sh: $1" >&2
  exit 1
}

# PostgreSQL refuses to run as root.
as_its_user() {
  if [ "$(id -u)" -eq 0 ]; then
    exec setpriv --reuid=postgres --regid=postgres --clear-groups --pdeathsig=KILL "$@"
  fi
  exec "$@"
}

postgres_program() {
  local bin
  bin=$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -n 1)
  [ -x "$bin/$1" ] || fail "PostgreSQL is not installed (package postgresql)"
  echo "$bin/$1"
}

make_postgres() {
  local initdb
  initdb=$(postgres_program initdb) || exit 1
  mkdir -p "$1" && chmod 755 "$1" && cd "$1" || exit 1
  [ "$(id -u)" -ne 0 ] || chown postgres "$1"
  (as_its_user "$initdb" -D "$1/data" -U app --auth=trust -E UTF8 --locale=C.UTF-8 --no-sync)
}

serve_postgres() {
  local folder=$1 port=$2 program
  shift 2
  program=$(postgres_program postgres) || exit 1
  cd "$folder" || exit 1
  as_its_user "$program" -D "$folder/data" -p "$port" -c listen_addresses=127.0.0.1 \
    -c "unix_socket_directories=$folder" -c fsync=off -c synchronous_commit=off \
    -c full_page_writes=off -c max_connections=60 -c shared_buffers=16MB \
    -c log_min_messages=fatal "$@"
}

# In Debian one executable is Redis's server and its tools: its name says which it is to be, and it
# comes with redis-tools. So there is no service of that package to start anything by itself.
serve_redis() {
  local folder=$1 port=$2 program=/usr/bin/redis-server
  shift 2
  [ -x "$program" ] || program=/usr/bin/redis-check-rdb
  [ -x "$program" ] || fail "Redis is not installed (package redis-tools)"
  ln -sf "$program" "$folder/redis-server" || exit 1
  exec "$folder/redis-server" --port "$port" --bind 127.0.0.1 --save "" --appendonly no \
    --dir "$folder" --unixsocket "$folder/s" --logfile "$folder/log" "$@"
}

case ${1:-} in
make-postgres) make_postgres "$2" ;;
postgres) serve_postgres "${@:2}" ;;
redis) serve_redis "${@:2}" ;;
*) fail "usage: servers.sh make-postgres|postgres|redis FOLDER [PORT]" ;;
esac
