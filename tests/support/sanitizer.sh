# How sanitizer builds are run. For bash, to be sourced with `checkout` and `sanitize`, which is
# empty, address or thread; leaves in `launcher` the words that go before a command.

export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=second_deadlock_stack=1:halt_on_error=0
TSAN_OPTIONS+=:suppressions=$checkout/tests/support/tsan.supp

launcher=()
if [ "$sanitize" = thread ] && setarch -R true 2>/dev/null; then
  # shellcheck disable=SC2034 # for whoever sources this
  launcher=(setarch -R) # gcc 12's ThreadSanitizer does not start where addresses are very random
fi

# What is started from here on writes its reports into files that begin with PATH.
report_to() { # PATH
  ASAN_OPTIONS="log_path=$1:$ASAN_OPTIONS"
  UBSAN_OPTIONS="log_path=$1:$UBSAN_OPTIONS"
  TSAN_OPTIONS="log_path=$1:$TSAN_OPTIONS"
}
