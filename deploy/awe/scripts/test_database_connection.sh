#!/bin/sh
# Does the database take the application's connections?
#   test_database_connection.sh [OPTION of python -m diagnostics]...    e.g. --json
set -eu
suite=database
. "$(cd "$(dirname "$0")" && pwd -P)/diagnose.sh"
