#!/usr/bin/env bash
# Proves deploy/kubernetes on a real cluster of one node. The engines are stand-ins of Debian's packages under the names of the real images.
# Policies of the network are validated by the API server and not enforced, since the network of this cluster enforces none.
#   deploy/test/kubernetes.sh
# shellcheck source=deploy/test/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=deploy/test/engine.sh
source deploy/test/engine.sh
# shellcheck source=deploy/test/cluster.sh
source deploy/test/cluster.sh
started=$SECONDS
overlays=deploy/kubernetes/overlays

in_quintet() {
  kubectl --namespace quintet "$@"
}
# Runs commands that the page shows, as its reader would.
run_page() { # heading, number of the block
  commands_of docs/deploying/kubernetes.md "$@" >"$work/commands"
  bash -euo pipefail "$work/commands" >"$work/commands.log" 2>&1 || fail "$(cat "$work/commands" "$work/commands.log")"
}
took() {
  printf '   %s: %s s\n' "$1" "$((SECONDS - ${2:-$started}))"
}
roll_out() {
  local one
  for one in "$@"; do in_quintet rollout status "$one" --timeout=300s >/dev/null; done
}
refused() { # pattern, command…
  local pattern=$1 output
  shift
  if output=$("$@" 2>&1); then fail "was not refused: $*"; fi
  grep -q "$pattern" <<<"$output" || fail "$output"
}
through_gateway() { # path, options of curl…
  local path=$1
  shift
  on_node curl --silent --show-error --fail --max-time 15 "$@" "$gateway$path"
}
post() { # path, body
  through_gateway "$1" --header 'Content-Type: application/json' --data "$2"
}
orders() {
  through_gateway /api/orders | jq length
}
has_orders() {
  [ "$(orders)" = "$1" ]
}
is_healthy() {
  in_quintet exec deployment/gateway -- node -e "
    fetch('http://127.0.0.1:9464/health/gateway').then((response) => response.text()).then(console.log)" | jq --exit-status '.status == "ok"'
}

heading 'programs and images'
project_packages
install_engine
install_cluster
start_engine build
build_images
build_pause_image
docker tag quintet:latest quintet:next
mapfile -t images < <(sed -n 's/^ *image: //p' "$overlays"/local/*.yaml | sort -u)
docker save --output "$work/images.tar" quintet-pause:latest quintet:next "${images[@]}"
stop_engine
took 'ready to start'

heading 'the API server validates both overlays, every field of them'
start_cluster
kubectl apply -f deploy/kubernetes/base/namespace.yaml
for overlay in local ec2; do
  kubectl apply -k "$overlays/$overlay" --dry-run=server --validate=strict >"$work/validated"
  echo "$overlay: $(wc -l <"$work/validated") objects are valid"
done
refused 'unknown field "spec.replica"' kubectl apply --dry-run=server --validate=strict -f - <<<'
{ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "a", "namespace": "quintet" }, "spec": { "replica": 2 } }'

heading 'the whole system'
start_components
on_containerd images import "$work/images.tar" >/dev/null
rm "$work/images.tar"
make_volumes postgres rabbitmq kafka dynamodb
from=$SECONDS
run_page 'On one machine'
cat "$work/commands.log"
mapfile -t deployments < <(in_quintet get deployments --output name)
roll_out "${deployments[@]}"
took 'from apply to two pods of each service' "$from"
gateway=http://$(in_quintet get service gateway --output 'jsonpath={.spec.clusterIP}')
until_true 120 is_healthy
kubectl get node -o wide

heading 'use'
post /api/movies '{"title":"Metropolis","description":"A city in two halves."}'
post /guid '{"user":"ada"}'
post /accounts '{"cash":1000}'
post /users '{"name":"Ada","email":"ada@example.com","password":"correct horse"}'
post /users/1/certificates '{"private_key":"c2VjcmV0","active":true,"body":"a certificate"}'
post /api/billing '{"user_id":"3","number_of_items":"5","total_amount":"180"}'
until_true 120 has_orders 1

heading 'each pod is restricted, and an unrestricted one is refused'
for name in gateway guid; do
  # shellcheck disable=SC2016 # expanded in the container
  in_quintet exec "deployment/$name" -- sh -c '
    [ "$(id -u)" = 1000 ] && ! touch /quintet/file 2>/dev/null &&
      grep -q "CapEff:.0*$" /proc/self/status && grep -q "NoNewPrivs:.1" /proc/self/status && grep -q "Seccomp:.2" /proc/self/status &&
      [ ! -e /var/run/secrets/kubernetes.io ]'
done
refused 'violates PodSecurity "restricted' in_quintet run unrestricted --image=quintet:latest

heading 'orders are accepted while billing is stopped, and stored when it runs again'
in_quintet scale deployment/billing --replicas=0
in_quintet wait --for=delete pod --selector app.kubernetes.io/name=billing --timeout=60s
post /api/billing '{"user_id":"4","number_of_items":"1","total_amount":"20"}'
post /api/billing '{"user_id":"5","number_of_items":"1","total_amount":"30"}'
in_quintet scale deployment/billing --replicas=2
roll_out deployment/billing
until_true 120 has_orders 3

heading 'a pod that is deleted is replaced'
from=$SECONDS
in_quintet delete "$(in_quintet get pod --selector app.kubernetes.io/name=inventory --output name | head -1)" --wait=false
sleep 1
roll_out deployment/inventory
took 'two pods again' "$from"

heading 'the upgrade, under load: no request fails'
in_background "$(command -v node)" deploy/test/steady-load.ts "$gateway" 40 >"$work/load" 2>&1
load=$!
sleep 3
from=$SECONDS
run_page 'Upgrade, and the way back' 1
took 'roll-out of all services' "$from"
sleep 3
kill "$load"
wait "$load" || { cat "$work/load" >&2; fail 'Requests failed during the roll-out.'; }
cat "$work/load"
in_quintet get pods --output 'jsonpath={.items[*].spec.containers[0].image}' | tr ' ' '\n' | grep -c quintet:next

heading 'a version that cannot start: the pods of the last one stay, and the way back'
in_quintet set image deployment/guid guid=quintet:missing
sleep 8
[ "$(in_quintet get deployment guid --output 'jsonpath={.status.availableReplicas}')" = 2 ]
through_gateway /guids >/dev/null
run_page 'Upgrade, and the way back' 2
through_gateway /guids >/dev/null

heading 'backup, loss and restore of a database'
at_end 'rm -f movies.dump'
run_page 'Backup and restore' 1
through_gateway /api/movies --request DELETE >/dev/null
[ "$(through_gateway /api/movies | jq length)" = 0 ]
run_page 'Backup and restore' 2
roll_out deployment/inventory
through_gateway /api/movies | grep -q Metropolis

heading 'the load balancer of EC2, without one who gives it an address'
in_quintet patch service gateway --patch-file "$overlays/ec2/load-balancer.yaml"
port=$(in_quintet get service gateway --output 'jsonpath={.spec.ports[0].nodePort}')
on_node curl --silent --fail --max-time 10 --output /dev/null "http://$node_address:$port/health/ready"

heading 'a limit holds across both pods of the gateway, and nobody chooses an address by a field'
in_quintet create configmap quintet --from-literal=LOG_LEVEL=warn --from-literal=RATE_LIMIT=on \
  --from-literal=RATE_LIMIT_POLICIES='"market";q=6;w=3600;by="address";on="/market"'
in_quintet rollout restart deployment/gateway
roll_out deployment/gateway
admitted=0
for ((i = 0; i < 20; i++)); do
  status=$(on_node curl --silent --max-time 15 --output /dev/null --write-out '%{http_code}' --header "X-Forwarded-For: 192.0.2.$i" "$gateway/market")
  [ "$status" = 429 ] || admitted=$((admitted + 1))
done
[ "$admitted" = 6 ] || fail "The pods admitted $admitted of 20 requests together, and not 6."

heading 'the port of operations is at each pod, and at no Service'
pod=$(in_quintet get pod --selector app.kubernetes.io/name=guid --output 'jsonpath={.items[0].status.podIP}')
on_node curl --silent --fail --max-time 10 "http://$pod:9464/metrics" | grep -q '^http_server_request_duration_seconds'
! on_node curl --silent --max-time 5 --output /dev/null "$gateway:9464/metrics" || fail 'The Service of the gateway has it.'
[ "$(on_node curl --silent --max-time 10 --output /dev/null --write-out '%{http_code}' "$gateway/metrics")" = 404 ]

heading 'a change of one service'
in_quintet rollout restart deployment/guid
roll_out deployment/guid
kubectl delete namespace quintet --timeout=120s
printf 'Kubernetes passed in %s s. Policies of the network and autoscalers were validated, and not enforced.\n' "$((SECONDS - started))"
