#!/bin/sh
# Sets the default of MILLRACE_AUTH for compose, which cannot compare values: the API container listens on every address
# of its own network, so only BIND tells where its port is published.
#
#   start-api.sh command args…     MILLRACE_AUTH as it is set; else apikey with keys; else none, on loopback only
set -eu

if [ -z "${MILLRACE_AUTH:-}" ]; then
    if [ -n "${MILLRACE_API_KEYS:-}" ]; then
        MILLRACE_AUTH=apikey
    else
        case ${BIND:-} in
        127.* | ::1 | '[::1]') MILLRACE_AUTH=none ;;
        *)
            printf '{"level":"fatal","service":"api","msg":"BIND=%s: whoever reaches it would be admin. %s"}\n' "${BIND:-}" \
                "Set MILLRACE_API_KEYS=tenant:user:secret,…, or MILLRACE_AUTH=none if everybody may do everything" >&2
            exit 78 # EX_CONFIG
            ;;
        esac
    fi
    export MILLRACE_AUTH
fi

exec "$@"
