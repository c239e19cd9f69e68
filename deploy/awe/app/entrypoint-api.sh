#!/bin/sh
# Starts the api in a container: waits for the database, migrates it, serves.
set -e
cd "$(dirname "$0")"
python -m shared.wait_for_database "${DB_WAIT_SECONDS:-30}"
if [ "${RUN_MIGRATIONS:-1}" = 1 ]; then
  alembic upgrade head
  python -m shared.seed
fi
export API_HOST="${API_HOST:-0.0.0.0}" FORWARDED_ALLOW_IPS="${FORWARDED_ALLOW_IPS:-*}"
exec python -m api.serve
