#!/usr/bin/env bash
# Proves ecosystem.config.cjs and docs/deploying/pm2.md: its commands, from nothing to requests, the story of an order while billing is
# stopped, a reload of all processes under load, kill -9, a backup and its restore, an upgrade, and the processes that PM2 has saved.
# All of it runs in a clone, with a network of its own and a PM2 of its own.
# shellcheck source=deploy/test/lib.sh
source "$(dirname "$0")/lib.sh"

gateway=http://127.0.0.1:3000
namespace=quintet-pm2
origin=$work/origin
clone=$work/clone
backups=$work/backups
# No setting, and nothing of npm or PM2, is that of the one who runs this.
clean() {
  env -i PATH="$PATH" HOME="$work/home" LANG=C.UTF-8 npm_config_cache="$work/npm" npm_config_update_notifier=false \
    npm_config_userconfig="$HOME/.npmrc" NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-}" NO_COLOR=1 "$@"
}
# There is no way out of the namespace, so that npm need not try.
inside() {
  nsenter --net="/run/netns/$namespace" env npm_config_offline=true "$@"
}
# The commands that a section of the page shows, with the folder of backups that this run has.
section() { # heading, words before its commands…
  local in=("${@:2}")
  commands_of "$clone/docs/deploying/pm2.md" "$1" | sed "s#/backups/#$backups/#g" >"$work/section.sh"
  (cd "$clone" && clean "${in[@]}" bash -euo pipefail "$work/section.sh") >"$work/section.log" 2>&1 ||
    fail "$(cat "$work/section.sh" "$work/section.log")"
}
run_section() {
  section "$1" nsenter --net="/run/netns/$namespace" env npm_config_offline=true
}
pm2() {
  (cd "$clone" && clean nsenter --net="/run/netns/$namespace" env npm_config_offline=true npm run --silent pm2 -- "$@")
}
request() {
  inside curl -sS --fail-with-body --max-time 20 "$@"
}
post() { # path, body
  request -X POST "$gateway$1" -H 'Content-Type: application/json' -d "$2" >/dev/null
}
order='{"user_id":"3","number_of_items":"5","total_amount":"180"}'
has_orders() { # number
  [ "$(request "$gateway/api/orders?limit=1000" | jq length)" = "$1" ]
}
is_online() { # processes
  [ "$(pm2 jlist | jq '[.[] | select(.pm2_env.status == "online")] | length')" = "$1" ]
}
pid_of() {
  pm2 pid "$1" | head -1
}
all_up() {
  request "$gateway/health" | jq -e '[.services[].status] | length >= 5 and all(. == "up")'
}
# Sends requests on connections that are kept until there is a file "loaded", and writes how many failed, of how many.
load() { # file
  clean nsenter --net="/run/netns/$namespace" node --input-type=module -e "
    import { existsSync } from 'node:fs'
    import { Agent, request } from 'node:http'
    const agent = new Agent({ keepAlive: true, maxSockets: 20 })
    const failures = {}
    let sent = 0
    const send = (method, path, body) => new Promise((resolve) => {
      sent += 1
      const fail = (reason) => { failures[reason] = (failures[reason] ?? 0) + 1; resolve() }
      const headers = body ? { 'content-type': 'application/json', 'content-length': body.length } : {}
      request('$gateway' + path, { agent, method, headers }, (response) => {
        response.resume().on('end', () => response.statusCode < 300 ? resolve() : fail(method + ' ' + response.statusCode)).on('error', fail)
      }).on('error', ({ code }) => fail(method + ' ' + code)).end(body)
    })
    await Promise.all(Array.from({ length: 20 }, async (_, client) => {
      while (!existsSync('$work/loaded'))
        if (client % 4 === 0) await send('POST', '/api/movies', JSON.stringify({ title: 'a', description: 'b' }))
        else await send('GET', '/api/movies/1')
    }))
    agent.destroy()
    console.log(JSON.stringify({ sent, failed: Object.values(failures).reduce((a, b) => a + b, 0), failures }))" >"$1"
}

heading 'a clone, and PM2'
packages iproute2 jq curl git
project_packages
lock pm2
network_namespace "$namespace"
mkdir -p "$work/home" "$backups"
git clone --quiet --bare "$root" "$origin"
git clone --quiet "$origin" "$clone"
section Install
pm2_version=$(jq -r '.scripts.pm2 | capture("pm2@(?<version>[0-9.]+)").version' package.json)
(cd "$clone" && clean npm exec --yes --package="pm2@$pm2_version" -- node --version >/dev/null)
at_end 'end_process "$(cat "$work/home/.pm2/pm2.pid")"'
on_failure='cat "$work"/home/.pm2/pm2.log "$work"/home/.pm2/logs/*-error.log | tail -60'

heading 'every service starts, on the Node of the project'
run_section Start
until_true 30 all_up
is_online 7 || fail "$(pm2 list)"
version=$(node --version)
pm2 jlist | jq -e --arg version "${version#v}" 'all(.pm2_env.node_version == $version)' >/dev/null || fail "Some run on another Node than $version."
post /api/movies '{"title":"Metropolis","description":"A city in two halves."}'
request "$gateway/api/movies/1" | grep -q Metropolis

heading 'orders are accepted while billing is stopped, and stored once it is started'
post /api/billing "$order"
until_true 20 has_orders 1
run_section 'Try an interruption'
until_true 20 has_orders 2

heading 'a reload of all processes under load'
load "$work/load.json" &
loading=$!
sleep 2
run_section 'Replace processes'
sleep 2
touch "$work/loaded"
wait "$loading"
cat "$work/load.json"
jq -e '.sent > 200 and .failed == 0' "$work/load.json" >/dev/null || fail 'Requests failed.'
is_online 7

heading 'kill -9: the process is back, with its data'
before=$(pid_of inventory_app)
kill -KILL "$before"
until_true 20 request "$gateway/api/movies/1"
[ "$(pid_of inventory_app)" != "$before" ] || fail 'It is the same process.'

heading 'a backup, and its restore'
rows=$(request "$gateway/api/movies?title=metro" | jq length)
run_section 'Backup and restore'
until_true 60 all_up
[ "$(request "$gateway/api/movies?title=metro" | jq length)" = "$rows" ]

heading 'an upgrade'
git -C "$clone" -c user.name=proof -c user.email=proof@example.com commit --quiet --allow-empty --message 'A later version'
git -C "$clone" push --quiet && git -C "$clone" reset --quiet --hard HEAD~1
# npm needs the network; PM2 is reached by its socket.
section Upgrade
until_true 60 all_up
has_orders 2
[ "$(git -C "$clone" log -1 --format=%s)" = 'A later version' ]

heading 'what PM2 has saved starts again, with its data'
pm2 save >/dev/null
pm2 kill >/dev/null
! request "$gateway/health/live" >/dev/null 2>&1 || fail 'It still runs.'
pm2 resurrect >/dev/null
until_true 60 all_up
is_online 7
has_orders 2
request "$gateway/api/movies/1" | grep -q Metropolis

heading 'PM2 and all services end'
pids=$(pm2 jlist | jq '.[].pid')
pm2 kill >/dev/null
for pid in $pids; do ! kill -0 "$pid" 2>/dev/null || fail "$pid still runs."; done
