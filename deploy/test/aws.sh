#!/usr/bin/env bash
# Proves what can be proved of AWS without an account: the templates by cfn-lint, the scripts of the bundle by shellcheck, and the bundle
# itself, unzipped on two servers, which start at the same time on the same engines, behind a balancer that checks /health/ready.
# shellcheck source=deploy/test/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=deploy/test/engine.sh
source deploy/test/engine.sh

cfn_lint_version=1.58.0
export COMPOSE_PROGRESS=quiet COMPOSE_ANSI=never

heading 'the templates and the scripts'
project_packages
packages shellcheck zip unzip haproxy python3-venv
if [ ! -x "$kept/cfn-lint-$cfn_lint_version/bin/cfn-lint" ]; then
  python3 -m venv "$kept/cfn-lint-$cfn_lint_version"
  "$kept/cfn-lint-$cfn_lint_version/bin/pip" install --quiet --disable-pip-version-check "cfn-lint==$cfn_lint_version"
fi
"$kept/cfn-lint-$cfn_lint_version/bin/cfn-lint" deploy/aws/*.yaml
shellcheck deploy/aws/beanstalk/.platform/hooks/*/*.sh

heading 'the hook signs in to the registry of the image, and to no other'
mkdir "$work/bin" "$work/hook"
for program in aws docker; do
  # shellcheck disable=SC2016 # for the program itself
  printf '#!/bin/sh\necho "%s $*" >>"$CALLS"\n' "$program" >"$work/bin/$program"
done
chmod +x "$work/bin/aws" "$work/bin/docker"
hook() { # image
  npm run --silent bundle:beanstalk -- --image "$1" --output "$work/hook.zip" >/dev/null
  rm -rf "$work/hook" && unzip -q "$work/hook.zip" -d "$work/hook"
  : >"$work/calls"
  (cd "$work/hook" && CALLS=$work/calls PATH=$work/bin:$PATH bash .platform/hooks/prebuild/10-registry.sh)
  sort "$work/calls"
}
[ -z "$(hook quintet:latest)" ] || fail 'It signs in where the image is of no registry of Amazon.'
[ "$(hook 123456789012.dkr.ecr.eu-west-1.amazonaws.com/quintet:1.0.0)" = 'aws ecr get-login-password --region eu-west-1
docker login --username AWS --password-stdin 123456789012.dkr.ecr.eu-west-1.amazonaws.com' ] || fail "$(cat "$work/calls")"

heading 'the engine, the images and the engines of the stack'
engine_with_images
at_end "docker compose --profile '*' down --volumes --timeout 15"
docker compose up --no-build --pull never --wait postgres redis rabbitmq kafka dynamodb
# As Beanstalk writes it from the properties and the secrets of the environment.
# shellcheck disable=SC2016 # for the shell of the container
docker compose run --rm -T --entrypoint sh secrets -c 'cd /secrets && for file in databases/* limits/* queue/* certificates/*; do
  printf "%s=%s\n" "$(basename "$file" | tr a-z A-Z)" "$(cat "$file")"; done' >"$work/properties"
docker compose config --format json | jq -r '.services.migrate.environment | to_entries[] |
  select(.key | test("^(BROKERAGE_DATABASE_URL|EVENTS_URL)$")) | "\(.key)=\(.value)"' >>"$work/properties"
# Compose takes the quotes off.
cat >>"$work/properties" <<'PROPERTIES'
RATE_LIMIT=on
RATE_LIMIT_POLICIES='"market";q=6;w=3600;by="address";on="/market"'
PROPERTIES

# The network of a server, on which it reaches the engines by their names, and nothing of the other server.
for name in server-a server-b; do
  docker network create "$name" >/dev/null
  for engine in postgres redis rabbitmq kafka dynamodb; do
    docker network connect --alias "$engine" "$name" "$(docker compose ps --quiet "$engine")"
  done
done
# A server: the unzipped bundle, its properties, and a port of its own instead of 80.
server() { # name, port, options of the bundle
  local name=$1 port=$2 folder=$work/$1
  shift 2
  npm run --silent bundle:beanstalk -- --image quintet:latest --output "$folder.zip" "$@" >/dev/null
  unzip -q "$folder.zip" -d "$folder"
  cp "$work/properties" "$folder/.env"
  echo "PUBLISHED=127.0.0.1:$port" >>"$folder/.env"
  echo "{ \"networks\": { \"default\": { \"name\": \"$name\", \"external\": true } } }" >"$folder/network.json"
}
on_server() { # name, words of docker compose
  local folder=$work/$1
  docker compose --project-name "$1" --project-directory "$folder" --file "$folder/docker-compose.yml" --file "$folder/network.json" "${@:2}"
}
request() {
  on_host curl -sS --fail-with-body --max-time 20 "$@"
}
ready() { # port
  request "http://127.0.0.1:$1/health/ready"
}
balance() {
  cat >"$work/haproxy.cfg" <<'CFG'
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  option redispatch
  retries 2
frontend balancer
  bind 127.0.0.1:8000
  default_backend servers
backend servers
  balance roundrobin
  option httpchk GET /health/ready
  option forwardfor
  http-response set-header X-Server %s
  default-server check inter 500ms fall 2 rise 2
  server server-a 127.0.0.1:8001
  server server-b 127.0.0.1:8002
CFG
  # Not by the function above, whose process would be the parent of haproxy.
  setpriv --pdeathsig TERM nsenter "--net=/run/netns/$engine_namespace" haproxy -f "$work/haproxy.cfg" >"$work/haproxy.log" 2>&1 9>&- &
  at_end "end_process $!"
}
# Which servers respond to twenty requests, and `none` for one that fails.
responding() {
  local i
  for ((i = 0; i < 20; i++)); do
    request -o /dev/null -D "$work/head" "$balancer/guids" || echo none >"$work/head"
    tr -d '\r' <"$work/head" | sed -n 's/^x-server: //ip; /^none$/p'
  done | sort -u | paste -sd ' '
}
responds_by() { # servers
  [ "$(responding)" = "$1" ]
}
balancer=http://127.0.0.1:8000

two_servers() { # options of the bundle
  server server-a 8001 "$@"
  server server-b 8002 "$@"
  on_server server-a up --detach --pull never &
  on_server server-b up --detach --pull never
  wait $!
  until_true 120 ready 8001
  until_true 120 ready 8002
}

heading 'the bundle, on two servers that start at the same time'
two_servers
balance
until_true 20 responds_by 'server-a server-b'

heading 'what one server has written, the other has'
movie=$(request -X POST http://127.0.0.1:8001/api/movies -H 'Content-Type: application/json' -d '{"title":"Metropolis","description":""}' | jq .id)
request "http://127.0.0.1:8002/api/movies/$movie" | grep -q Metropolis
for port in 8001 8002; do
  request -X POST "http://127.0.0.1:$port/api/billing" -H 'Content-Type: application/json' \
    -d '{"user_id":"3","number_of_items":"5","total_amount":"180"}' >/dev/null
done
has_two_orders() {
  for port in 8001 8002; do [ "$(request "http://127.0.0.1:$port/api/orders" | jq length)" = 2 ] || return 1; done
}
until_true 30 has_two_orders

heading 'a limit holds across both servers, and nobody chooses an address by a field'
admitted=0
for ((i = 0; i < 20; i++)); do
  status=$(on_host curl -s --max-time 20 -o "$work/none" -w '%{http_code}' -H "X-Forwarded-For: 192.0.2.$i" "$balancer/market")
  [ "$status" = 429 ] || admitted=$((admitted + 1))
done
[ "$admitted" = 6 ] || fail "The servers admitted $admitted of 20 requests together, and not 6."
[ "$(on_host curl -s -o "$work/none" -w '%{http_code}' "$balancer/metrics")" = 404 ] || fail 'The balancer has the metrics for everybody.'

heading 'a server that is lost, and is back'
on_server server-a kill
until_true 20 responds_by server-b
responds_by server-b
request "$balancer/api/movies/$movie" | grep -q Metropolis
on_server server-a up --detach --pull never
until_true 120 responds_by 'server-a server-b'
on_server server-a down --timeout 15
on_server server-b down --timeout 15
rm -rf "$work"/server-[ab]*

heading 'the bundle with a single container'
two_servers --single
[ "$(on_server server-a ps --services)" = quintet ] || fail 'It has more than one container.'
until_true 20 responds_by 'server-a server-b'
request "$balancer/api/movies/$movie" | grep -q Metropolis
heading 'aws: passed'
