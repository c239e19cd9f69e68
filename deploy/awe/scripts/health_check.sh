#!/bin/sh
# Is the stack healthy? Processes or containers, certificates, database, queue, api and login.
#   health_check.sh [OPTION of python -m diagnostics]...    e.g. --json
set -eu
suite=health
. "$(cd "$(dirname "$0")" && pwd -P)/diagnose.sh"
