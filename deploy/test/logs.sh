#!/usr/bin/env bash
# Proves deploy/logs.yaml and the traces of deploy/observability/compose.observability.yaml on a real Docker Engine: a line of each service
# is found by the trace id of a request, also when the collector or the store was away meanwhile, and an order by its trace, from the request
# to its row. The collector, VictoriaLogs and Jaeger are built from their modules.
# shellcheck source=deploy/test/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=deploy/test/engine.sh
source deploy/test/engine.sh

victorialogs=v1.52.2
collector=v0.160.0
jaeger=v1.76.0
gateway=http://127.0.0.1:3000
export COMPOSE_PROGRESS=quiet COMPOSE_ANSI=never COMPOSE_FILE=compose.yaml:deploy/logs.yaml:deploy/observability/compose.observability.yaml DOCKER_CONTAINERS=$engine_data/containers

build_programs() {
  local parts folder
  parts=$(sha256sum <deploy/test/images/collector/builder.yaml | head -c 16)
  folder=$kept/logs-$victorialogs-$collector-$jaeger-$parts
  if [ ! -x "$folder/collector" ]; then
    mkdir -p "$folder" "$work/builder"
    (
      GOBIN=$work/builder CGO_ENABLED=0 go install "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs@$victorialogs"
      GOBIN=$work/builder go install "go.opentelemetry.io/collector/cmd/builder@$collector"
      sed "s#^dist:#dist:\n  output_path: $work/builder/out#" deploy/test/images/collector/builder.yaml >"$work/builder/builder.yaml"
      CGO_ENABLED=0 "$work/builder/builder" --config "$work/builder/builder.yaml"
      mkdir "$work/jaeger"
      cd "$work/jaeger"
      go mod init quintet.example/jaeger
      go get -tool "github.com/jaegertracing/jaeger/cmd/all-in-one@$jaeger"
      CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$work/builder/jaeger" github.com/jaegertracing/jaeger/cmd/all-in-one
    ) >"$work/builder.log" 2>&1 || fail "$(tail -20 "$work/builder.log")"
    mv "$work/builder/victoria-logs" "$work/builder/jaeger" "$folder/"
    mv "$work/builder/out/collector" "$folder/"
  fi
  image_of() { docker compose config --format json | jq -r ".services.$1.image"; }
  printf 'FROM debian:bookworm-slim\nCOPY victoria-logs /\nENTRYPOINT ["/victoria-logs"]\n' |
    build_image --tag "$(image_of victorialogs)" --file - "$folder"
  printf 'FROM debian:bookworm-slim\nCOPY collector /\nENTRYPOINT ["/collector"]\n' |
    build_image --tag "$(image_of collector)" --file - "$folder"
  printf 'FROM debian:bookworm-slim\nCOPY jaeger /\nENTRYPOINT ["/jaeger"]\n' |
    build_image --tag "$(image_of jaeger)" --file - "$folder"
}
request() {
  on_host curl -sS --fail-with-body --max-time 20 "$@"
}
# The names of the services that have lines of a trace.
services_of() { # trace id
  request http://127.0.0.1:9428/select/logsql/query --data-urlencode "query=trace_id:=$1 | fields service.name" |
    jq -r '."service.name"' | sort -u | paste -sd ' '
}
has_services() { # trace id, services
  [ "$(services_of "$1")" = "$2" ]
}
trace() {
  head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n'
}
# A request that fails has its lines as well.
traced() { # trace id, address
  on_host curl -sS --max-time 20 -o /dev/null -H "traceparent: 00-$1-00f067aa0ba902b7-01" "$2"
}

heading 'the engine, the images, the collector and the store'
project_packages
engine_with_images build_programs
at_end "docker compose --profile '*' down --volumes --timeout 15"
on_failure='docker compose logs --no-color --tail 15 collector victorialogs jaeger'
# Prometheus is proved by the tests that need engines, and Grafana is not among the programs that can be built here.
docker compose config --services | grep -vxE 'prometheus|alertmanager|grafana' |
  xargs docker compose up --no-build --pull never --wait
until_true 60 request "$gateway/health/ready"

heading 'a line of each service is found by the trace id of a request through the gateway'
for target in guid:guids brokerage:accounts/1 certificates:users/1 inventory:api/movies billing:api/orders; do
  id=$(trace)
  traced "$id" "$gateway/${target#*:}"
  until_true 60 has_services "$id" "$(printf '%s\n' "${target%%:*}" gateway | sort | paste -sd ' ')"
done

heading 'lines that are written while the collector is away are found later'
docker compose stop collector
id=$(trace)
traced "$id" "$gateway/guids"
docker compose start collector
until_true 60 has_services "$id" 'gateway guid'

heading 'lines that are written while the store is away are found later'
docker compose stop victorialogs
id=$(trace)
traced "$id" "$gateway/guids"
docker compose start victorialogs
until_true 60 has_services "$id" 'gateway guid'

heading 'the trace of an order is found in Jaeger, from its request through RabbitMQ to its row'
jaeger_api=http://127.0.0.1:16686/api
spans_of() { # trace id
  request "$jaeger_api/traces/$1" | jq -r '.data[].spans[].operationName' | sort -u | paste -sd ','
}
# Those of what handled the messages that a trace has sent.
spans_caused_by() { # trace id
  request "$jaeger_api/traces?service=billing&operation=process%20billing_queue&limit=100" |
    jq -r --arg id "$1" '.data[] | select(any(.spans[].references[]?; .traceID == $id)) | .spans[].operationName' | sort -u | paste -sd ','
}
includes() { # text, command…
  [[ $("${@:2}") == *"$1"* ]]
}
id=$(trace)
request "$gateway/api/billing" -H "traceparent: 00-$id-00f067aa0ba902b7-01" -H 'Content-Type: application/json' \
  -d '{"user_id":"7","number_of_items":"2","total_amount":"10"}'
until_true 60 includes 'send billing_queue' spans_of "$id"
until_true 60 includes 'commit INSERT' spans_caused_by "$id"
printf 'request: %s\nmessage: %s\n' "$(spans_of "$id")" "$(spans_caused_by "$id")"
heading 'logs: passed'
