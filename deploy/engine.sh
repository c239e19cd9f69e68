#!/usr/bin/env bash
# engine.sh COMMAND...: run a command with DOCKER_HOST set to an engine that answers; installs and starts a private one
# where none does (Debian, root), and stops it again.
set -euo pipefail
answers() { docker -H "$1" version >/dev/null 2>&1; }

needed() { command -v busybox >/dev/null && command -v docker-compose >/dev/null; }

for host in "${DOCKER_HOST:-}" unix:///var/run/docker.sock; do
  if [ -n "$host" ] && command -v docker >/dev/null && needed && answers "$host"; then
    DOCKER_HOST=$host exec "$@"
  fi
done

if ! command -v dockerd >/dev/null || ! command -v docker-compose >/dev/null || ! command -v busybox >/dev/null; then
  [ "$(id -u)" = 0 ] || { echo "No Docker Engine answers, and installing one needs root: apt-get install docker.io docker-compose" >&2; exit 1; }
  echo "Installing docker.io, docker-compose, debootstrap and busybox-static ..."
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io docker-compose debootstrap busybox-static iptables >/dev/null
fi

home=$(mktemp -d /tmp/awe-engine-XXXXXX)
export DOCKER_HOST="unix://$home/docker.sock"
dockerd --data-root "$home/data" --exec-root "$home/exec" -p "$home/pid" -H "$DOCKER_HOST" >"$home/log" 2>&1 &
engine=$!
stop() {
  kill "$engine" 2>/dev/null || true
  wait "$engine" 2>/dev/null || true
  rm -rf "$home" 2>/dev/null || true
}
trap stop EXIT
for _ in $(seq 60); do
  answers "$DOCKER_HOST" && break
  kill -0 "$engine" 2>/dev/null || break
  sleep 0.5
done
if ! answers "$DOCKER_HOST"; then
  tail -20 "$home/log" >&2
  echo "dockerd did not start" >&2
  exit 1
fi
"$@"
