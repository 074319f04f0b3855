#!/bin/sh
# Prints a folder in memory for what tests write: thousands of states, each synced with every record, which a disk makes a third slower.
# Prints nothing where there is no such folder, it or the machine has less than 6 GiB free, or programs in it may not run.
folder=/dev/shm
enough=6291456 # KiB; what Go builds for the tests is 2 GiB of it
room=$(df -Pk "$folder" 2>/dev/null | awk 'NR == 2 && $1 == "tmpfs" { print $4 }')
memory=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo 2>/dev/null)
[ "${room:-0}" -ge "$enough" ] && [ "${memory:-0}" -ge "$enough" ] || exit 0
probe=$(mktemp "$folder/vpsync.XXXXXX" 2>/dev/null) || exit 0
if printf '#!/bin/sh\n' >"$probe" && chmod 700 "$probe" && "$probe" 2>/dev/null; then
  echo "$folder"
fi
rm -f "$probe"
