#!/usr/bin/env bash
# Lock requirements/*.in: dev first, then the others within it, so that everybody has the same versions.
set -euo pipefail
cd "$(dirname "$0")/../requirements"
uv=${1:?path of uv}
case $uv in /*) ;; *) uv=../$uv ;; esac
lock() { "$uv" pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links "$@"; }
lock bootstrap.in -o bootstrap.txt
lock base.in local.in awe.in dev.in -o dev.txt
lock base.in -c dev.txt -o base.txt
lock base.in local.in awe.in -c dev.txt -o local.txt
lock awe.in -c dev.txt -o awe.txt
lock base.in deploy.in -c base.txt -o deploy.txt
lock bench.in -c dev.txt -o bench.txt
