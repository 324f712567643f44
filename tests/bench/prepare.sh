# What the benchmark needs: packages, a build without sanitizers, its own two C programs, and for
# Node its packages. For bash, to be sourced by run and profile with $checkout set.
# shellcheck shell=bash disable=SC2154 # $checkout comes from whoever sources this
# shellcheck source=../support/install.sh
. "$checkout/tests/support/install.sh"

packages_bench="wrk luajit libluajit-5.1-dev libuv1-dev node-llhttp sqlite3 pkgconf"

# nginx and what its Lua needs. These are unpacked and not installed: their LuaJIT and ours exclude
# each other as packages, and the distribution would start its own nginx.
packages_unpacked="nginx nginx-light libnginx-mod-http-lua libnginx-mod-http-ndk lua-cjson
  libluajit2-5.1-2 lua-resty-core lua-resty-lrucache"

unpack_packages() {
  local package folder=$bench/debian log=$bench/apt.log as_root=""
  [ ! -e "$folder/complete" ] || return 0
  rm -rf "$folder" "$bench/deb"
  mkdir -p "$folder" "$bench/deb"
  [ "$(id -u)" -eq 0 ] || as_root="sudo -n"
  echo "unpacking nginx and lua-cjson"
  # shellcheck disable=SC2086 # a list of words
  if ! (
    cd "$bench/deb" || exit
    apt-get -q download $packages_unpacked ||
      { $as_root apt-get -q update && apt-get -q download $packages_unpacked; }
  ) >"$log" 2>&1 </dev/null; then
    tail -n 5 "$log" >&2
    echo "apt-get could not download them" >&2
    return 1
  fi
  for package in "$bench"/deb/*.deb; do
    dpkg-deb -x "$package" "$folder" || return 1
  done
  touch "$folder/complete"
}

compile() { # NAME FLAGS...
  local name=$1
  shift
  [ "$bench/$name" -nt "$checkout/tests/bench/$name.c" ] && return 0
  cc -O2 -g -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -o "$bench/$name" \
    "$checkout/tests/bench/$name.c" "$@" || {
    echo "tests/bench/$name.c does not compile" >&2
    return 1
  }
}

node_packages() {
  command -v node >/dev/null && command -v npm >/dev/null || return 0
  [ -d "$bench/node/node_modules/undici" ] && return 0
  mkdir -p "$bench/node"
  cp "$checkout/tests/bench/peers/package.json" "$bench/node/"
  echo "installing fastify and undici for Node"
  if ! (cd "$bench/node" && npm install --no-audit --no-fund) >"$bench/npm.log" 2>&1; then
    rm -rf "$bench/node/node_modules"
    echo "npm could not install them; Node is left out" >&2
  fi
}

# Everything; afterwards $bench is the folder with what was made.
prepare() {
  local llhttp=-lllhttp
  export PATH=$PATH:/usr/sbin:/sbin
  build=${MG_BUILD:-build}
  case $build in /*) ;; *) build=$checkout/$build ;; esac
  bench=$build/bench
  # shellcheck disable=SC2086 # lists of words
  install_packages $packages_build $packages_bench || return 1
  build_folder "$build" || return 1
  if ! grep -q '^MG_SANITIZE:STRING=$' "$build/CMakeCache.txt"; then
    echo "${build##*/} is a sanitizer build: its figures would say nothing" >&2
    return 1
  fi
  mkdir -p "$bench"
  unpack_packages || return 1
  compile load || return 1
  [ ! -e "$build/libllhttp.a" ] || llhttp=$build/libllhttp.a
  # shellcheck disable=SC2046 # lists of flags
  compile floor -DLLHTTP_STRICT_MODE=1 -isystem /usr/share/include/llhttp \
    $(pkg-config --cflags luajit libuv) "$llhttp" $(pkg-config --libs luajit libuv) || return 1
  node_packages
  ulimit -n "$(ulimit -Hn)"
}

# Ends what the driver may have left, and its scratch folder.
clean_up() {
  local turn
  kill -TERM -- "-$group" 2>/dev/null
  for turn in $(seq 50); do
    kill -0 -- "-$group" 2>/dev/null || break
    [ "$turn" -lt 50 ] || kill -KILL -- "-$group" 2>/dev/null
    sleep 0.1
  done
  rm -rf "$scratch"
}

# Runs the driver in a process group of its own, with a scratch folder; both end with it.
drive() { # ARGUMENTS...
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/moongate-bench.XXXXXX") || return 1
  set -m
  TMPDIR=$scratch BENCH_CHECKOUT=$checkout BENCH_BUILD=$build BENCH_FILES=$(ulimit -n) \
    BENCH_LIBRARIES=$bench/debian/usr/lib/$(cc -print-multiarch) \
    luajit "$checkout/tests/bench/main.lua" "$@" </dev/null &
  group=$!
  set +m
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  wait "$group"
}
