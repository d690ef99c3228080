#!/bin/sh
# Starts nginx and keeps its list of API nodes in sync with DNS, so that `docker compose up --scale api=4` takes effect
# without a restart. A change is a graceful reload: old worker processes continue until their streams have ended.
# Why not a resolver in the configuration: docs/adr/0010-nginx-sees-new-nodes.md
#
#   follow-nodes.sh <host> <port> <file> command args…     writes `server <address>:<port> …;` lines to <file>
set -eu
host=$1 port=$2 file=$3
shift 3

# A node that refuses a connection is left out for one second: it is starting or stopping.
list_nodes() {
    getent ahostsv4 "$host" | awk '{ print $1 }' | sort -u |
        while read -r address; do echo "server $address:$port max_fails=1 fail_timeout=1s;"; done
}

# Without an answer the last known list stays: DNS has failed briefly, or all nodes are restarting.
update() {
    list_nodes >"$file.new"
    [ -s "$file.new" ] || return 1
    ! cmp -s "$file.new" "$file" || return 1
    mv "$file.new" "$file"
}

# nginx needs one node to start; `down` makes it answer 503 until a real node is there.
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

# A stream takes two open files. Recent engines start containers with a limit of 1,024, but allow more.
ulimit -n "$(ulimit -Hn)"

exec "$@"
