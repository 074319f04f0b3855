#!/bin/sh
# The main job, once round, on the embedded sandbox: no account, no token, no money.
set -eu
: "${VPSYNC:?the path of the vpsync binary}"

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cp -R "$here/quickstart/." "$work"
rm -rf "$work/.vpsync"
cd "$work"

# say TEXT: what the next step shows.
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
else
  say() { printf '\n# %s\n' "$*"; }
fi

# run WANT ARG...: show a command, run it, and insist on its exit code.
run() {
  want=$1
  shift
  printf '$ vpsync %s\n' "$*"
  code=0
  "$VPSYNC" "$@" || code=$?
  [ "$code" -eq "$want" ] || { echo "demo: exit code $code instead of $want" >&2; exit 1; }
}

say "What would happen?"
run 0 plan --sandbox

say "Make it so."
run 0 apply --sandbox --auto-approve

say "A second plan is empty."
run 0 plan --sandbox --detailed-exitcode

say "Somebody opens SSH to the world, behind vpsync's back."
rule=$("$VPSYNC" sandbox list firewall_rule | sed -n 's/^firewall_rule \([^ ]*\) .*"allow-ssh-web-1".*/\1/p')
run 0 sandbox set firewall_rule "$rule" source=0.0.0.0/0

say "vpsync sees it (exit code 2) ..."
run 2 drift --sandbox

say "... and heals it."
run 0 apply --sandbox --auto-approve

say "Nothing is left to do."
run 0 plan --sandbox --detailed-exitcode
