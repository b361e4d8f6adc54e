#!/bin/sh
# A delivery with curl and jq only. Set HEADWAY_URL and HEADWAY_TOKEN, and give the service and the commit.
#   ./curl.sh orders "$(git rev-parse HEAD)"
# Sent twice, it is one run, whether that run failed or not: the endpoint compares the service and the commit.
# To deliver the same commit again, add a new third argument, such as the number of the CI job:
#   ./curl.sh orders "$(git rev-parse HEAD)" "$BUILD_NUMBER"
set -eu
service=$1 commit=$2 again=${3:-}
ask() {
    said=$(curl --fail-with-body --silent --show-error --retry 8 --retry-connrefused \
        --header "Authorization: Bearer $HEADWAY_TOKEN" --header 'Content-Type: application/json' \
        --header "Idempotency-Key: $again" "$@") || { printf '%s\n' "$said" >&2; exit 1; }
    # The answers of tries that failed stand before the one that did not.
    printf '%s' "$said" | jq --compact-output --slurp last
}
of() { printf '%s' "$said" | jq --raw-output "$1"; }

request=$(jq --null-input --arg service "$service" --arg commit "$commit" \
    '{environment: "staging", services: [$service], ref: $commit}')
said=$(ask "$HEADWAY_URL/api/deliver" --data "$request")
run=$(of .run) after=0 quiet=0
while :; do
    said=$(ask "$HEADWAY_URL/api/runs/$run?after=$after")
    of '.log[]'
    next=$(of .next)
    case $(of .state) in
        COMPLETED | FAILED | CRASHED | CANCELLED)
            # The last lines come up to three seconds after the end; `complete` says that they are here.
            [ "$next" != "$after" ] || quiet=$((quiet + 1))
            if [ "$(of .complete)" = true ] || [ "$quiet" -gt 3 ]; then break; fi ;;
    esac
    after=$next
    sleep 1
done
[ "$(of .state)" = COMPLETED ] || { of .message >&2; exit 1; }
