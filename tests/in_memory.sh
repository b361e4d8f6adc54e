#!/bin/sh
# Usage: tests/in_memory.sh COMMAND…
# Run a command with its temporary files in memory, where there is room for them and programs may run there.
# Tests make thousands of small repos; on a disk that takes a tenth longer.
set -eu
ROOM=4194304 # KiB
if [ "$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')" -gt "$ROOM" ] 2>/dev/null &&
    folder=$(mktemp -d /dev/shm/headway-tests-XXXXXX 2>/dev/null); then
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    printf '#!/bin/sh\n' > "$folder/program"
    chmod +x "$folder/program"
    if "$folder/program" 2>/dev/null; then
        export TMPDIR="$folder" PYTEST_DEBUG_TEMPROOT="$folder"
    fi
fi
"$@"
