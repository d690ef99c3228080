"""A client of Millrace in one file, with Python's standard library alone. It passes the clients' conformance kit.

    python3 resume.py "Why is the sky blue?"

To judge it, start `npm run conformance:client` and run

    python3 resume.py --conformance http://127.0.0.1:8090
"""

import codecs
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
import uuid
from http.client import HTTPException

RETRY_S = 1
MAX_RETRY_S = 15
ENDS = ("done", "error", "cancelled")


class Refused(Exception):
    """The server refuses the request, and repeating it would not help."""


def lines(stream):
    """The lines of a stream that end with LF, CRLF or CR, as soon as each has ended."""
    decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
    line, after_cr = "", False
    while chunk := stream.read1(65536):
        for char in decode(chunk):
            if char in "\r\n":
                if not (char == "\n" and after_cr):
                    yield line
                    line = ""
            else:
                line += char
            after_cr = char == "\r"


def events(stream, hint):
    """The events of an SSE stream: (id, name, data). `hint` is told the server's time to wait, in seconds."""
    event_id, name, data = None, "message", []
    for line in lines(stream):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            if data:
                yield event_id, name, json.loads("\n".join(data))
            name, data = "message", []
        elif field == "id":
            event_id = value
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "retry" and value.isdigit():
            hint(int(value) / 1000)


def position(event_id):
    return tuple(int(part) for part in event_id.split("-"))


class Client:
    """Reads jobs over as many connections as it takes."""

    def __init__(self, url, key=None, silence_s=45):
        self.url = url
        self.key = key
        # three heartbeats: a connection that is silent for so long is dead
        self.silence_s = silence_s

    def create(self, question):
        """The events of a new job. Its id is ours, so that a POST whose answer was lost can be repeated."""
        return self._read(uuid.uuid4().hex, question)

    def resume(self, job_id, cursor=None):
        """The events of a job that exists, after the one that the cursor names."""
        return self._read(job_id, None, cursor)

    def _request(self, job_id, question, cursor):
        headers = {"Accept": "text/event-stream"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        if question is None:
            if cursor:
                headers["Last-Event-ID"] = cursor
            return urllib.request.Request(f"{self.url}/jobs/{job_id}/stream", headers=headers)
        headers |= {"Content-Type": "application/json", "X-Request-Id": job_id}
        return urllib.request.Request(f"{self.url}/jobs", json.dumps({"query": question}).encode(), headers)

    def _read(self, job_id, question, cursor=None):
        base_s, failures, begun = RETRY_S, 0, False

        def hint(seconds):
            nonlocal base_s
            base_s = seconds

        while True:
            wait_s = 0
            try:
                with urllib.request.urlopen(self._request(job_id, question, cursor), timeout=self.silence_s) as stream:
                    if stream.status == 204:
                        return
                    question, begun = None, True
                    for event_id, name, data in events(stream, hint):
                        if cursor and event_id != "0-0" and position(event_id) <= position(cursor):
                            continue  # a proxy or a server has repeated it
                        cursor, failures = event_id, 0
                        yield name, data
                        if name in ENDS:
                            return
            except urllib.error.HTTPError as refusal:
                with refusal:
                    if refusal.code < 500 and not (begun and refusal.code == 429):
                        raise Refused(refusal.read().decode()) from None
                    wait_s = float(refusal.headers.get("Retry-After", 0))
            except (OSError, HTTPException):
                pass  # the connection was lost, or is silent
            failures += 1
            time.sleep(wait_s + random.uniform(0, min(base_s * 2 ** (failures - 1), MAX_RETRY_S)))


def judge(kit):
    """Lets the conformance kit judge this client. True: it has passed everything."""

    def call(url, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data)) as answer:
            return json.load(answer)

    failed = 0
    # this client reads jobs, not threads
    scenarios = [each for each in call(f"{kit}/scenarios")["items"] if each["start"] != "watch"]
    for scenario in scenarios:
        run = call(f"{kit}/scenarios/{scenario['name']}", {})
        client = Client(run["url"], silence_s=3 * run["heartbeatMs"] / 1000)
        text, end = "", "over"
        try:
            job = client.create(run["query"]) if run["start"] == "create" else client.resume(run["jobId"], run["lastEventId"])
            for name, data in job:
                if name == "message":
                    text += data["text"]
                elif name == "reset":
                    text = ""
                elif name in ENDS:
                    end = name
        except Refused:
            end = "refused"
        verdict = call(run["report"], {"text": text, "end": end})
        if not verdict["passed"]:
            failed += 1
            print(verdict["scenario"], *verdict["faults"], sep="\n  ")
    print(f"{len(scenarios) - failed} of {len(scenarios)} passed")
    return failed == 0


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--conformance":
        sys.exit(0 if judge(sys.argv[2]) else 1)
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    client = Client(os.environ.get("MILLRACE_URL", "http://localhost:8080"), os.environ.get("MILLRACE_API_KEY"))
    for name, data in client.create(sys.argv[1]):
        if name == "message":
            print(data["text"], end="", flush=True)
        elif name == "reset":
            print("\n---")
        elif name == "error":
            sys.exit(f"\n{data['message']}")
    print()


if __name__ == "__main__":
    main()
