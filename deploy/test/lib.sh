# shellcheck shell=bash
# What all proofs of this folder need; each script sources it first. It needs root, and Debian's packages.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Programs, images and root file systems that take minutes to make are kept here for the next run; it may be deleted.
kept=${QUINTET_DEPLOY_KEPT:-${XDG_CACHE_HOME:-$HOME/.cache}/quintet-deploy}
mkdir -p "$kept"
# What is of this run alone. Its name has the process, by which later runs find what one that was killed has left.
runs=${TMPDIR:-/tmp}/quintet-deploy-
work=$(mktemp -d "$runs$$-XXXXXX")
cd "$root"

cleanups=()
# Has a command run at the end, also after a failure or a signal, in reverse order.
at_end() {
  cleanups+=("$*")
}
clean_up() {
  local status=$? i
  trap - EXIT
  trap '' INT TERM
  set +e
  if [ "$status" != 0 ] && [ -n "${on_failure:-}" ]; then eval "$on_failure" >&2; fi
  for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do eval "${cleanups[i]}" >>"$work/cleanup.log" 2>&1; done
  rm -rf "$work"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

heading() {
  printf '== after %d s: %s\n' "$SECONDS" "$*"
}
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Tries a command every half second until it succeeds; what it printed last is shown where it never does.
until_true() { # seconds, command…
  local end=$((SECONDS + $1)) output
  shift
  until output=$("$@" 2>&1); do
    [ "$SECONDS" -lt "$end" ] || fail "in vain: $*
$output"
    sleep 0.5
  done
}

# Installs those of these packages of Debian that are missing, without starting their services.
packages() {
  local missing=() name policy=/usr/sbin/policy-rc.d options=(-qq -o DPkg::Lock::Timeout=600)
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    at_end "rm -f $policy"
  fi
  (
    export DEBIAN_FRONTEND=noninteractive
    apt-get "${options[@]}" update
    apt-get "${options[@]}" --no-install-recommends -y install "${missing[@]}"
  ) >"$work/packages.log" 2>&1 || fail "$(tail -20 "$work/packages.log")"
}

# Node, and the packages that npm has for the project.
project_packages() {
  [ -x node_modules/node/bin/node ] || npm ci --no-audit --no-fund
  export PATH="$root/node_modules/.bin:$PATH"
}

# Ends a process, and waits until it has ended; after half a minute it is killed.
end_process() { # pid
  local pid=$1 i
  kill "$pid" 2>/dev/null || return 0
  for ((i = 0; i < 60; i++)); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.5
  done
  kill -KILL "$pid"
}

# One run at a time has what this name stands for, such as an engine's data. A run has one lock: another one gives the first back.
# A process that outlives its caller has to close the file: 9>&-
lock() { # name
  exec 9>"$kept/$1.lock"
  flock --wait 1800 9 || fail "Another run has the lock $kept/$1.lock."
}

# Makes a network namespace with nothing but loopback, and removes it at the end. Its name is that of a lock, so that what it has was left
# by a run that was killed.
network_namespace() { # name
  if [ -e "/run/netns/$1" ]; then
    ip netns pids "$1" | xargs -r kill -KILL
    ip netns delete "$1"
  fi
  ip netns add "$1"
  at_end "ip netns delete $1"
  nsenter --net="/run/netns/$1" ip link set lo up
}

# The files of these paths as one checksum, to find what was made from earlier ones.
checksum_of() {
  find "$@" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-16
}

unmount_below() { # folder
  awk -v folder="$1/" 'index($2, folder) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r -n 1 umount -l
}
# Kills the processes of a control group, and removes it.
remove_cgroups() { # name
  local group i
  for group in /sys/fs/cgroup/"$1" /sys/fs/cgroup/*/"$1"; do
    for ((i = 0; i < 50; i++)); do
      [ -d "$group" ] || break
      find "$group" -name cgroup.procs -exec cat {} + | sort -u | xargs -r kill -KILL
      sleep 0.1
      find "$group" -depth -type d -exec rmdir {} \;
    done
  done 2>/dev/null || true
}
# Removes what runs have left that were killed: processes that name their folder, its mounts, and the folder.
remove_killed_runs() {
  local folder pid
  for folder in "$runs"*; do
    pid=${folder#"$runs"}
    [ ! -e "/proc/${pid%%-*}" ] || continue
    pkill -KILL -f -- "$folder/" || true
    unmount_below "$folder"
    rm -rf "$folder"
  done
}
remove_killed_runs

# The commands that a section of a page shows: all of its blocks, or the one with this number.
commands_of() { # page, heading, number
  awk -v heading="## $2" -v number="${3:-0}" '$0 == heading { found = 1; next } /^## / { found = 0 }
    found && /^```sh$/ { count += 1; shown = number == 0 || number == count; next } /^```$/ { shown = 0 }
    shown { lines += 1; print } END { exit lines == 0 }' "$1" || fail "$1 has no such commands under $2."
}
