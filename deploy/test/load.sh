#!/usr/bin/env bash
# Puts load on a running system, and fails unless it behaves as demanded: each profile of load/, but for that of every day, in a short form.
#   deploy/test/load.sh                          a system of its own, on embedded storage and free ports
#   deploy/test/load.sh http://127.0.0.1:3000    the one whose gateway is there
# k6 is K6, or on the PATH, or built with Go, which takes some minutes the first time.
# shellcheck source=deploy/test/lib.sh
source "$(dirname "$0")/lib.sh"

heading 'k6'
project_packages
if [ -z "${K6:-}" ] && ! command -v k6 >/dev/null; then
  [ -x "$kept/k6" ] || GOBIN=$kept go install go.k6.io/k6@v1.8.1 2>"$work/go.log" || fail "$(tail -20 "$work/go.log")"
  export K6=$kept/k6
fi

# Starts a system with these settings, and sets its address as the target.
start_system() { # SETTING=value…
  local service ports=()
  for service in $(sed -n 's/^\([A-Z0-9]*_PORT\)=.*/\1/p' .env); do ports+=("$service=0"); done
  env "${ports[@]}" DATA_DIR="$work/data" "$@" setpriv --pdeathsig TERM node --max-semi-space-size=8 quintet.ts start \
    >"$work/log" 2>"$work/addresses" &
  system=$!
  on_failure='tail -n 20 "$work/addresses" "$work/log"'
  until_true 60 grep -q '^gateway' "$work/addresses"
  target=$(sed -n 's/^gateway  *\(http[^ ]*\).*/\1/p' "$work/addresses")
}
stop_system() {
  [ -z "$system" ] || end_process "$system"
  system=
}
load() { # profile, options…
  heading "$*"
  npm run --silent load -- "$@" --target "$target" | tee "$work/outcome"
}

system=
target=${1:-}
at_end stop_system
[ -n "$target" ] || start_system
load smoke --seconds 10
load soak --rate 10 --seconds 15
load spike --seconds 30
load stress --seconds 45
load breakpoint --seconds 60
[ -n "$system" ] || exit 0

heading 'beyond a small limit'
stop_system
# All load is of one client, which may have all that the gateway admits.
start_system GATEWAY_IN_FLIGHT_MAX=4 GATEWAY_CLIENT_SHARE_PERCENT=100
load spike --service inventory --seconds 30
grep -qE '[1-9][0-9,]* by 503' "$work/outcome" || fail 'Nothing was refused by 503.'
heading 'load: passed'
