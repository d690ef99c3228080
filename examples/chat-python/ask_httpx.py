"""Asks several questions at once, and prints each answer when it is whole. With httpx.

    python3 ask_httpx.py "Why is the sky blue?" "Why is the sea salty?"
"""

import asyncio
import os
import sys
import uuid

import httpx

MILLRACE = os.environ.get("MILLRACE_URL", "http://localhost:8080")
KEY = os.environ.get("MILLRACE_API_KEY")
RETRY_S = 1


async def ask(client, question):
    """The whole answer. The same id with the same question is the same job, so asking can be repeated: after a lost
    connection, and as long as the job runs."""
    headers = {"X-Request-Id": uuid.uuid4().hex, "Prefer": "wait=60"}
    while True:
        try:
            response = await client.post("/jobs", json={"query": question}, headers=headers)
            response.raise_for_status()
            job = response.json()
            if job["status"] == "completed":
                return job["text"]
            if job["status"] in ("failed", "cancelled"):
                raise RuntimeError(job["error"]["message"] if job["error"] else job["status"])
        except httpx.TransportError:
            await asyncio.sleep(RETRY_S)


async def main(questions):
    headers = {"Accept": "application/json"}
    if KEY:
        headers["Authorization"] = f"Bearer {KEY}"
    async with httpx.AsyncClient(base_url=MILLRACE, headers=headers, timeout=90) as client:
        for asked in [asyncio.create_task(ask(client, question)) for question in questions]:
            print(await asked)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
