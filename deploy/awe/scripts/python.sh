# Sourced by the scripts here, which set $source to their own folder: gives $checkout, and $python with its packages.
checkout="$source"
while [ ! -e "$checkout/deploy/awe/scripts/python.sh" ]; do checkout="$(dirname "$checkout")"; done
if [ -n "${AWE_PYTHON:-}" ]; then python="$AWE_PYTHON"
elif [ -x "$checkout/.venv/bin/python" ]; then python="$checkout/.venv/bin/python"
else python=python3
fi
export PYTHONPATH="$checkout${PYTHONPATH:+:$PYTHONPATH}"
