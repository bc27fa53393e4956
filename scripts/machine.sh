# shellcheck shell=bash
# What the scripts of the three machines share; each sources it first. They need root and systemd, on Debian 12 or Ubuntu 24.04, or a newer
# one. They change only what is not as it should be, so they can be run again: after a change of settings, or for another version.
set -Eeuo pipefail
trap 'printf "%s: line %s failed: %s\n" "${BASH_SOURCE[0]}" "$LINENO" "$BASH_COMMAND" >&2' ERR

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Where the services run from, which only root can change, and where their user has its files.
home=/srv/quintet
state=/var/lib/quintet

heading() {
  printf '== %s\n' "$*"
}
fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# Ends with all that is wrong with the machine and the settings of the script, before anything is changed.
require() { # name of a setting…
  local name faults=()
  [ "$(id -u)" = 0 ] || faults+=('The script must run as root.')
  command -v apt-get >/dev/null || faults+=('The machine must be one of Debian or Ubuntu: it has no apt-get.')
  [ -d /run/systemd/system ] || faults+=('The machine must have been started by systemd.')
  for name in "$@"; do
    if [ -z "${!name:-}" ]; then
      faults+=("$name must be set: the Vagrantfile gives it to this script.")
    elif [[ $name == *_PORT && ! ${!name} =~ ^[1-9][0-9]{0,4}$ ]]; then
      faults+=("$name must be a port, a number from 1 to 65535.")
    elif [[ $name == *_DATABASE_URL && ! ${!name} =~ $url_of_database ]]; then
      faults+=("$name must be postgres://user:password@127.0.0.1:5432/database, of letters, digits and . _ ~ -")
    fi
  done
  [ ${#faults[@]} = 0 ] || fail "${faults[@]}"
}
url_of_database='^postgres://([A-Za-z0-9._~-]+):([A-Za-z0-9._~-]+)@127\.0\.0\.1:5432/([a-z_]+)$'

# Writes a file from standard input, and sets "changed" to whether it differed.
put() { # file, options of install…
  local new
  new=$(mktemp)
  cat >"$new"
  changed=
  if ! cmp --silent "$new" "$1"; then
    install -D "${@:2}" "$new" "$1"
    changed=yes
  fi
  rm "$new"
}

install_packages() {
  local name missing=()
  for name in "$@"; do
    dpkg-query --show --showformat '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  heading "packages: ${missing[*]}"
  local options=(-qq -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0)
  apt-get "${options[@]}" update
  DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" --yes --no-install-recommends install "${missing[@]}"
}

# A package of npm, unpacked. It needs no npm, which the packages of a distribution have in versions too old.
fetch() { # package, version, folder
  mkdir -p "$3"
  curl --silent --show-error --fail --location --retry 5 --retry-all-errors "https://registry.npmjs.org/$1/-/$1-$2.tgz" |
    tar --extract --gzip --strip-components 1 --no-same-owner --directory "$3"
}

# Node and PM2 in the versions that package.json names, and an npm; "installed" is set where one was not there.
install_node() {
  local node npm=12.2.2 pm2 architecture modules=/usr/local/lib/node_modules new
  node=$(sed -n 's/^ *"node": "\([0-9.]*\)",$/\1/p' "$project/package.json")
  pm2=$(sed -n 's/^ *"pm2": .*pm2@\([0-9.]*\)",$/\1/p' "$project/package.json")
  case $(dpkg --print-architecture) in
    amd64) architecture=x64 ;;
    arm64) architecture=arm64 ;;
    *) fail "There is no Node for $(dpkg --print-architecture) in the registry of npm." ;;
  esac
  install_packages ca-certificates curl libatomic1
  new=$(mktemp --directory)
  installed=
  if [ "$(/usr/local/bin/node --version 2>/dev/null)" != "v$node" ]; then
    heading "Node $node"
    fetch "node-linux-$architecture" "$node" "$new/node"
    install "$new/node/bin/node" /usr/local/bin/node
    installed=yes
  fi
  if [ "$(version_of "$modules/npm")" != "$npm" ]; then
    heading "npm $npm"
    fetch npm "$npm" "$new/npm"
    mkdir -p "$modules"
    rm -rf "$modules/npm"
    mv "$new/npm" "$modules/npm"
    ln -sf ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
  fi
  if [ "$(version_of "$modules/pm2")" != "$pm2" ]; then
    heading "PM2 $pm2"
    npm install --global --prefix /usr/local --ignore-scripts --no-audit --no-fund --loglevel error "pm2@$pm2"
    installed=yes
  fi
  rm -rf "$new"
}
version_of() { # folder of a package
  sed -n 's/^  "version": "\([0-9.]*\)",\?$/\1/p' "$1/package.json" 2>/dev/null || true
}

# The files that the services need, for root only to change, and their packages.
install_project() {
  install_packages rsync logrotate
  id quintet >/dev/null 2>&1 || useradd --system --user-group --home-dir "$state" --shell /usr/sbin/nologin quintet
  install --directory --mode 700 --owner quintet --group quintet "$state"
  install --directory "$home"
  (cd "$project" && rsync --archive --relative --delete --exclude node_modules --exclude test --chown root:root --chmod D755,F644 \
    package.json package-lock.json quintet.ts topology.ts ecosystem.config.cjs cli chassis contracts services \
    backends/package.json clients/package.json "$home/")
  if ! cmp --silent "$home/package-lock.json" "$home/node_modules/.installed"; then
    heading 'the packages of the services'
    (cd "$home" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel error)
    cp "$home/package-lock.json" "$home/node_modules/.installed"
  fi
}

# Runs a command in the folder of the services as their user, with none of the variables of root.
as_quintet() {
  (cd "$home" && setpriv --reuid quintet --regid quintet --init-groups --reset-env "$@")
}

# The settings of the services of this machine: the lines of .env, but for passwords, which are in URLs here, and these instead.
write_settings() { # NAME=value…
  local names
  names=$(printf '%s\n' "$@" | sed 's/=.*//' | paste -sd '|')
  put "$home/.env" --mode 640 --group quintet < <(
    grep -vE "^[[:space:]]*(export[[:space:]]+)?(\w+_PASSWORD|\w+_USER|$names)[[:space:]]*=" "$project/.env" || true
    printf '%s\n' "$@"
  )
}

# A role and its database, which listen on loopback only.
create_database() { # URL
  install_packages postgresql
  [[ $1 =~ $url_of_database ]]
  local user=${BASH_REMATCH[1]} password=${BASH_REMATCH[2]} database=${BASH_REMATCH[3]} configuration
  configuration=$(find /etc/postgresql -mindepth 3 -maxdepth 3 -name conf.d | sort --version-sort | tail -1)
  [ -n "$configuration" ] || fail 'PostgreSQL has no cluster: pg_createcluster makes one.'
  systemctl enable --quiet postgresql
  put "$configuration/quintet.conf" --mode 644 <<<"listen_addresses = 'localhost'"
  systemctl "${changed:+re}start" postgresql
  heading "$database"
  # The values cannot have quotes. Standard input, and not an argument, has the password, since all users can read the latter.
  (cd / && setpriv --reuid postgres --regid postgres --init-groups --reset-env psql --no-psqlrc --quiet --set ON_ERROR_STOP=1) <<SQL
select 'create role "$user" login' where not exists (select from pg_roles where rolname = '$user') \gexec
alter role "$user" login password '$password';
select 'create database "$database" owner "$user" template template0 encoding ''UTF8'' locale ''C.UTF-8'''
where not exists (select from pg_database where datname = '$database') \gexec
SQL
}

# Lets only these in, beside SSH: a port from everywhere, or from one address.
open_ports() { # port or address:port…
  local one rules=()
  for one in "$@"; do
    case $one in
      *:*) rules+=("    ip saddr ${one%:*} tcp dport ${one#*:} accept") ;;
      *) rules+=("    tcp dport $one accept") ;;
    esac
  done
  install_packages nftables
  put /etc/nftables.conf --mode 644 <<NFT
#!/usr/sbin/nft -f
# Written by scripts/machine.sh.
table inet quintet
delete table inet quintet
table inet quintet {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iif lo accept
    meta l4proto { icmp, ipv6-icmp } accept
    tcp dport 22 accept
$(printf '%s\n' "${rules[@]}")
  }
}
NFT
  systemctl enable --quiet nftables
  systemctl reload-or-restart nftables
}

# Starts the service by PM2, or replaces its processes, and waits until it is ready.
start_app() { # name in ecosystem.config.cjs, port
  heading "$1"
  # In front of PM2's own command in the path of root.
  put /usr/local/sbin/pm2 <"$project/scripts/pm2"
  put /etc/logrotate.d/quintet --mode 644 <"$project/scripts/logrotate.conf"
  put /etc/systemd/system/pm2-quintet.service --mode 644 <"$project/scripts/pm2-quintet.service"
  [ -z "$changed" ] || systemctl daemon-reload
  systemctl enable --quiet pm2-quintet
  # One that runs is PM2 of an earlier version, or on an earlier Node, where another was installed.
  systemctl "${installed:+re}start" pm2-quintet
  /usr/local/sbin/pm2 startOrReload ecosystem.config.cjs --only "$1" >/dev/null
  /usr/local/sbin/pm2 save --force >/dev/null
  curl --silent --show-error --fail --retry 90 --retry-delay 1 --retry-all-errors --output /dev/null \
    "http://127.0.0.1:$2/health/ready" 2>/dev/null || not_ready "$@"
}
not_ready() { # name, port
  curl --silent --show-error --max-time 10 "http://127.0.0.1:$2/health/ready" >&2 || true
  tail --lines 20 "$state"/.pm2/logs/*-error.log >&2 || true
  fail "$1 is not ready: what it responds and its log are above."
}
