#!/bin/sh
# A delivery with nothing but curl and jq: HEADWAY_URL and HEADWAY_TOKEN are set, the service and the commit are given.
#   ./curl.sh orders "$(git rev-parse HEAD)"
# Sent twice, it is one run: the endpoint knows it by the service and the commit.
set -eu
service=$1 commit=$2
ask() {
    curl --fail-with-body --silent --show-error --retry 8 --retry-connrefused \
        --header "Authorization: Bearer $HEADWAY_TOKEN" --header 'Content-Type: application/json' "$@"
}
run=$(ask "$HEADWAY_URL/api/deliver" --data \
    "{\"environment\": \"staging\", \"services\": [\"$service\"], \"ref\": \"$commit\"}" | jq --raw-output .run)
after=0
while :; do
    said=$(ask "$HEADWAY_URL/api/runs/$run?after=$after")
    printf '%s' "$said" | jq --raw-output '.log[]'
    after=$(printf '%s' "$said" | jq .next)
    case $(printf '%s' "$said" | jq --raw-output '.state + (.log | if length > 0 then " more" else "" end)') in
        COMPLETED) exit 0 ;;
        FAILED | CRASHED | CANCELLED) printf '%s' "$said" | jq --raw-output .message >&2; exit 1 ;;
    esac
    sleep 1
done
