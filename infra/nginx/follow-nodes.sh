#!/bin/sh
# Starts nginx and keeps its list of API nodes equal to what DNS says, so that `docker compose up --scale api=4` is seen
# without a restart. A change is a graceful reload: old worker processes go on until their streams have ended.
# Why not a resolver in the configuration: docs/adr/0010-nginx-sees-new-nodes.md
#
#   follow-nodes.sh <host> <port> <file> command args…     writes `server <address>:<port> …;` lines to <file>
set -eu
host=$1 port=$2 file=$3
shift 3

# A node that refuses a connection is left out for one second: it starts or it stops.
list_nodes() {
    getent ahostsv4 "$host" | awk '{ print $1 }' | sort -u |
        while read -r address; do echo "server $address:$port max_fails=1 fail_timeout=1s;"; done
}

# No answer is no news: DNS hiccups, or all nodes restart. The last known list stays.
update() {
    list_nodes >"$file.new"
    [ -s "$file.new" ] || return 1
    ! cmp -s "$file.new" "$file" || return 1
    mv "$file.new" "$file"
}

# nginx needs one node to start; `down` makes it answer 503 until there is a real one.
update || echo "server 127.0.0.1:9 down;" >"$file"

nginx_pid=$$ # this shell becomes nginx below
(
    while sleep 1 && kill -0 "$nginx_pid"; do
        if update; then
            echo "API nodes: $(awk '{ printf "%s ", $2 }' "$file")" >&2
            kill -HUP "$nginx_pid"
        fi
    done
) &

# A stream is two open files. Engines of late start containers with 1,024 of them, but let them have more.
ulimit -n "$(ulimit -Hn)"

exec "$@"
