#!/bin/sh
# Are the certificates right, and does the api demand a client certificate?
#   validate_ssl_configuration.sh [OPTION of python -m diagnostics]...    e.g. --json
set -eu
suite=ssl
. "$(cd "$(dirname "$0")" && pwd -P)/diagnose.sh"
