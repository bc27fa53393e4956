#!/bin/bash
# Puts load on a running system, and fails unless it behaves as demanded: a smoke run, and a stress run beyond its limits, each short.
#   deploy/test/load.sh                          a system of its own, on embedded storage and free ports
#   deploy/test/load.sh http://127.0.0.1:3000    the one whose gateway is there
# k6 is K6, or on the PATH, or built with Go, which takes some minutes the first time.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${K6:-}" ] && ! command -v k6 > /dev/null; then
  folder=${QUINTET_DEPLOY_KEPT:-${XDG_CACHE_HOME:-$HOME/.cache}/quintet-deploy}
  [ -x "$folder/k6" ] || GOBIN=$folder go install go.k6.io/k6@v1.8.1
  export K6=$folder/k6
fi

target=${1:-}
if [ -z "$target" ]; then
  [ -d node_modules ] || npm ci > /dev/null
  work=$(mktemp -d)
  system=
  trap 'if [ -n "$system" ]; then kill -TERM -- "-$system" || true; wait "$system" || true; fi; rm -rf "$work"' EXIT
  for service in $(sed -n 's/^\([A-Z0-9]*\)_PORT=.*/\1/p' .env); do export "${service}_PORT=0"; done
  set -m
  DATA_DIR=$work/data npm start > "$work/log" 2> "$work/addresses" &
  system=$!
  set +m
  for _ in $(seq 300); do
    target=$(sed -n 's/^gateway  *\(http[^ ]*\).*/\1/p' "$work/addresses")
    [ -z "$target" ] || break
    sleep 0.2
  done
  [ -n "$target" ] || { echo 'The system did not start:'; cat "$work/addresses"; exit 1; } >&2
fi

npm run --silent load -- smoke --target "$target" --seconds 10
npm run --silent load -- stress --target "$target" --seconds 45
