# Sourced by the scripts here, which set $suite: runs that suite of checks on the stack of this project directory,
# or on the one that $AWE_STACK_TOML describes.
here="$(cd "$(dirname "$0")" && pwd)"  # as called: a project directory may link to these scripts
source="$(cd "$here" && pwd -P)"       # where they really lie
. "$source/python.sh"
stack="${AWE_STACK_TOML:-}"
if [ -z "$stack" ]; then
  if [ -f stack.toml ]; then stack=stack.toml; else stack="$(cd "$here/.." && pwd)/stack.toml"; fi
fi
exec "$python" -m diagnostics "$stack" --suite "$suite" "$@"
