"""Asks a question and prints the answer while it is said, with Python's standard library alone.

    python3 ask.py "Why is the sky blue?"

After a lost connection it goes on where it was. Ctrl-C stops the answer, and the model.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from http.client import HTTPException

MILLRACE = os.environ.get("MILLRACE_URL", "http://localhost:8080")
KEY = os.environ.get("MILLRACE_API_KEY")

# longer than the 15 s between two heartbeats: a connection that is silent for so long is dead
TIMEOUT_S = 40
RETRY_S = 1


class Failed(Exception):
    """The job ended in an error, or was refused."""


def request(method, path, body=None, headers=None):
    headers = {"Accept": "text/event-stream", **(headers or {})}
    if KEY:
        headers["Authorization"] = f"Bearer {KEY}"
    if body is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(body).encode()
    return urllib.request.Request(MILLRACE + path, body, headers, method=method)


def events(stream):
    """The events of an SSE stream: (id, name, data)."""
    event_id, name, data = None, "message", None
    for line in stream:
        field, _, value = line.decode().rstrip("\n").partition(":")
        value = value.removeprefix(" ")
        if field == "id":
            event_id = value
        elif field == "event":
            name = value
        elif field == "data":
            data = json.loads(value)
        elif field == "" and value == "" and data is not None:  # a blank line; a heartbeat has text
            yield event_id, name, data
            name, data = "message", None


def answer(question, job_id):
    """The pieces of the answer; None: it begins again, since another worker has taken over."""
    # with an id of ours it can be repeated: the same id with the same question is the same job
    attempt = request("POST", "/jobs", {"query": question}, {"X-Request-Id": job_id})
    while True:
        try:
            with urllib.request.urlopen(attempt, timeout=TIMEOUT_S) as stream:
                for event_id, name, data in events(stream):
                    attempt = request("GET", f"/jobs/{job_id}/stream", headers={"Last-Event-ID": event_id})
                    if name == "message":
                        yield data["text"]
                    elif name == "reset":
                        yield None
                    elif name in ("done", "cancelled"):
                        return
                    elif name == "error":
                        raise Failed(data["message"])
        except urllib.error.HTTPError as refusal:
            if refusal.code not in (429, 502, 503, 504):
                raise Failed(refusal.read().decode()) from None
        except (OSError, HTTPException):
            pass  # the connection was lost
        time.sleep(RETRY_S)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    job_id = uuid.uuid4().hex
    try:
        for text in answer(sys.argv[1], job_id):
            print("\n---" if text is None else text, end="\n" if text is None else "", flush=True)
        print()
    except Failed as failure:
        sys.exit(f"\n{failure}")
    except KeyboardInterrupt:
        urllib.request.urlopen(request("DELETE", f"/jobs/{job_id}"), timeout=TIMEOUT_S).close()
        sys.exit("\nStopped.")


if __name__ == "__main__":
    main()
