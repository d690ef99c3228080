#!/usr/bin/env bash
# Proves on a real engine what docker-compose.yml promises: nobody gets in from the network without keys, Redis keeps its
# password, an answer streams through nginx, nginx finds new API nodes without a restart, and a stream whose node is killed
# continues elsewhere without gap or repeat. Needs docker compose, curl and node.
# Uses its own project name and port, and takes everything down again.
#
#   infra/verify-compose.sh          builds the images first; NODE_IMAGE, REDIS_IMAGE, NGINX_IMAGE name other bases
set -euo pipefail
cd "$(dirname "$0")/.."

project=millrace-verify-$$
PORT=$(node -e "const s=require('node:net').createServer().listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})")
export PORT
# The check is about the plumbing: no real model is called, whatever the shell has set, and nobody needs a key.
unset OPENAI_API_KEY OPENAI_BASE_URL MILLRACE_MODEL MILLRACE_API_KEYS MILLRACE_AUTH BIND
REDIS_PASSWORD=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
export REDIS_PASSWORD
base=http://127.0.0.1:$PORT
work=$(mktemp -d)

compose() { docker compose --project-name "$project" "$@"; }
say() { printf '%s compose: %s\n' "$(date +%T)" "$*"; }
fail() {
    say "FAILED: $*"
    compose ps --all || true
    compose logs --no-color --tail 40 || true
    exit 1
}
tear_down() {
    compose down --volumes --timeout 5 >"$work/down.log" 2>&1 || cat "$work/down.log"
    rm -rf "$work"
}
trap tear_down EXIT

ask() { curl -sSN --max-time 60 "$base/jobs" -H 'content-type: application/json' -d '{"query":"Why is the sky blue?"}' "$@"; }
# the text of the answer in a file with SSE
text_of() {
    node -e '
      const events = require("node:fs").readFileSync(process.argv[1], "utf8").split("\n\n").slice(0, -1);
      const texts = events.filter((event) => !/^event:/m.test(event)).map((event) => /^data: ?(.*)$/m.exec(event)?.[1]);
      process.stdout.write(texts.filter(Boolean).map((data) => JSON.parse(data).text).join(""))' "$1"
}
# the last id of a complete event: what follows the last blank line was cut
last_id() { node -e '
      const whole = require("node:fs").readFileSync(process.argv[1], "utf8").split("\n\n").slice(0, -1).join("\n");
      process.stdout.write([...whole.matchAll(/^id: ?(.*)$/gm)].at(-1)?.[1] ?? "")' "$1"; }

say "building and starting"
compose build --quiet || fail "the images do not build"
compose up --detach --wait --wait-timeout 120 >"$work/up.log" 2>&1 || { cat "$work/up.log"; fail "not healthy"; }

say "without keys the API does not start beyond loopback"
status=0
BIND=0.0.0.0 compose run --rm --no-deps -T api >"$work/refusal" 2>&1 || status=$?
[ "$status" = 78 ] && grep -q '"msg":"BIND=0.0.0.0: ' "$work/refusal" || { cat "$work/refusal"; fail "it started, or ended with $status"; }

say "Redis keeps its password"
compose exec -T redis redis-cli dbsize | grep -q NOAUTH || fail "it lets in everybody"
compose top redis | grep -q "$REDIS_PASSWORD" && fail "its password stands in its arguments"
env -u REDIS_PASSWORD docker compose config | grep -q 'REDIS_URL: redis://redis:6379$' || fail "no password, no plain URL"

say "an answer streams through nginx"
ask >"$work/whole" || fail "no stream"
grep -q '^event: done' "$work/whole" || fail "the stream has no end"
deltas=$(grep -c '^data: {"text"' "$work/whole")
[ "$deltas" -gt 5 ] || fail "the answer came in $deltas pieces: something buffers it"

[ "$(curl -sS -o /dev/null -w '%{http_code}' "$base/metrics")" = 403 ] || fail "nginx shows the metrics"

say "four API nodes, the same nginx"
nginx_before=$(compose ps --quiet nginx)
compose up --detach --wait --wait-timeout 120 --no-recreate --scale api=4 >"$work/up.log" 2>&1 || { cat "$work/up.log"; fail "scaling"; }
nodes_reached() { compose logs --no-color nginx | grep '"path":"/openapi.json"' | grep -o '"node":"[^"]*"' | sort -u | wc -l; }
for _ in $(seq 60); do
    for _ in 1 2 3 4; do curl -fsS -o /dev/null "$base/openapi.json" || fail "a request was lost while scaling"; done
    [ "$(nodes_reached)" -ge 4 ] && break
    sleep 0.5
done
[ "$(nodes_reached)" -ge 4 ] || fail "nginx reaches $(nodes_reached) of 4 nodes"
[ "$(compose ps --quiet nginx)" = "$nginx_before" ] || fail "nginx was restarted"

say "the node of a stream is killed"
ask -D "$work/head" >"$work/first" & asking=$!
until grep -q '^data: {"text"' "$work/first"; do kill -0 "$asking" || fail "no stream"; sleep 0.1; done
id=$(sed -n 's/^[Xx]-[Rr]equest-[Ii]d: *//p' "$work/head" | tr -d '\r')
holder=
for container in $(compose ps --quiet api); do
    open=$(docker exec "$container" node -e "fetch('http://127.0.0.1:8080/metrics').then((r) => r.text()).then((t) => console.log(/^millrace_open_streams(?:{.*})? (\d+)/m.exec(t)[1]))")
    [ "$open" -ge 1 ] && holder=$container
done
[ -n "$holder" ] || fail "no node holds the stream"
docker kill "$holder" >/dev/null
wait "$asking" && fail "the cut stream ended as if it were whole"
grep -q '^event: done' "$work/first" && fail "the answer was over before its node was killed"

curl -fsSN --max-time 60 "$base/jobs/$id/stream" -H "Last-Event-ID: $(last_id "$work/first")" >"$work/rest" || fail "no resume"
grep -q '^event: done' "$work/rest" || fail "the resumed stream has no end"
stored=$(curl -fsS "$base/jobs/$id" | node -p 'JSON.parse(require("node:fs").readFileSync(0, "utf8")).text')
[ "$(text_of "$work/first")$(text_of "$work/rest")" = "$stored" ] || fail "the resumed text is not the stored one"

say "ok: streamed in $deltas pieces, 4 of 4 nodes reached, resumed $id on another node"
