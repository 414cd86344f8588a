#!/usr/bin/env bash
# End what up.sh started, and nothing else: each process by its file under $ATLAS_STORAGE/cluster, where its start time
# is still the one written down (a number that was given to another process by now is left alone).
set -euo pipefail

STATE=${ATLAS_STORAGE:-$HOME/atlas}/cluster

# left PID: the processes of the session that up.sh began with PID
left() { ps -o pid=,stat= -s "$1" 2>/dev/null | awk '$2 !~ /^Z/ {print $1}'; }

# gone PID: whether nothing of the session is left after five seconds
gone() {
  for _ in $(seq 50); do
    [ -n "$(left "$1")" ] || return 0
    sleep 0.1
  done
  return 1
}

# signal NAME PID: to all that is left of the session
signal() {
  local process
  for process in $(left "$2"); do
    kill "-$1" "$process" 2>/dev/null || true
  done
}

started=()
for file in "$STATE"/node-*.pid "$STATE/head.pid" "$STATE/mlflow.pid"; do
  [ -e "$file" ] || continue
  pid=$(sed -n 1p "$file")
  if [ "$(sed -n 2p "$file")" = "$(ps -o lstart= -p "$pid" 2>/dev/null)" ]; then
    signal TERM "$pid"
    started+=("$file")
  else
    echo "down.sh: $(basename "$file" .pid) ($pid) had ended already"
    rm "$file"
  fi
done
for file in ${started[@]+"${started[@]}"}; do
  pid=$(sed -n 1p "$file")
  if ! gone "$pid"; then
    signal KILL "$pid"
    gone "$pid" || echo "down.sh: processes of $(basename "$file" .pid) do not end: $(left "$pid" | xargs)" >&2
  fi
  echo "down.sh: ended $(basename "$file" .pid) ($pid)"
  rm "$file"
done
if [ -s "$STATE/tmp" ]; then
  folder=$(cat "$STATE/tmp")
  case $folder in /tmp/atlas-*) rm -rf "$folder" ;; esac
  rm "$STATE/tmp"
fi
rm -f "$STATE/env"
