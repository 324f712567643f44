# Test programs that run at once, each in a process group of its own that ends with it; what one
# writes is shown when it has ended. For bash, to be sourced by tests/run, which has `scratch`,
# `outcome`, the counters and sanitizer.sh.

count_line='^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$'
declare -A job_name=() job_folder=() # of those that run, by process id
pool=()                              # of them, those that take up a lane
lanes=$(nproc)
[ "$lanes" -le 4 ] || lanes=4
lanes=${MG_LANES:-$lanes}

# What should only have the time that nobody else wants.
idle=(nice -n 19)
if chrt --idle 0 true 2>/dev/null; then
  idle=(chrt --idle 0)
fi

start_job() { # NAME SECONDS COMMAND...: leaves the process in $started
  local name=$1 limit=$2 folder
  shift 2
  folder=$(mktemp -d "$scratch/job.XXXXXX") || exit 1
  ( # timeout makes the group, in this process
    report_to "$folder/report"
    exec timeout -k 5 "$limit" "$@" >"$folder/out" 2>&1 </dev/null
  ) &
  started=$!
  job_name[$started]=$name job_folder[$started]=$folder
}

# Adds up the last "N passed, N failed" of a test program; without one it has crashed.
count() { # NAME EXIT-CODE OUTPUT
  local line
  line=$(grep -E "$count_line" "$3" | tail -n 1)
  if [ -z "$line" ]; then
    case $2 in
    124 | 137) outcome FAILED "$1" "stopped, it took too long" ;;
    *) outcome FAILED "$1" "ended with code $2 before its end" ;;
    esac
    return
  fi
  # shellcheck disable=SC2046
  set -- "$1" "$2" $(echo "$line" | tr -cs '0-9' ' ')
  passed=$((passed + $3)) failed=$((failed + $4)) skipped=$((skipped + ${5:-0}))
  [ "$2" -eq 0 ] || [ "$4" -gt 0 ] || outcome FAILED "$1" "all passed, but it ended with code $2"
}

# What the sanitizers wrote, one failure for each process that wrote.
count_reports() { # NAME FOLDER
  local report
  for report in "$2"/report.*; do
    [ -s "$report" ] || continue
    outcome FAILED "$1" "sanitizer report"
    head -n 60 "$report"
    rm -f "$report"
  done
}

end_job() { # PROCESS EXIT-CODE
  local name=${job_name[$1]} folder=${job_folder[$1]}
  kill -KILL -- "-$1" 2>/dev/null
  unset "job_name[$1]" "job_folder[$1]"
  grep -v -E "$count_line" "$folder/out"
  count "$name" "$2" "$folder/out"
  count_reports "$name" "$folder"
  rm -rf "$folder"
}

# Waits until at most $1 of the jobs in the pool still run.
leave_running() {
  local process code one still
  while [ "${#pool[@]}" -gt "$1" ]; do
    process=""
    wait -n -p process "${pool[@]}"
    code=$?
    if [ -z "$process" ]; then # the shell has seen them all end before
      process=${pool[0]}
      wait "$process"
      code=$?
    fi
    still=()
    for one in "${pool[@]}"; do
      [ "$one" = "$process" ] || still+=("$one")
    done
    pool=("${still[@]}")
    end_job "$process" "$code"
  done
}

# Starts a job as soon as there is a lane for it.
pool_job() { # NAME SECONDS COMMAND...
  leave_running $((lanes - 1))
  start_job "$@"
  pool+=("$started")
}

wait_job() { # PROCESS
  wait "$1"
  end_job "$1" $?
}

# Ends what still runs; a build that is told to stop takes its compilers along.
end_jobs() {
  local process try
  for process in "${!job_name[@]}"; do
    kill -TERM -- "-$process" 2>/dev/null
  done
  for process in "${!job_name[@]}"; do
    for try in 1 2 3 4 5 6 7 8 9 10; do
      kill -0 -- "-$process" 2>/dev/null && sleep 0.1
    done
    kill -KILL -- "-$process" 2>/dev/null
  done
}
