# shellcheck shell=bash
# A cluster of Kubernetes of one node, sourced after lib.sh. Its programs are built from their Go modules. All of it runs in a network
# namespace that reaches nothing else, and in a mount namespace, which takes what it mounts with it.

kubernetes_version=v1.34.4
coredns_version=v1.13.1
# A program is kept by the checksum of its source.
kubernetes_program=$kept/kubernetes-$kubernetes_version-$(checksum_of deploy/test/programs/kubernetes)
coredns_program=$kept/coredns-$coredns_version-$(checksum_of deploy/test/programs/coredns)
pause_program=$kept/pause-$(checksum_of deploy/test/programs/pause)
node_address=10.90.0.1
cluster_folder=$work/cluster
cluster_namespace=quintet-node
export KUBECONFIG=$cluster_folder/admin.conf KUBECACHEDIR=$cluster_folder/cache

install_cluster() {
  # etcd's package makes a user and a unit, which is not started.
  packages etcd-server containerd containernetworking-plugins iproute2 iptables nftables conntrack ethtool jq curl openssl
  build_cluster_programs
}

# Takes minutes the first time.
build_cluster_programs() {
  command -v go >/dev/null || fail 'Go is missing, by which the programs of the cluster are built.'
  build_program "$pause_program" pause :
  build_program "$coredns_program" coredns 'require_module github.com/coredns/coredns' "$coredns_version"
  build_program "$kubernetes_program" kubernetes require_kubernetes "$kubernetes_version" "$(version_flags)"
}

build_program() { # file, name, what completes go.mod, version, flags of the linker
  local program=$1 name=$2 complete=$3 version=${4:-} flags=${5:-}
  [ ! -x "$program" ] || return 0
  heading "building $name $version"
  rm -rf "$work/build"
  cp -r "deploy/test/programs/$name" "$work/build"
  (
    cd "$work/build"
    go mod init "quintet.example/$name"
    # shellcheck disable=SC2086 # a command and its first argument
    $complete "$version"
    go mod tidy
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w $flags" -o "$program.part" .
  ) >"$work/build.log" 2>&1 || fail "$(tail -20 "$work/build.log")"
  mv "$program.part" "$program"
}

require_module() { # module, version
  go mod edit "-require=$1@$2"
}
# Go ignores the replacements of a module that is not the main one, by which Kubernetes finds its own parts.
require_kubernetes() { # version
  local module=k8s.io/kubernetes file part
  file=$(go mod download -json "$module@$1" | jq -r .GoMod)
  go mod edit -go 1.24.0 -godebug default=go1.24 "-require=$module@$1"
  for part in $(go mod edit -json "$file" | jq -r '.Replace[] | select(.New.Path | startswith("./")) | .Old.Path'); do
    go mod edit "-replace=$part=$part@v0${1#v1}"
  done
}
version_flags() {
  local package minor=${kubernetes_version#v1.}
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    printf -- '-X %s.gitVersion=%s -X %s.gitMajor=1 -X %s.gitMinor=%s ' "$package" "$kubernetes_version" "$package" "$package" "${minor%.*}"
  done
}

on_node() {
  nsenter --target "$node_pid" --net --mount "--wd=$PWD" "$@"
}
# The same in the background, as the process $! itself and not as a child of it.
in_background() {
  nsenter --target "$node_pid" --net --mount "--wd=$PWD" "$@" 9>&- &
}
# kubectl of the version of the cluster, in its network, also for the programs that this script runs.
provide_kubectl() {
  mkdir "$work/bin"
  printf '#!/bin/sh\nexec nsenter --target %s --net --mount "--wd=$PWD" %s kubectl "$@"\n' "$node_pid" "$kubernetes_program" \
    >"$work/bin/kubectl"
  chmod +x "$work/bin/kubectl"
  export PATH=$work/bin:$PATH
}

# A network namespace with an interface, and a mount namespace with what the node writes outside of its own folder.
start_node() {
  lock cluster
  [ ! -e "/run/netns/$cluster_namespace" ] || remove_pods
  [ ! -e /sys/fs/cgroup/memory/kubepods ] && [ ! -e /sys/fs/cgroup/kubepods ] || fail 'This machine is a node of a cluster already.'
  mkdir -p "$cluster_folder"/{sysctl,volumes,logs}
  network_namespace "$cluster_namespace"
  ip -n "$cluster_namespace" link add eth0 type veth peer name peer0
  ip -n "$cluster_namespace" address add "$node_address/24" dev eth0
  ip -n "$cluster_namespace" link set eth0 up
  ip -n "$cluster_namespace" link set peer0 up
  ip -n "$cluster_namespace" route add default via 10.90.0.254
  local folder
  for folder in /var/lib/kubelet /var/lib/cni /var/log/containers; do
    [ -d "$folder" ] || at_end "rmdir $folder"
    mkdir -p "$folder"
  done
  at_end remove_pods
  nsenter --net="/run/netns/$cluster_namespace" unshare --mount --propagation slave bash -c '
    set -e
    mount --make-rshared /
    for folder in /var/lib/kubelet /var/lib/cni /var/log/containers /run/netns /run/containerd; do
      mkdir -p "$folder"
      mount -t tmpfs tmpfs "$folder"
    done
    mount --make-rshared /var/lib/kubelet
    # The kubelet sets these for the whole machine, unless they have its values; so it reads and writes copies.
    for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
      kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
      name=${setting%=*}
      [ -e "/proc/sys/$name" ] || continue
      echo "${setting#*=}" >"$0/${name//\//.}"
      mount --bind "$0/${name//\//.}" "/proc/sys/$name"
    done
    touch "$0/ready"
    exec sleep infinity' "$cluster_folder/sysctl" 9>&- &
  node_pid=$!
  at_end "end_process $node_pid"
  until_true 10 test -e "$cluster_folder/sysctl/ready"
  provide_kubectl
}

# Starts a process of the node, which is ended before those that were started earlier.
node_process() { # name, command…
  local name=$1
  shift
  in_background "$@" >"$cluster_folder/logs/$name" 2>&1
  at_end "end_process $!"
}

start_cluster() {
  start_node
  on_failure=show_cluster
  make_credentials
  write_configuration
  node_process etcd etcd --data-dir "$cluster_folder/etcd" --unsafe-no-fsync --listen-client-urls http://127.0.0.1:2379 \
    --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
  node_process apiserver "$kubernetes_program" kube-apiserver --etcd-servers http://127.0.0.1:2379 \
    --advertise-address "$node_address" --service-cluster-ip-range 10.96.0.0/16 --authorization-mode Node,RBAC \
    --token-auth-file "$cluster_folder/tokens.csv" --tls-cert-file "$cluster_folder/server.crt" \
    --tls-private-key-file "$cluster_folder/server.key" --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file "$cluster_folder/accounts.key" --service-account-signing-key-file "$cluster_folder/accounts.key" \
    --kubelet-preferred-address-types InternalIP --cert-dir "$cluster_folder"
  until_true 90 kubectl get --raw /readyz
}

# The rest, without which the API server validates and stores objects only.
start_components() {
  node_process containerd containerd --config "$cluster_folder/containerd.toml"
  until_true 30 on_containerd version
  node_process controllers "$kubernetes_program" kube-controller-manager --kubeconfig "$KUBECONFIG" --leader-elect=false \
    --service-account-private-key-file "$cluster_folder/accounts.key" --root-ca-file "$cluster_folder/ca.crt" --cert-dir "$cluster_folder"
  node_process scheduler "$kubernetes_program" kube-scheduler --kubeconfig "$KUBECONFIG" --leader-elect=false \
    --cert-dir "$cluster_folder"
  node_process proxy "$kubernetes_program" kube-proxy --config "$cluster_folder/proxy.yaml"
  node_process dns "$coredns_program" -conf "$cluster_folder/Corefile"
  # The containers stay when containerd ends.
  at_end 'pkill -KILL -f -- "containerd-shim-runc-v2 .*-address $cluster_folder/containerd.sock"; remove_pods'
  node_process kubelet "$kubernetes_program" kubelet --config "$cluster_folder/kubelet.yaml" --root-dir /var/lib/kubelet \
    --kubeconfig "$cluster_folder/node.conf" --node-ip "$node_address" --hostname-override node --cert-dir "$cluster_folder/kubelet"
  until_true 60 kubectl wait --for=condition=Ready node/node --timeout=1s
}

remove_pods() {
  remove_cgroups kubepods
  remove_cgroups k8s.io
}

on_containerd() {
  on_node ctr --address "$cluster_folder/containerd.sock" --namespace k8s.io "$@"
}

show_cluster() {
  kubectl -n quintet get all,events,pvc 2>&1 | tail -80
  kubectl -n quintet logs --all-containers --prefix --tail 5 -l app.kubernetes.io/part-of=quintet 2>&1 | tail -60
  tail -n 5 "$cluster_folder"/logs/*
}

make_credentials() {
  local folder=$cluster_folder
  {
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=authority -keyout "$folder/ca.key" -out "$folder/ca.crt"
    openssl req -newkey rsa:2048 -nodes -subj /CN=kubernetes -keyout "$folder/server.key" -out "$folder/server.csr"
    openssl x509 -req -days 1 -in "$folder/server.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial \
      -extfile <(echo "subjectAltName=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:10.96.0.1,IP:$node_address") \
      -out "$folder/server.crt"
    openssl genrsa -out "$folder/accounts.key" 2048
  } 2>"$folder/openssl.log"
  local user group token
  for user in admin node; do
    token=$(openssl rand -hex 16)
    if [ "$user" = admin ]; then group=system:masters name=admin; else group=system:nodes name=system:node:node; fi
    echo "$token,$name,$name,$group" >>"$folder/tokens.csv"
    cat >"$folder/$user.conf" <<YAML
apiVersion: v1
kind: Config
clusters: [{ name: quintet, cluster: { server: 'https://$node_address:6443', certificate-authority: $folder/ca.crt } }]
users: [{ name: $user, user: { token: $token } }]
contexts: [{ name: quintet, context: { cluster: quintet, user: $user } }]
current-context: quintet
YAML
  done
}

write_configuration() {
  local folder=$cluster_folder
  mkdir "$folder/cni"
  cat >"$folder/cni/quintet.conflist" <<JSON
{ "cniVersion": "0.4.0", "name": "quintet", "plugins": [{ "type": "ptp",
  "ipam": { "type": "host-local", "ranges": [[{ "subnet": "10.244.0.0/24" }]], "routes": [{ "dst": "0.0.0.0/0" }] } }] }
JSON
  # The hard limit of open files of this machine may be below what containerd sets.
  ctr oci spec | jq --argjson files "$(ulimit -Hn)" \
    '.process.rlimits = [{ type: "RLIMIT_NOFILE", hard: $files, soft: $files }]' >"$folder/spec.json"
  cat >"$folder/containerd.toml" <<TOML
version = 2
root = "$folder/containerd"
state = "$folder/containerd-state"
[grpc]
address = "$folder/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/library/quintet-pause:latest"
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "$folder/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
base_runtime_spec = "$folder/spec.json"
TOML
  : >"$folder/resolv.conf"
  cat >"$folder/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$folder/containerd.sock
cgroupDriver: cgroupfs
failCgroupV1: false
enforceNodeAllocatable: []
failSwapOn: false
clusterDNS: [$node_address]
clusterDomain: cluster.local
resolvConf: $folder/resolv.conf
podLogsDir: $folder/pod-logs
authentication: { anonymous: { enabled: true }, webhook: { enabled: false } }
authorization: { mode: AlwaysAllow }
imageGCHighThresholdPercent: 100
evictionHard: { memory.available: 1Mi, nodefs.available: 1Mi, imagefs.available: 1Mi, nodefs.inodesFree: '1', imagefs.inodesFree: '1' }
YAML
  cat >"$folder/proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
hostnameOverride: node
clusterCIDR: 10.244.0.0/24
clientConnection: { kubeconfig: $KUBECONFIG }
conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s }
YAML
  cat >"$folder/Corefile" <<TEXT
.:53 {
  errors
  cache 2
  kubernetes cluster.local {
    kubeconfig $KUBECONFIG
  }
}
TEXT
}

# The image that each pod has beside those of its containers; needs the Docker Engine.
build_pause_image() {
  mkdir -p "$work/pause"
  cp "$pause_program" "$work/pause/pause"
  printf 'FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n' >"$work/pause/Dockerfile"
  build_image --tag quintet-pause:latest "$work/pause"
}

# A volume for each claim of the local overlay, since this cluster makes none by itself.
make_volumes() {
  local name
  for name in "$@"; do
    mkdir -p "$cluster_folder/volumes/$name"
    kubectl apply -f - <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: { name: $name }
spec:
  capacity: { storage: 2Gi }
  accessModes: [ReadWriteOnce]
  claimRef: { namespace: quintet, name: data-$name-0 }
  local: { path: $cluster_folder/volumes/$name }
  nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: kubernetes.io/hostname, operator: In, values: [node] }] }] } }
YAML
  done
}
