# shellcheck shell=bash
# A Docker Engine of its own, with Compose, and images for it; sourced after lib.sh. Images are built by an engine in the network of
# the machine, with no bridge and no rule of a firewall; containers run in a network namespace, which reaches nothing else.

# shellcheck source=deploy/test/lib.sh
compose_version=v2.40.3
engine_data=$kept/engine
# Engines that have other data may run at the same time.
engine_namespace=quintet-docker-$(cksum <<<"$kept" | cut -d ' ' -f 1)
engine_cgroup=$engine_namespace
export DOCKER_HOST="unix://$work/docker.sock" DOCKER_CONFIG="$work/docker" DOCKER_BUILDKIT=0

install_engine() {
  packages docker.io iptables iproute2 jq curl mmdebstrap
  mkdir -p "$engine_data" "$DOCKER_CONFIG/cli-plugins"
  lock engine
  # Of a run that was killed.
  remove_cgroups "$engine_cgroup"
  unmount_below "$engine_data"
  # It takes minutes where it is not kept, so images are built meanwhile.
  build_compose 9>&- &
  compose_build=$!
  at_end "wait $compose_build"
  ln -s "$kept/docker-compose-$compose_version" "$DOCKER_CONFIG/cli-plugins/docker-compose"
  cat >"$work/daemon.json" <<JSON
{
  "data-root": "$engine_data", "exec-root": "$work/exec", "pidfile": "$work/docker.pid", "hosts": ["$DOCKER_HOST"],
  "deprecated-key-path": "$engine_data/key.json", "storage-driver": "overlay2", "cgroup-parent": "/$engine_cgroup", "oom-score-adjust": 0,
  "default-ulimits": { "nofile": { "Name": "nofile", "Hard": 20000, "Soft": 20000 } }
}
JSON
  at_end stop_engine
  # A run that was killed has left containers, which an engine would start again.
  [ ! -e "$engine_data/in-use" ] || { start_engine run && stop_engine; }
}

# The plugin is built from its module. Go ignores the exclusions and replacements of a module that is not the main one, so they are
# repeated.
build_compose() {
  local program=$kept/docker-compose-$compose_version module=github.com/docker/compose/v2
  [ ! -x "$program" ] || return 0
  command -v go >/dev/null || fail 'Go is missing, by which the Compose plugin is built.'
  mkdir "$work/compose"
  (
    cd "$work/compose"
    go mod init quintet.example/compose
    file=$(go mod download -json "$module@$compose_version" | jq -r .GoMod)
    go mod edit -json "$file" | jq -r '.Exclude // [] | .[] | "-exclude=\(.Path)@\(.Version)"' | xargs -r go mod edit
    go mod edit -json "$file" |
      jq -r '.Replace // [] | .[] | "-replace=\(.Old.Path)=\(.New.Path)@\(.New.Version)"' | xargs -r go mod edit
    go get -tool "$module/cmd@$compose_version"
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X $module/internal.Version=$compose_version" -o "$program.part" "$module/cmd"
  ) >"$work/compose.log" 2>&1 || fail "$(tail -20 "$work/compose.log")"
  mv "$program.part" "$program"
}

# Starts the engine: `build` in the network of the machine, `run` in the namespace.
start_engine() {
  local enter=() options=()
  if [ "$1" = build ]; then
    options=(--bridge none --iptables=false --ip-forward=false)
  else
    network_namespace "$engine_namespace"
    enter=(nsenter "--net=/run/netns/$engine_namespace")
  fi
  # It ends with this script, also when that is killed, and has the lock until then. An interrupt is for the script, which still needs it.
  setsid setpriv --pdeathsig TERM "${enter[@]}" dockerd --config-file "$work/daemon.json" "${options[@]}" >>"$work/dockerd.log" 2>&1 &
  engine_pid=$!
  on_failure='tail -20 "$work/dockerd.log"'
  until_true 60 docker version
  touch "$engine_data/in-use"
  on_failure=
}

stop_engine() {
  [ -n "${engine_pid:-}" ] || return 0
  docker ps -aq | xargs -r docker rm --force --volumes
  docker volume prune --force >/dev/null
  docker network prune --force >/dev/null && rm -f "$engine_data/in-use"
  end_process "$engine_pid"
  engine_pid=
  unmount_below "$work/exec"
  unmount_below "$engine_data"
  remove_cgroups "$engine_cgroup"
}

# Runs a command in the network of the containers' host, where their published ports are.
on_host() {
  nsenter --net="/run/netns/$engine_namespace" "$@"
}

# Whether an image was made from these inputs; the checksum is in its label.
is_current() { # image, checksum
  [ "$(docker image inspect --format '{{ index .Config.Labels "inputs" }}' "$1" 2>/dev/null)" = "$2" ]
}

build_image() { # options of docker build
  docker build "$@" >"$work/build.log" 2>&1 || fail "$(tail -30 "$work/build.log")"
}

# A root file system of Debian packages as an image.
import_debian() { # image, checksum, packages with commas
  mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io --include="$3" bookworm "$work/root.tar" 2>"$work/mmdebstrap.log" ||
    fail "$(tail -20 "$work/mmdebstrap.log")"
  docker import --change "LABEL inputs=$2" "$work/root.tar" "$1" >/dev/null
  rm "$work/root.tar"
}

# The image that deploy/Dockerfile begins with, by its name: Debian, with the project's Node and the machine's npm.
build_node_image() {
  local name checksum images=deploy/test/images
  name=$(sed -n 's/^FROM \(node:[^ ]*\).*/\1/p' deploy/Dockerfile | head -1)
  checksum=$(checksum_of "$images/node" node_modules/node/package.json)
  is_current "$name" "$checksum" && return 0
  is_current debian:bookworm-slim "$checksum" ||
    import_debian debian:bookworm-slim "$checksum" ca-certificates,libatomic1,libstdc++6
  mkdir "$work/node"
  cp -L node_modules/node/bin/node "$work/node/node"
  cp -rL "$(dirname "$(readlink -f "$(command -v npm)")")/.." "$work/node/npm"
  # Where a proxy signs what registries send, its certificate is in the bundle of the machine.
  cp -L "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$work/node/certificates.crt"
  build_image --label "inputs=$checksum" --tag "$name" --file "$images/node/Dockerfile" "$work/node"
}

# All images that the proofs have in common.
build_images() {
  build_node_image
  build_quintet_images
  build_stand_ins
}

# The engine, with these images and what the named functions build, ready to run containers.
engine_with_images() { # function…
  local build
  install_engine
  start_engine build
  for build in build_images "$@"; do "$build"; done
  stop_engine
  start_engine run
}

# The images of the project: that of the services, and that of the tests.
build_quintet_images() {
  build_image --network host --file deploy/Dockerfile --tag quintet:latest .
  build_image --network host --file deploy/Dockerfile --target test --tag quintet-test:latest .
}

# Images of Debian's packages under the names of the engines' own: each does what compose.yaml expects of the original.
build_stand_ins() {
  local engine name checksum images=deploy/test/images base=quintet-engines:latest
  checksum=$(checksum_of backends/src/engines/kafka backends/src/engines/moto "$images/engines.txt" "$images/kafka/pom.xml")
  if ! is_current "$base" "$checksum"; then
    is_current "$base-debian" "$checksum" ||
      import_debian "$base-debian" "$checksum" "$(paste -sd , "$images/engines.txt")"
    make_engine_libraries "$work/engines"
    printf 'FROM %s\nCOPY . /opt/\n' "$base-debian" |
      build_image --label "inputs=$checksum" --tag "$base" --file - "$work/engines"
  fi
  wait "$compose_build"
  for engine in postgres redis rabbitmq kafka dynamodb; do
    name=$(docker compose config --format json | jq -r ".services.$engine.image")
    build_image --tag "$name" "$images/$engine"
  done
}

# What no package of Debian has: Kafka, and moto, the stand-in for DynamoDB.
make_engine_libraries() { # folder
  local images=deploy/test/images
  mkdir -p "$1/kafka/libs" "$1/moto"
  packages maven
  mvn -q -B -f backends/src/engines/kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$1/kafka/libs"
  mvn -q -B -f "$images/kafka/pom.xml" dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$1/kafka/libs"
  python3 -m pip install --quiet --disable-pip-version-check --no-compile --python-version 3.11 --only-binary :all: \
    --target "$1/moto" --requirement backends/src/engines/moto/requirements.txt
  cp backends/src/engines/moto/server.py "$1/moto/"
  cp backends/src/engines/kafka/log4j2.properties "$1/kafka/"
}
