#!/bin/sh
# Does a login work, and is the token what every service expects?
#   test_auth_flow.sh [OPTION of python -m diagnostics]...    e.g. --json
set -eu
suite=auth
. "$(cd "$(dirname "$0")" && pwd -P)/diagnose.sh"
