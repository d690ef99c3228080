#!/usr/bin/env bash
# Proves on a real engine what docker-compose.yml promises: nobody gets in from the network without keys, Redis keeps its
# password, an answer streams through nginx, nginx finds new API nodes without a restart, and a stream whose node is killed
# continues elsewhere without gap or repeat. The images are small, and hold no more than they need. Then, of
# examples/compose-caddy, that answers stream through Caddy while nodes come and go. Needs docker compose, curl and node;
# where caddy:2 cannot be pulled, also caddy.
# Uses its own project name and port, and takes everything down again.
#
#   infra/verify-compose.sh          builds the images first; NODE_IMAGE, REDIS_IMAGE, NGINX_IMAGE, CADDY_IMAGE name other bases
#   infra/verify-compose.sh caddy    only the example
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-all}
file=docker-compose.yml
project=millrace-verify-$$
PORT=$(node -e "const s=require('node:net').createServer().listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})")
export PORT
# The check is about the plumbing: no real model is called, whatever the shell has set, and nobody needs a key.
unset OPENAI_API_KEY OPENAI_BASE_URL MILLRACE_MODEL MILLRACE_API_KEYS MILLRACE_AUTH BIND
REDIS_PASSWORD=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
export REDIS_PASSWORD
base=http://127.0.0.1:$PORT
max_image_bytes=200000000
work=$(mktemp -d)

compose() { docker compose --file "$file" --project-name "$project" "$@"; }
say() { printf '%s compose: %s\n' "$(date +%T)" "$*"; }
fail() {
    say "FAILED: $*"
    compose ps --all || true
    compose logs --no-color --tail 40 || true
    exit 1
}
take_down() { compose down --volumes --timeout 5 >"$work/down.log" 2>&1 || cat "$work/down.log"; }
trap 'take_down; rm -rf "$work"' EXIT

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

verify_nginx() {
    say "building and starting"
    compose build --quiet || fail "the images do not build"
    compose up --detach --wait --wait-timeout 120 >"$work/up.log" 2>&1 || { cat "$work/up.log"; fail "not healthy"; }

    say "images are small, and hold Node, a shell and no other program"
    for image in api worker model; do
        bytes=$(docker image inspect --format '{{.Size}}' "millrace-$image")
        [ "$bytes" -le "$max_image_bytes" ] || fail "millrace-$image has $((bytes / 1000000)) MB"
        docker run --rm --read-only --network none --entrypoint node "millrace-$image" -e '
          const { readdirSync, readFileSync } = require("node:fs");
          const programs = ["/usr/local/bin", "/usr/bin"].flatMap((folder) => readdirSync(folder)).join();
          const { bomFormat, components } = JSON.parse(readFileSync("/app/sbom.cdx.json", "utf8"));
          if (process.getuid() === 0) throw new Error("it runs as root");
          if (programs !== "node,dash,sh") throw new Error(programs);
          if (bomFormat !== "CycloneDX" || components.length === 0) throw new Error("no bill of materials");' || fail "millrace-$image"
        say "millrace-$image: $((bytes / 1000000)) MB"
    done

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
}

# an image with Caddy: the public one, or, where no registry can be reached, this machine's program
caddy_image() {
    [ -z "${CADDY_IMAGE:-}" ] || return 0
    if docker image inspect caddy:2 >/dev/null 2>&1 || docker pull --quiet caddy:2 >/dev/null 2>&1; then return; fi
    mkdir "$work/caddy"
    cp "$(command -v caddy)" "$work/caddy/caddy" || fail "no image caddy:2, and no caddy here"
    cat >"$work/caddy/Dockerfile" <<END
FROM ${NODE_IMAGE:-node:24-bookworm-slim}
COPY caddy /usr/bin/caddy
ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data
ENTRYPOINT []
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
END
    docker build --quiet --tag "$project-caddy" "$work/caddy" >"$work/caddy.log" 2>&1 || { cat "$work/caddy.log"; fail "no image with Caddy"; }
    export CADDY_IMAGE=$project-caddy
}

# milliseconds between the first and the last piece of an answer, which the simulated model takes seconds to say
spread() { node --input-type=module -e '
      const body = JSON.stringify({ query: "Why is the sky blue?" });
      const headers = { "content-type": "application/json", accept: "text/plain" };
      const answer = await fetch(`${process.argv[1]}/jobs`, { method: "POST", headers, body });
      const at = [];
      for await (const _ of answer.body) at.push(performance.now());
      process.stdout.write(String(Math.round(at.at(-1) - at[0])))' "$base"; }

verify_caddy() {
    file=examples/compose-caddy/compose.yaml
    HTTP_PORT=$PORT
    HTTPS_PORT=$(node -e "const s=require('node:net').createServer().listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})")
    export HTTP_PORT HTTPS_PORT
    unset MILLRACE_SITE

    say "building and starting, behind Caddy"
    caddy_image
    compose build --quiet || fail "the images do not build"
    compose up --detach --wait --wait-timeout 120 >"$work/up.log" 2>&1 || { cat "$work/up.log"; fail "not healthy"; }

    say "an answer streams through Caddy"
    ask --retry 5 --retry-connrefused >"$work/whole" || fail "no stream"
    grep -q '^event: done' "$work/whole" || fail "the stream has no end"
    spread=$(spread)
    [ "$spread" -gt 1000 ] || fail "the answer came within $spread ms: something buffers it"
    [ "$(curl -sS -o /dev/null -w '%{http_code}' "$base/metrics")" = 403 ] || fail "Caddy shows the metrics"

    say "nodes come and go, the same Caddy"
    caddy_before=$(compose ps --quiet caddy)
    ask -D "$work/head" >"$work/first" & asking=$!
    compose up --detach --wait --wait-timeout 120 --no-recreate --scale api=4 >"$work/up.log" 2>&1 &
    scaling=$!
    while kill -0 "$scaling" 2>/dev/null; do curl -fsS -o /dev/null "$base/openapi.json" || fail "a request was lost while scaling"; done
    wait "$scaling" || { cat "$work/up.log"; fail "scaling"; }
    compose up --detach --no-recreate --scale api=1 >"$work/up.log" 2>&1 &
    scaling=$!
    while kill -0 "$scaling" 2>/dev/null; do curl -fsS -o /dev/null "$base/openapi.json" || fail "a request was lost while nodes left"; done
    wait "$scaling" || { cat "$work/up.log"; fail "scaling down"; }
    [ "$(compose ps --quiet caddy)" = "$caddy_before" ] || fail "Caddy was restarted"

    # whether its node stayed or left: with what a resume brings the answer is whole
    wait "$asking" || true
    id=$(sed -n 's/^[Xx]-[Rr]equest-[Ii]d: *//p' "$work/head" | tr -d '\r')
    after=$(last_id "$work/first")
    curl -fsSN --max-time 60 "$base/jobs/$id/stream" ${after:+-H "Last-Event-ID: $after"} >"$work/rest" || fail "no resume"
    stored=$(curl -fsS "$base/jobs/$id" | node -p 'JSON.parse(require("node:fs").readFileSync(0, "utf8")).text')
    [ "$(text_of "$work/first")$(text_of "$work/rest")" = "$stored" ] || fail "the resumed text is not the stored one"
    say "ok: $spread ms from an answer's first piece to its last, no request lost from 2 nodes to 4 to 1"
}

if [ "$what" = all ]; then
    verify_nginx
    take_down
fi
verify_caddy
