#!/bin/bash
# Puts load on a running system, and fails unless it behaves as demanded: a smoke run, and a stress run beyond its limits, each short.
#   deploy/test/load.sh http://127.0.0.1:3000
# k6 is K6, or on the PATH, or built with Go, which takes some minutes the first time.
set -euo pipefail
target=${1:?the URL of the gateway}
cd "$(dirname "$0")/../.."

if [ -z "${K6:-}" ] && ! command -v k6 > /dev/null; then
  folder=${XDG_CACHE_HOME:-$HOME/.cache}/quintet-k6
  [ -x "$folder/k6" ] || GOBIN=$folder go install go.k6.io/k6@v1.8.1
  export K6=$folder/k6
fi

npm run --silent load -- smoke --target "$target" --seconds 10
npm run --silent load -- stress --target "$target" --seconds 45
