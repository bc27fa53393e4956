#!/usr/bin/env bash
# Proves .github/workflows and npm run release: linters find nothing, the jobs that need no account run, and a release is made of a copy.
# shellcheck source=deploy/test/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=deploy/test/engine.sh
source deploy/test/engine.sh
packages jq git python3-venv shellcheck
project_packages

program() { # name, module@version
  local name=$1 module=$2 folder=$kept/go-${2##*@}
  [ -x "$folder/$name" ] || GOBIN=$folder go install "$module" 2>"$work/go.log" || fail "$(tail -20 "$work/go.log")"
  ln -s "$folder/$name" "$work/$name"
}
# Runs the jobs of a workflow on this machine, in a copy of the repository with an account of its own.
run_workflow() { # event, workflow, options…
  (cd "$work/copy" && XDG_CACHE_HOME="$work/act-cache" "$work/act" "$1" --workflows ".github/workflows/$2.yml" --platform ubuntu-24.04=-self-hosted --pull=false "${@:3}")
}

heading 'programs'
program actionlint github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
program act github.com/nektos/act@v0.2.89
zizmor=$kept/zizmor-1.32.0
[ -x "$zizmor/bin/zizmor" ] || { python3 -m venv "$zizmor" && "$zizmor/bin/pip" install --quiet --disable-pip-version-check zizmor==1.32.0; }

heading 'the linters find nothing in the workflows, and find what is wrong in others'
"$work/actionlint" .github/workflows/*.yml
"$zizmor/bin/zizmor" --offline --persona pedantic .github/workflows
mkdir "$work/wrong"
cat >"$work/wrong/ci.yml" <<'YAML'
on: pull_request
jobs:
  ci:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v5
      - run: echo ${{ github.event.pull_request.title }} ${{ steps.none.outputs.a }}
YAML
if "$work/actionlint" "$work/wrong/ci.yml" >/dev/null; then fail 'actionlint found nothing'; fi
if "$zizmor/bin/zizmor" --offline "$work/wrong" >/dev/null 2>&1; then fail 'zizmor found nothing'; fi

heading 'the programs of the shell'
git grep --files-with-matches -E '^#!.*\b(ba)?sh$' -- .ci .github deploy scripts | xargs shellcheck --external-sources --severity warning

heading 'a release, of a copy'
export GIT_AUTHOR_NAME=proof GIT_AUTHOR_EMAIL=proof@example.com GIT_COMMITTER_NAME=proof GIT_COMMITTER_EMAIL=proof@example.com
git clone --quiet --no-local . "$work/copy"
ln -s "$root/node_modules" "$work/copy/node_modules"
echo node_modules >>"$work/copy/.git/info/exclude"
install_engine
start_engine build
build_node_image
# The containers in which this engine builds images have no network unless it is that of the machine.
mkdir "$work/bin"
printf '#!/bin/sh\n[ "$1" != build ] || { shift; set -- build --network host "$@"; }\nexec %s "$@"\n' "$(command -v docker)" >"$work/bin/docker"
chmod +x "$work/bin/docker"
(cd "$work/copy" && npm run --silent release -- --dry-run | head -1 && PATH=$work/bin:$PATH npm run --silent release)
tag=$(git -C "$work/copy" describe --exact-match)
[ "$(docker image inspect --format '{{ index .Config.Labels "org.opencontainers.image.revision" }}' "quintet:${tag#v}")" = \
  "$(git -C "$work/copy" rev-parse HEAD)" ]
docker run --rm --network none "quintet:${tag#v}" version | grep "^quintet ${tag#v},"
docker rmi "quintet:${tag#v}" >/dev/null
stop_engine
jq --exit-status '.bomFormat == "CycloneDX" and (.components | length > 50)' "$work/copy/dist/quintet-${tag#v}.cdx.json" >/dev/null

heading 'jobs run by act'
jq --null-input --arg tag "$tag" '{ ref: "refs/tags/\($tag)", ref_name: $tag, ref_type: "tag" }' >"$work/event.json"
run_workflow push release --job verify --eventpath "$work/event.json" --env "GITHUB_REF_NAME=$tag"
if run_workflow push release --job verify --eventpath "$work/event.json" --env GITHUB_REF_NAME=v9.9.9; then
  fail 'A tag of another version was accepted.'
fi
# What these two call takes long and runs by itself, so a program that examines what the job gives it stands in its place.
cat >"$work/examine" <<SH
#!/bin/sh
set -eux
[ "\$(id -u)" = 0 ]
[ "\$(git rev-list --count HEAD)" = "$(git -C "$work/copy" rev-list --count HEAD)" ]
node --version
SH
chmod +x "$work/examine"
for script in run deploy; do cp "$work/examine" "$work/copy/.ci/$script"; done
run_workflow push ci
run_workflow workflow_dispatch deploy-proof
echo 'Pipelines passed. Not run, since they need an account: the registry, signatures, and the environments of deploy.yml.'
