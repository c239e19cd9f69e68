#!/bin/sh
# Certificates of the AWE stack: setup (make what is missing), regenerate (make all anew), validate.
#   setup_mtls_infrastructure.sh setup|regenerate|validate [--name HOST]... [--owner-uid UID]
# They lie in certs/ of the project directory that these scripts belong to, or of $AWE_ROOT.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"  # as called: a project directory may link to these scripts
source="$(cd "$here" && pwd -P)"       # where they really lie
root="${AWE_ROOT:-$(cd "$here/../.." && pwd)}"
. "$source/../python.sh"
exec "$python" -m deploy.awe.certificates "$@" --root "$root"
