# The Debian packages, named here and nowhere else, and how what is missing gets installed.
# For bash, to be sourced; used by tests/run and examples/run.

packages_build="build-essential cmake ninja-build pkgconf libluajit-5.1-dev libuv1-dev node-llhttp
  libcurl4-openssl-dev libssl-dev libsqlite3-dev libhiredis-dev libpq-dev libpcre2-dev"
packages_examples="sqlite3"
# redis-tools has Redis's server too, without a service that would start it.
packages_tests="luajit lua-busted lua-check clang libclang-rt-14-dev clang-format curl sqlite3
  openssl postgresql redis-tools"

# Prints which of the packages are not installed.
packages_missing() {
  local status name
  for name in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)
    [ "$status" = installed ] || echo "$name"
  done
}

# install_packages NAME...: quick when all are there. Fails, having said why in one line.
install_packages() {
  local missing as_root="" log
  command -v dpkg-query >/dev/null || return 0 # no Debian: the build will say what it lacks
  missing=$(packages_missing "$@" | sort -u | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo -n"
    [ -t 0 ] && as_root="sudo"
    if ! command -v sudo >/dev/null || ! $as_root true 2>/dev/null; then
      echo "neither root nor sudo; please run: apt-get install --no-install-recommends $missing" >&2
      return 1
    fi
  fi
  echo "installing $missing"
  # PostgreSQL's package would make and start a database of its own.
  case " $missing" in *" postgresql "*)
    $as_root sh -c 'conf=/etc/postgresql-common/createcluster.conf; mkdir -p "${conf%/*}"
      [ -e "$conf" ] || echo "create_main_cluster = false" >"$conf"' || return 1
    ;;
  esac
  log=$(mktemp)
  if ! { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
    # shellcheck disable=SC2086 # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 \
      -o Dpkg::Options::=--force-confold install --no-install-recommends $missing
  } >"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    echo "apt-get could not install $missing" >&2
    return 1
  fi
  rm -f "$log"
}

# build_folder FOLDER [CMAKE OPTIONS]: configures and builds, showing progress on a terminal and the
# end of the log when it fails.
build_folder() {
  local folder=$1 log generator=() launcher=()
  shift
  mkdir -p "$folder"
  log=$folder/build.log
  if [ ! -e "$folder/CMakeCache.txt" ]; then
    command -v ninja >/dev/null && generator=(-G Ninja)
    command -v ccache >/dev/null && launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
  fi
  echo "building ${folder##*/}"
  if ! cmake -S "$checkout" -B "$folder" "${generator[@]}" "${launcher[@]}" "$@" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "cmake could not configure ${folder##*/}" >&2
    return 1
  fi
  if [ -t 1 ]; then
    cmake --build "$folder" --parallel "$(nproc)" || return 1
  elif ! cmake --build "$folder" --parallel "$(nproc)" >"$log" 2>&1; then
    grep -E -A 12 'error|undefined reference|FAILED' "$log" | cut -c 1-300 | head -n 60 >&2
    echo "${folder##*/} does not build; the whole log is ${log#"$checkout"/}" >&2
    return 1
  fi
}
