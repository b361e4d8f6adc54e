#!/bin/sh
# Answers with the service's name and version on /, and with "ok" on /healthz once it is ready.
# A file BREAK beside it makes it broken: "crash" ends at start, "never-ready" never has /healthz.
version=$(cat VERSION)
why=$(cat BREAK 2>/dev/null)
if [ "$why" = crash ]; then
    echo "frontend $version: cannot read /etc/frontend/database.conf: no such file"
    exit 1
fi
echo "frontend $version" > www/index.html
[ "$why" = never-ready ] || echo ok > www/healthz
echo "frontend $version listens on port 8080"
# As process 1 the server would not hear SIGTERM by itself; this shell hands it on.
httpd -f -p 8080 -h www &
trap 'kill $!; exit 0' TERM INT
wait $!
