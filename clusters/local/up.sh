#!/usr/bin/env bash
# Start a Ray cluster on this machine (a head and, for trying out, more nodes) and an MLflow server, on the loopback.
# What was started is written down under $ATLAS_STORAGE/cluster, by which down.sh ends it, and it alone.
#
#   clusters/local/up.sh            one node
#   NODES=3 clusters/local/up.sh    three nodes that share the machine's CPUs
set -euo pipefail

ATLAS_STORAGE=${ATLAS_STORAGE:-$HOME/atlas} # prepared data, store, runs: a folder that all nodes see
NODES=${NODES:-1}
RAY_PORT=${RAY_PORT:-6379}
DASHBOARD_PORT=${DASHBOARD_PORT:-8265}
MLFLOW_PORT=${MLFLOW_PORT:-5000}
PYTHON=${PYTHON:-python3} # the interpreter that atlas-continual is installed in
PATH=$(dirname "$(command -v "$PYTHON")"):$PATH # its ray and mlflow come first

say() { echo "up.sh: $*"; }
fail() {
  echo "up.sh: $*" >&2
  exit 1
}
free_port() { "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

umask 077 # the token, the logs and what the servers write are this user's alone
mkdir -p "$ATLAS_STORAGE/cluster"
ATLAS_STORAGE=$(cd "$ATLAS_STORAGE" && pwd)
STATE=$ATLAS_STORAGE/cluster
for file in "$STATE"/*.pid; do
  [ -e "$file" ] || continue
  fail "$file is there: a cluster was started already; end it with down.sh first."
done
for port in "$RAY_PORT" "$DASHBOARD_PORT" "$MLFLOW_PORT"; do
  "$PYTHON" -c 'import socket, sys; sys.exit(not socket.socket().connect_ex(("127.0.0.1", int(sys.argv[1]))))' "$port" ||
    fail "port $port is in use; set RAY_PORT, DASHBOARD_PORT or MLFLOW_PORT to another."
done

# Without a token, whoever reaches a port of Ray runs code here.
[ -s "$STATE/token" ] || "$PYTHON" -c 'import secrets; print(secrets.token_hex(32), end="")' >"$STATE/token"
RAY_TMPDIR=$(mktemp -d /tmp/atlas-XXXXXX) # short: Ray's sockets have a limit of 107 characters
echo "$RAY_TMPDIR" >"$STATE/tmp"
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$STATE/token RAY_TMPDIR MLFLOW_DISABLE_TELEMETRY=true
unset RAY_ADDRESS RAY_AUTH_TOKEN

# start NAME COMMAND…: in a session of its own, its process id and start time in NAME.pid
start() {
  local name=$1
  shift
  "$PYTHON" -c 'import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])' "$@" \
    >"$STATE/$name.log" 2>&1 </dev/null &
  local pid=$!
  printf '%s\n%s\n' "$pid" "$(ps -o lstart= -p "$pid")" >"$STATE/$name.pid"
}

# await NAME COMMAND…: until the command succeeds; ends everything where NAME ends before
await() {
  local name=$1 pid
  shift
  pid=$(head -n 1 "$STATE/$name.pid")
  for _ in $(seq 1200); do
    if "$@" >/dev/null 2>&1; then return; fi
    if ! kill -0 "$pid" 2>/dev/null; then break; fi
    sleep 0.1
  done
  tail -n 20 "$STATE/$name.log" >&2
  ATLAS_STORAGE=$ATLAS_STORAGE "$(dirname "$0")/down.sh"
  fail "$name did not start; the end of its log is above."
}

cpus=$("$PYTHON" -c 'import os, sys; print(max(1, (os.cpu_count() or 1) // int(sys.argv[1])))' "$NODES")

# node NAME FLAG…: each node on a machine needs ports of its own for its agent
node() {
  local name=$1
  shift
  start "$name" ray start --block --disable-usage-stats --node-ip-address=127.0.0.1 --num-cpus="$cpus" \
    --dashboard-agent-listen-port="$(free_port)" --dashboard-agent-grpc-port="$(free_port)" \
    --metrics-export-port="$(free_port)" --runtime-env-agent-port="$(free_port)" "$@"
}

export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=${MLFLOW_SERVER_ENABLE_JOB_EXECUTION:-false} # for evaluations of GenAI: ten workers
start mlflow mlflow server --host 127.0.0.1 --port "$MLFLOW_PORT" --workers 1 \
  --backend-store-uri "sqlite:///$ATLAS_STORAGE/mlflow.db" --artifacts-destination "$ATLAS_STORAGE/mlartifacts"
export ATLAS_STORAGE MLFLOW_TRACKING_URI=http://127.0.0.1:$MLFLOW_PORT # of jobs: they have the nodes' environment
node head --head --port="$RAY_PORT" --dashboard-host=127.0.0.1 --dashboard-port="$DASHBOARD_PORT" \
  --ray-client-server-port="$(free_port)"
await head grep -q "Ray runtime started" "$STATE/head.log"
for number in $(seq 2 "$NODES"); do
  node "node-$number" --address="127.0.0.1:$RAY_PORT"
done
for number in $(seq 2 "$NODES"); do
  await "node-$number" grep -q "Ray runtime started" "$STATE/node-$number.log"
done
await mlflow "$PYTHON" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)' \
  "http://127.0.0.1:$MLFLOW_PORT/health"

cat >"$STATE/env" <<END
export ATLAS_STORAGE='$ATLAS_STORAGE'
export RAY_ADDRESS='127.0.0.1:$RAY_PORT' RAY_API_SERVER_ADDRESS='http://127.0.0.1:$DASHBOARD_PORT'
export RAY_AUTH_MODE='token' RAY_AUTH_TOKEN_PATH='$STATE/token'
export MLFLOW_TRACKING_URI='http://127.0.0.1:$MLFLOW_PORT'
END
say "$NODES node(s) of $cpus CPU(s). In every shell that uses it:"
say "  source $STATE/env"
say "dashboard http://127.0.0.1:$DASHBOARD_PORT (its token: cat $STATE/token), MLflow http://127.0.0.1:$MLFLOW_PORT"
