#!/usr/bin/env bash
# Proves Vagrantfile, scripts/ and docs/deploying/machines.md: Vagrant reads the file, and the very scripts, with what Vagrant would give them,
# provision three machines at its addresses, which run systemd in containers of systemd-nspawn instead of VirtualBox. Then the
# commands of the page, the story of an order while billing is stopped, what each machine can reach, and power failures.

# The machines are in namespaces for mounts and the network, which end with their last process, also when this is killed.
case ${1:-} in
  '') "$0" root && exec unshare --mount --net "$0" machines ;;
esac
# shellcheck source=deploy/test/lib.sh
source "$(dirname "$0")/lib.sh"
# The kept base and the control group are the same for every run.
lock machines

# Debian with the packages, Node and PM2 of the scripts, which are installed by their own functions, since the machines have no way out.
# What a box has before is that of a small server.
box=systemd,systemd-sysv,dbus,sudo,iproute2,procps,ca-certificates
mapfile -t packages < <(sed -nE 's/^ *install_packages ([a-z].*)/\1/p' scripts/*.sh | tr ' ' '\n' | sort -u)
software='declare -f install_packages fetch install_node version_of install_project'
checksum=$({
  echo "$box" "${packages[@]}"
  bash -c "source scripts/machine.sh; $software"
  cat package.json package-lock.json
} | sha256sum | cut -c 1-16)
base=$kept/machines-$checksum

make_base() {
  local part=$kept/machines.part bundle=/etc/ssl/certs/ca-certificates.crt
  rm -rf "$part"
  mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io --include="$box" bookworm "$part" 2>"$work/mmdebstrap.log" ||
    fail "$(tail -20 "$work/mmdebstrap.log")"
  useradd --root "$part" --create-home --shell /bin/bash vagrant
  echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >"$part/etc/sudoers.d/vagrant"
  printf '#!/bin/sh\nexit 101\n' >"$part/usr/sbin/policy-rc.d"
  chmod +x "$part/usr/sbin/policy-rc.d"
  # The proxy of this machine may sign what registries send.
  cp -L "${SSL_CERT_FILE:-$bundle}" "$part$bundle"
  cp -L /etc/resolv.conf "$part/etc/resolv.conf"
  mkdir "$part/vagrant"
  # Mounts of its own, which end with it.
  unshare --mount bash -euo pipefail -c "
    mount --bind '$root' '$part/vagrant'
    mount --bind /proc '$part/proc'
    mount --bind /dev '$part/dev'
    exec chroot '$part' env -i PATH='$machine_path' HOME=/root NODE_EXTRA_CA_CERTS=$bundle npm_config_cafile=$bundle bash -c '
      source /vagrant/scripts/machine.sh; install_packages ${packages[*]}; install_node; install_project
      # The scripts enable what they need.
      systemctl --quiet disable postgresql rabbitmq-server'" >"$work/base.log" 2>&1 ||
    fail "$(tail -20 "$work/base.log")"
  rm -rf "$part/usr/sbin/policy-rc.d" "$part/etc/resolv.conf" "$part/root/.npm" "$part"/var/lib/apt/lists/*
  rm -rf "$kept"/machines-*
  mv "$part" "$base"
}
machine_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

if [ "$1" = root ]; then
  packages mmdebstrap systemd-container vagrant iproute2 jq curl git
  [ -d "$base" ] || { heading 'a box with the packages'; make_base; }
  exit
fi

cgroup=quintet-machines
declare -A pids addresses
names=(inventory billing gateway)
origin=$work/origin
clone=$work/clone
gateway=http://192.168.56.10:3000
order='{"user_id":"3","number_of_items":"5","total_amount":"180"}'

# Runs a command in a machine, as root.
in_machine() { # name, command…
  local leader
  [ -n "${pids[$1]:-}" ] && leader=$(pgrep -P "$(pgrep -P "${pids[$1]}")") || { echo "$1-vm does not run." >&2; return 1; }
  nsenter --target "$leader" --all -- env -i PATH="$machine_path" HOME=/root LANG=C.UTF-8 "${@:2}"
}
switch_on() { # name…
  local name
  for name in "$@"; do
    (
      for hierarchy in /sys/fs/cgroup{,/systemd,/unified}; do
        [ ! -e "$hierarchy/cgroup.procs" ] || { mkdir -p "$hierarchy/$cgroup/$name" && echo "$BASHPID" >"$hierarchy/$cgroup/$name/cgroup.procs"; }
      done
      # Where this script is killed, so is what it has started, to the last process.
      exec setpriv --pdeathsig KILL unshare --pid --fork --kill-child --mount-proc \
        systemd-nspawn --quiet --directory "$work/$name/root" --boot --register=no --keep-unit \
        --network-namespace-path "/run/netns/quintet-$name" --capability CAP_NET_ADMIN --machine "$name-vm" --bind "$clone:/vagrant"
    ) >>"$work/$name/console.log" 2>&1 </dev/null &
    pids[$name]=$!
  done
  for name in "$@"; do until_true 90 has_booted "$name"; done
}
has_booted() { # name
  [[ $(in_machine "$1" systemctl is-system-running) =~ ^(running|degraded)$ ]]
}
# Ends machines: by SIGTERM they shut down; by SIGKILL they end as by a power failure.
switch_off() { # signal, name…
  local name
  for name in "${@:2}"; do kill "-$1" "$(pgrep -P "${pids[$name]}")"; done
  for name in "${@:2}"; do
    wait "${pids[$name]}" 2>/dev/null || true
    unset "pids[$name]"
  done
}

# What Vagrant makes of the Vagrantfile: of each machine its name, host name, address, script, and the environment of that.
read_vagrantfile() { # folder
  ruby -r json -r vagrant -e '
    environment = Vagrant::Environment.new(cwd: ARGV[0], ui_class: Vagrant::UI::Silent)
    machines = environment.machine_names.map do |name|
      vm = environment.vagrantfile.machine_config(name, nil, environment.boxes)[:config].vm
      shell = vm.provisioners.map(&:config)
      { name: name, hostname: vm.hostname, address: vm.networks.to_h[:private_network][:ip], script: shell[0].path, env: shell[0].env,
        shells: shell.length }
    end
    puts machines.to_json' "$1"
}
provision() { # name
  local exports="$work/$1/exports"
  jq -r --arg name "$1-vm" '.[] | select(.name == $name) | .env | to_entries[] | "export \(.key)=\(.value | @sh)"' "$work/machines.json" >"$exports"
  jq -r --arg name "$1-vm" '.[] | select(.name == $name) | "exec bash /vagrant/\(.script)"' "$work/machines.json" >>"$exports"
  in_machine "$1" bash -l <"$exports" >"$work/$1/provision.log" 2>&1 || fail "$(tail -40 "$work/$1/provision.log")"
}

# Stands for Vagrant in the commands of the page.
vagrant() {
  local name
  case $1 in
    up)
      for name in "${names[@]}"; do
        [ -z "${pids[$name]:-}" ] || continue
        switch_on "$name"
        [ -e "$work/$name/provision.log" ] || provision "$name"
      done
      ;;
    provision) for name in "${names[@]}"; do provision "$name"; done ;;
    halt) switch_off TERM "${names[@]}" ;;
    status) for name in "${names[@]}"; do printf '%-24s%s\n' "$name-vm" "${pids[$name]:+running (proof)}"; done ;;
    # vagrant ssh NAME-vm -c COMMAND
    ssh)
      # VirtualBox shows the files of the folder as those of this user.
      [ ! -d "$clone/backups" ] || chown -R --reference "$work/${2%-vm}/root/home/vagrant" "$clone/backups"
      in_machine "${2%-vm}" runuser --login vagrant --command "$4"
      ;;
    *) fail "The proof has no vagrant $1." ;;
  esac
}
run_page() { # heading, number of the block
  commands_of docs/deploying/machines.md "$@" >"$work/commands"
  cd "$clone"
  # shellcheck disable=SC1091
  source "$work/commands" >"$work/commands.log" 2>&1
  cd "$root"
}
request() { # path, options of curl…
  curl --silent --show-error --fail-with-body --max-time 20 "$gateway$1" "${@:2}"
}
post() { # path, body
  request "$1" --header 'Content-Type: application/json' --data "$2" >/dev/null
}
has_orders() { # number
  [ "$(in_machine billing runuser -u postgres -- psql -tAX orders_db -c 'select count(*) from orders')" = "$1" ]
}
is_ready() { # name, port
  in_machine "$1" curl --silent --fail --max-time 5 --output /dev/null "http://127.0.0.1:$2/health/ready"
}
all_ready() {
  is_ready inventory 8080 && is_ready billing 8081 && is_ready gateway 3000
}
# Whether a connection can be made from a machine, or from the host.
reaches() { # machine or host, address, port
  local inside=()
  [ "$1" = host ] || inside=(in_machine "$1")
  "${inside[@]}" timeout 2 bash -c "exec 3<>/dev/tcp/$2/$3" 2>/dev/null
}
cannot_reach() { # machine or host, address, ports…
  local port
  for port in "${@:3}"; do
    ! reaches "$1" "$2" "$port" || fail "$1 reaches $2:$port."
  done
}
# The users of the processes of Node.
users_of_node() { # machine
  in_machine "$1" find /proc -maxdepth 2 -path '/proc/[0-9]*/exe' -lname /usr/local/bin/node -printf '%u\n' 2>/dev/null | sort -u | paste -sd ' '
}

# The output of the commands of the page is in a file, and so is that of what ends while they run.
exec 8>&2
on_failure='exec >&8 2>&8; cat "$work"/commands.log; tail -n 20 "$work"/*/provision.log "$work"/*/console.log
  for name in "${names[@]}"; do
    echo "$name-vm:"
    in_machine "$name" bash -c "systemctl --failed --no-legend; journalctl --no-pager -n 15 -p warning; tail -n 8 /var/lib/quintet/.pm2/logs/*-error.log"
  done'

heading 'Vagrant reads the file, and refuses one whose script is missing'
packages=()
project_packages
git clone --quiet --bare "$root" "$origin"
git clone --quiet "$origin" "$clone"
export VAGRANT_HOME="$work/vagrant-home" VAGRANT_CHECKPOINT_DISABLE=1
(cd "$clone" && command vagrant validate --ignore-provider)
[ "$(stat -c %a "$clone/.vagrant/secrets.env")" = 600 ]
cp -r "$clone" "$work/wrong"
rm "$work/wrong/scripts/billing.sh"
if (cd "$work/wrong" && command vagrant validate --ignore-provider) >"$work/wrong.log" 2>&1; then fail 'It was not refused.'; fi
grep -q 'scripts/billing.sh' "$work/wrong.log" || fail "$(cat "$work/wrong.log")"

heading 'credentials: those of .env, or random ones that stay'
read_vagrantfile "$clone" >"$work/machines.json"
read_vagrantfile "$clone" | cmp - "$work/machines.json"
(cd "$clone" && [ -z "$(git status --porcelain)" ]) || fail 'Something of it would be committed.'
echo 'RABBITMQ_PASSWORD=of-the-file' >>"$work/wrong/.env"
read_vagrantfile "$work/wrong" | jq -e 'map(select(.env.QUEUE_URL // "" | contains(":of-the-file@"))) | length == 2' >/dev/null
echo 'POSTGRES_PASSWORD="a/b"' >>"$work/wrong/.env"
if read_vagrantfile "$work/wrong" >"$work/wrong.log" 2>&1; then fail 'A password that is no part of a URL was accepted.'; fi
grep -q '^POSTGRES_PASSWORD must consist of' "$work/wrong.log" || fail "$(cat "$work/wrong.log")"
jq -r '.[] | "\(.name) \(.address)"' "$work/machines.json"

heading 'three machines on one network'
ip link add br0 type bridge
ip address add 192.168.56.1/24 dev br0
ip link set br0 up
ip link set lo up
mkdir -p /run/netns
mount -t tmpfs none /run/netns
for name in "${names[@]}"; do
  addresses[$name]=$(jq -r --arg name "$name-vm" '.[] | select(.name == $name and .hostname == $name and .shells == 1) | .address' "$work/machines.json")
  network_namespace "quintet-$name"
  ip link add "v-$name" master br0 type veth peer name eth1 netns "quintet-$name"
  ip link set "v-$name" up
  ip -n "quintet-$name" address add "${addresses[$name]}/24" dev eth1
  ip -n "quintet-$name" link set eth1 up
  mkdir -p "$work/$name"/{upper,work,root}
  mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/$name/upper,workdir=$work/$name/work" "$work/$name/root"
  echo "$name-vm" >"$work/$name/root/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 %s-vm\n' "$name" >"$work/$name/root/etc/hosts"
  at_end "umount $work/$name/root"
done
at_end "remove_cgroups $cgroup"
# shellcheck disable=SC2016 # expanded at the end
at_end 'switch_off KILL "${!pids[@]}"'

heading 'a script says all that is wrong, and changes nothing'
switch_on gateway
if in_machine gateway env GATEWAY_PORT=none QUEUE_URL= bash /vagrant/scripts/gateway.sh >"$work/refused" 2>&1; then fail 'It was not refused.'; fi
[ "$(grep -c 'must be' "$work/refused")" = 5 ] || fail "$(cat "$work/refused")"
[ ! -e "$work/gateway/root/srv/quintet/.env" ]
switch_off KILL gateway

heading 'vagrant up'
from=$SECONDS
run_page Start
cat "$work/commands.log"
printf '   %s s\n' "$((SECONDS - from))"

heading 'movies through the gateway'
post /api/movies '{"title":"Metropolis","description":"A city in two halves."}'
request /api/movies/1 | grep -q Metropolis
[ "$(in_machine inventory runuser -u postgres -- psql -tAX movies_db -c 'select title from movies')" = Metropolis ]

heading 'orders are accepted while billing_app is stopped, and stored once it is started'
post /api/billing "$order"
until_true 20 has_orders 1
run_page 'Try an interruption' 1
sleep 2
has_orders 1
run_page 'Try an interruption' 2
cat "$work/commands.log"
until_true 20 has_orders 2
request /api/orders | jq -e 'length == 2' >/dev/null

heading 'who reaches what'
reaches host "${addresses[gateway]}" 3000
reaches gateway "${addresses[inventory]}" 8080
reaches gateway "${addresses[billing]}" 8081
reaches gateway "${addresses[billing]}" 5672
reaches inventory 127.0.0.1 5432
cannot_reach gateway "${addresses[inventory]}" 5432
for name in "${names[@]}"; do
  in_machine "$name" curl --silent --fail --max-time 5 http://127.0.0.1:9464/health | grep -q '"status":"ok"'
  cannot_reach host "${addresses[$name]}" 9464
done
cannot_reach gateway "${addresses[billing]}" 5432 4369 15672 25672
cannot_reach host "${addresses[inventory]}" 8080 5432
cannot_reach host "${addresses[billing]}" 8081 5672 5432 4369 25672
cannot_reach inventory "${addresses[billing]}" 8081 5672 5432
cannot_reach billing "${addresses[inventory]}" 8080 5432
for name in inventory billing; do
  ! in_machine "$name" ss -Hltn 'sport = :5432' | grep -v -e '127\.0\.0\.1:5432' -e '\[::1\]:5432' || fail "PostgreSQL of $name-vm listens elsewhere."
done

heading 'nothing runs as root, and no other user can read a password'
for name in "${names[@]}"; do
  [ "$(users_of_node "$name")" = quintet ] || fail "Node of $name-vm runs as: $(users_of_node "$name")"
  [ "$(in_machine "$name" stat -c '%a %U %G' /srv/quintet/.env)" = '640 root quintet' ]
  ! in_machine "$name" runuser --login vagrant --command 'cat /srv/quintet/.env' >/dev/null 2>&1 || fail "$name-vm shows its settings to all."
  while IFS='=' read -r _ secret; do
    ! in_machine "$name" grep -rlaF -- "$secret" /etc /srv/quintet/ecosystem.config.cjs /var/lib/quintet/.pm2 /var/log || fail "$name-vm has a secret there."
    # shellcheck disable=SC2016 # expanded in the machine
    ! in_machine "$name" sh -c 'cat /proc/[0-9]*/cmdline' 2>/dev/null | grep -qaF -- "$secret" || fail "A command line of $name-vm has a secret."
  done <"$clone/.vagrant/secrets.env"
done
! in_machine billing rabbitmqctl --quiet list_users | grep -q '^guest' || fail 'RabbitMQ has its user guest.'

heading 'provisioning again changes nothing'
engines() {
  in_machine billing systemctl show -P ActiveEnterTimestampMonotonic postgresql@15-main rabbitmq-server pm2-quintet
}
before=$(engines)
run_page Provision
[ "$(engines)" = "$before" ] || fail 'An engine was started anew.'
until_true 60 all_ready
has_orders 2
request /api/movies/1 | grep -q Metropolis
[ "$(in_machine gateway pm2 jlist | jq length)" = 2 ]

heading 'power failure of billing-vm, with orders that wait'
in_machine billing pm2 stop billing_app >/dev/null
post /api/billing "$order"
post /api/billing "$order"
switch_off KILL billing
[ "$(curl --silent --max-time 20 --output /dev/null --write-out '%{http_code}' "$gateway/api/billing" --json "$order")" = 503 ] || fail 'An order was accepted without a queue.'
request /api/movies/1 | grep -q Metropolis
from=$SECONDS
switch_on billing
until_true 120 post /api/billing "$order"
printf '   an order is accepted again after %s s\n' "$((SECONDS - from))"
until_true 120 has_orders 5

heading 'power failure of all three'
in_machine billing pm2 stop billing_app >/dev/null
post /api/billing "$order"
post /api/movies '{"title":"Nosferatu","description":"A symphony."}'
switch_off KILL "${names[@]}"
from=$SECONDS
switch_on "${names[@]}"
until_true 120 all_ready
printf '   all are ready again after %s s\n' "$((SECONDS - from))"
until_true 60 has_orders 6
[ "$(request /api/movies | jq length)" = 2 ]
post /api/billing "$order"
until_true 20 has_orders 7

heading 'an orderly stop of all three'
run_page 'Stop and start'
until_true 120 all_ready
has_orders 7

heading 'a backup, and its restore'
run_page 'Backup and restore' 1
[ "$(git -C "$clone" status --porcelain)" = '' ] || fail 'The backup would be committed.'
request /api/movies --request DELETE >/dev/null
[ "$(request /api/movies | jq length)" = 0 ]
run_page 'Backup and restore' 2
until_true 60 all_ready
[ "$(request /api/movies | jq length)" = 2 ]
has_orders 7
post /api/billing "$order"
until_true 20 has_orders 8

heading 'an upgrade, and the way back'
earlier=$(git -C "$clone" rev-parse --short HEAD)
(
  cd "$clone"
  echo '// A later version.' >>quintet.ts
  git -c user.name=proof -c user.email=proof@example.com commit --quiet --all --message 'A later version'
  git push --quiet && git reset --quiet --hard HEAD~1
)
run_page 'Upgrade, and the way back' 1
grep -q 'A later version' "$work/gateway/root/srv/quintet/quintet.ts"
until_true 60 all_ready
has_orders 8
(cd "$clone" && git checkout --quiet "$earlier")
vagrant provision
! grep -q 'A later version' "$work/gateway/root/srv/quintet/quintet.ts" || fail 'The later version is still there.'
until_true 60 all_ready
post /api/billing "$order"
until_true 20 has_orders 9
