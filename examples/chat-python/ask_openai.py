"""Asks a question and prints the answer while it is said. With OpenAI's client and another base URL.

    python3 ask_openai.py "Why is the sky blue?"

In background mode the answer outlives its connection: after a lost one it goes on where it was. Ctrl-C stops it.
"""

import os
import sys
import time

import httpx
from openai import APIConnectionError, OpenAI

MILLRACE = os.environ.get("MILLRACE_URL", "http://localhost:8080")
MODEL = os.environ.get("MODEL", "gpt-4o-mini")
RETRY_S = 1

client = OpenAI(base_url=f"{MILLRACE}/v1", api_key=os.environ.get("MILLRACE_API_KEY", "unused"))


def answer(response_id):
    """The pieces of the answer."""
    after = {}
    while True:
        try:
            for event in client.responses.retrieve(response_id, stream=True, **after):
                after = {"starting_after": event.sequence_number}
                if event.type == "response.output_text.delta":
                    yield event.delta
                elif event.type in ("response.completed", "response.incomplete", "response.failed"):
                    return
        except (APIConnectionError, httpx.TransportError):
            time.sleep(RETRY_S)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    response = client.responses.create(model=MODEL, input=sys.argv[1], background=True)
    try:
        for text in answer(response.id):
            print(text, end="", flush=True)
        print()
    except KeyboardInterrupt:
        client.responses.cancel(response.id)
        sys.exit("\nStopped.")


if __name__ == "__main__":
    main()
