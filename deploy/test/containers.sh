#!/usr/bin/env bash
# Proves compose.yaml and docs/deploying/compose.md on a real Docker Engine: from nothing to requests, the story of an order while
# billing is stopped, what separates the containers, upgrades, a backup and its restore, the tests in a container, and development.
# The engines' images are stand-ins of Debian's packages: they prove the files, and not those versions of the engines.
# shellcheck source=deploy/test/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=deploy/test/engine.sh
source deploy/test/engine.sh

gateway=http://127.0.0.1:3000
export COMPOSE_PROGRESS=quiet COMPOSE_ANSI=never

request() {
  on_host curl -sS --fail-with-body --max-time 20 "$@"
}
post() { # address, body
  request -X POST "$1" -H 'Content-Type: application/json' -d "$2"
}
# What the port for operations of the gateway has, from inside its container.
operations() { # path
  docker compose exec -T gateway node -e "fetch('http://127.0.0.1:9464$1').then((response) => response.text()).then(console.log)"
}
all_up() {
  operations /health/gateway | jq -e '[.services[].status] | length >= 5 and all(. == "up")'
}
orders() {
  docker compose exec -T postgres psql --username quintet --dbname orders_db --no-align --tuples-only --command 'SELECT count(*) FROM orders'
}
has_orders() { # number
  [ "$(orders)" = "$1" ]
}
services() {
  node --input-type=module -e "
    import { topology } from '@quintet/contracts/topology'
    for (const [name, { port }] of Object.entries(topology)) console.log(name, port)"
}
container_of() {
  docker compose ps --quiet "$1"
}
# Whether a TCP connection from a container to an address is made.
reaches() { # container, host, port
  docker exec "$1" node -e "
    require('node:net').connect({ host: '$2', port: $3, timeout: 3000 })
      .on('connect', () => process.exit(0)).on('timeout', () => process.exit(1)).on('error', () => process.exit(1))"
}
made_secrets() {
  docker compose run --rm -T --entrypoint sh secrets -c 'cd /secrets/made && sha256sum *'
}
# Runs the commands that a section of the page shows, as its reader would.
run_section() { # heading
  commands_of docs/deploying/compose.md "$1" >"$work/section.sh"
  on_host bash -euo pipefail "$work/section.sh" >"$work/section.log" 2>&1 || fail "$(cat "$work/section.sh" "$work/section.log")"
}

heading 'the engine and the images'
project_packages
engine_with_images
at_end "docker compose --profile '*' down --volumes --timeout 15"
on_failure='docker compose ps --all; docker compose logs --no-color --tail 15'

heading 'from nothing: every container is healthy, and every service reachable'
docker compose up --no-build --pull never --wait
until_true 60 all_up

heading 'the engines, as doctor examines them, also with the notifications on Kafka'
doctor() { # finding, options of docker compose run
  docker compose run --rm -T "${@:2}" migrate doctor >"$work/doctor" && grep -F "$1" "$work/doctor" || { cat "$work/doctor"; return 1; }
}
# An engine that does not respond in time, as on a machine that is busy, is a finding.
until_true 60 doctor 'amqp://quintet:[redacted]@rabbitmq:5672   CERTIFICATES_QUEUE_URL, QUEUE_URL'
until_true 60 doctor 'kafka://kafka:9092   EVENTS_URL, CERTIFICATES_QUEUE_URL' \
  -e CERTIFICATES_QUEUE_URL_FILE= -e CERTIFICATES_QUEUE_URL=kafka://kafka:9092

heading 'the ports of the services are on loopback with a profile, and closed without'
while read -r name port; do
  [ "$name" = gateway ] || ! request "http://127.0.0.1:$port/health/live" 2>/dev/null || fail "Port $port is open."
done < <(services)
docker compose --profile ports up --no-build --pull never --wait
while read -r name port; do until_true 20 request "http://127.0.0.1:$port/health/live"; done < <(services)
guid=$(post http://127.0.0.1:8888/guid '{"user":"ada"}' | jq -r .guid)
request "http://127.0.0.1:8888/guid/$guid" | grep -q '"user":"ada"'

heading 'the console shows all services to whoever has its token, with their traces, and changes nothing'
console=http://127.0.0.1:3001
token=$(docker compose exec -T console cat /run/secrets/console/console_token)
shows() { # path, jq expression
  request -H "Authorization: Bearer $token" "$console$1" | jq -e "$2"
}
! request "$console/api/services" 2>/dev/null || fail 'The console needs no token.'
until_true 60 shows /api/services '[.data[].state] | length >= 6 and all(. == "up")'
until_true 60 shows "/api/traces?service=guid" '[.data[].services[]] | index("gateway") and index("guid")'
until_true 60 shows /api/queues '[.data[] | select(.live != null)] | length >= 3'
[ "$(curl -s -o /dev/null -w '%{http_code}' -X POST -H 'Content-Type: application/json' -H 'X-Quintet-Console: 1' \
  -H "Authorization: Bearer $token" "$console/api/services/guid/stop")" = 403 ] || fail 'The console acts.'

heading 'orders are accepted while billing is stopped, and stored once it is started'
post "$gateway/api/billing" '{"user_id":"3","number_of_items":"5","total_amount":"180"}' >/dev/null
until_true 20 has_orders 1
docker compose stop billing
post "$gateway/api/billing" '{"user_id":"4","number_of_items":"1","total_amount":"20"}' >/dev/null
post "$gateway/api/billing" '{"user_id":"5","number_of_items":"2","total_amount":"30"}' >/dev/null
has_orders 1
docker compose start billing
until_true 40 has_orders 3

heading 'what a container may do, as the kernel has it'
while read -r name _; do
  id=$(container_of "$name")
  pid=$(docker inspect --format '{{ .State.Pid }}' "$id")
  for process in "$pid" $(pgrep -P "$pid"); do
    status=$(cat "/proc/$process/status")
    for line in 'Uid:\s1000\s1000\s1000\s1000' 'CapEff:\s0{16}' 'CapBnd:\s0{16}' 'NoNewPrivs:\s1' 'Seccomp:\s2'; do
      grep -qP "^$line$" <<<"$status" || fail "$name does not have $line: $status"
    done
  done
  ! docker exec "$id" touch /quintet/written 2>/dev/null || fail "$name can write its root."
done < <(services)

heading 'a service starts where its folder of data is one that it may not restrict'
install -d -m 755 -o 1000 -g 1000 "$work/open"
open=$(docker run --detach --rm --read-only --tmpfs /tmp --network none --volume "$work/open:/data:ro" --env ORDER_ID_KEY="$(printf %064d 0)" \
  --env QUEUE_URL=amqp://nobody:none@127.0.0.1 quintet:latest start gateway)
until_true 20 docker exec "$open" node -e "fetch('http://127.0.0.1:3000/health/live').then(({ ok }) => process.exit(ok ? 0 : 1))"
docker kill "$open" >/dev/null

heading 'who reaches whom'
address=$(docker inspect --format '{{ (index .NetworkSettings.Networks "quintet_data").IPAddress }}' "$(container_of postgres)")
for target in "postgres 5432" "$address 5432" "kafka 9092"; do
  # shellcheck disable=SC2086 # two words
  ! reaches "$(container_of gateway)" $target || fail "The gateway reaches $target."
done
reaches "$(container_of gateway)" rabbitmq 5672
reaches "$(container_of inventory)" postgres 5432
! reaches "$(container_of inventory)" rabbitmq 5672 || fail 'inventory reaches RabbitMQ.'
! reaches "$(container_of billing)" 192.0.2.1 80 || fail 'billing reaches other networks.'
[ "$(docker exec "$(container_of gateway)" ls /run/secrets | xargs)" = 'limits queue' ] || fail 'The gateway has secrets of others.'

heading 'the gateway counts limits in Redis, of which it can use nothing else'
docker compose exec -T gateway node -e "
  const url = new URL(require('node:fs').readFileSync('/run/secrets/limits/rate_limit_url', 'utf8'))
  const socket = require('node:net').connect(url.port, url.hostname)
  socket.on('data', (text) => /NOPERM/.test(text) && process.exit(0))
  setTimeout(() => process.exit(1), 5000)
  socket.write('AUTH ' + url.username + ' ' + url.password + '\\r\\nGET quintet:guid:1\\r\\n')" || fail 'It reads the cache.'

heading 'a limit holds across two gateways, nobody chooses an address by a field, and no port of operations is published'
export RATE_LIMIT=on RATE_LIMIT_POLICIES='"market";q=6;w=3600;by="address";on="/market"'
docker compose up --no-build --pull never --wait gateway
second=$(docker compose run --detach --no-deps gateway start gateway)
at_end "docker rm --force $second"
until_true 60 docker exec "$second" node -e "fetch('http://127.0.0.1:3000/health/live').then(({ ok }) => process.exit(ok ? 0 : 1))"
on_services() { # container
  docker inspect --format '{{ (index .NetworkSettings.Networks "quintet_services").IPAddress }}' "$1"
}
admitted=$(docker exec "$(container_of inventory)" node --input-type=module -e "
  let admitted = 0
  for (let i = 0; i < 20; i++) {
    const address = i % 2 ? '$(on_services "$(container_of gateway)")' : '$(on_services "$second")'
    const { status } = await fetch('http://' + address + ':3000/market', { headers: { 'x-forwarded-for': '192.0.2.' + i } })
    if (status !== 429) admitted += 1
  }
  console.log(admitted)")
[ "$admitted" = 6 ] || fail "The two gateways admitted $admitted of 20 requests together, and not 6."
operations /metrics | grep -q '^quintet_guard_decisions_total{.*decision="allowed"'
! request http://127.0.0.1:9464/metrics 2>/dev/null || fail 'The port of operations is published.'
[ "$(on_host curl -s -o "$work/none" -w '%{http_code}' "$gateway/metrics")" = 404 ] || fail 'The gateway has its metrics for everybody.'
docker rm --force "$second"
unset RATE_LIMIT RATE_LIMIT_POLICIES
docker compose up --no-build --pull never --wait gateway

heading 'an API key, as the page has it'
export KEYS=$work/api-keys.jsonl
run_section 'Who may send requests, and how many'
key=$(grep -o '^qk_ci_[^ ]*' "$work/section.log")
[ "$(on_host curl -s -o "$work/none" -w '%{http_code}' "$gateway/api/movies")" = 401 ] || fail 'A request without a key is served.'
request -H "X-Api-Key: $key" "$gateway/api/movies" >/dev/null
docker compose up --no-build --pull never --wait

heading 'secrets are in no configuration of a container, and a second up keeps them'
made_secrets >"$work/before"
[ "$(wc -l <"$work/before")" = 6 ] || fail "There are other secrets: $(cat "$work/before")"
docker compose run --rm -T --entrypoint sh secrets -c 'cat /secrets/made/*' | fold -w 64 >"$work/patterns"
docker ps --all --quiet | xargs docker inspect >"$work/inspected"
! grep -qFf "$work/patterns" "$work/inspected" || fail 'A secret is in the configuration of a container.'
rm "$work/patterns"
docker compose --profile ports up --no-build --pull never --wait
made_secrets | diff "$work/before" -
until_true 60 all_up
has_orders 3

heading 'a backup, and its restore on a machine that has nothing'
movie=$(post "$gateway/api/movies" '{"title":"Metropolis","description":"A city in two halves."}' | jq .id)
export BACKUP=$work/backup
run_section 'Back up'
docker compose --profile '*' down --volumes --timeout 15
run_section 'Restore'
until_true 60 all_up
request "$gateway/api/movies/$movie" | grep -q Metropolis
request "$gateway/guid/$guid" | grep -q '"user":"ada"'
has_orders 3
made_secrets | diff "$work/before" -
post "$gateway/api/billing" '{"user_id":"6","number_of_items":"1","total_amount":"1"}' >/dev/null
until_true 20 has_orders 4

heading 'every service ends by itself when it is stopped'
docker compose --profile ports stop
while read -r name _; do
  code=$(docker inspect --format '{{ .State.ExitCode }}' "$(docker compose ps --all --quiet "$name")")
  [ "$code" = 0 ] || fail "$name ended with $code."
done < <(services)
docker compose --profile '*' down --volumes

heading 'the tests, in a container of their own, of a clone without packages'
mkdir "$work/source"
git ls-files --cached --others --exclude-standard -z | tar --create --null --files-from - | tar --extract --directory "$work/source"
docker compose --file "$work/source/compose.yaml" run --rm -T test >"$work/tests.log" 2>&1 || fail "$(tail -60 "$work/tests.log")"
grep -E '^. (tests|pass|fail) ' "$work/tests.log"

heading 'development: the files of a clone, started again after a change'
development=(docker compose --file "$work/source/deploy/development.yaml")
at_end "${development[*]} down --volumes"
"${development[@]}" up --no-build --pull never --detach
until_true 60 all_up
sed -i "s/a GUID registry/a registry of GUIDs/" "$work/source/contracts/src/topology.ts"
changed() {
  request "$gateway/openapi.json" | grep -q 'registry of GUIDs'
}
until_true 60 changed
"${development[@]}" down --volumes
heading 'containers: passed'
