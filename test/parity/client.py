"""A client in Python: says on stdout, one JSON object per line, what it hears from the server of clients.spec.ts."""

import asyncio
import json
import sys

import socketio

BYTES = bytes([0, 1, 254, 255])
VALUES = ("text", 2, [3, None], {"four": True})


def report(what, value):
    print(json.dumps({what: value}), flush=True)


def as_list(answer):
    """python-socketio gives several values as a tuple, one as itself, none as an empty tuple or None."""
    if answer is None:
        return []
    return list(answer) if isinstance(answer, (list, tuple)) else [answer]


class Client:
    def __init__(self):
        self.sio = socketio.AsyncClient(reconnection=False)
        self.heard = {}
        for namespace in ("/", "/chat"):
            for event in ("welcome", "echoed", "answered", "in lobby"):
                self.listen(event, namespace)
        self.sio.on("question", lambda text, number: (text, number * 6))

    def listen(self, event, namespace):
        queue = self.heard[namespace, event] = asyncio.Queue()

        async def hear(*values):
            await queue.put(list(values))

        self.sio.on(event, hear, namespace=namespace)

    def next(self, event, namespace="/"):
        return asyncio.wait_for(self.heard[namespace, event].get(), 10)

    async def connect(self, url, transports, namespaces, token, wait=True):
        options = {"transports": transports.split(","), "namespaces": namespaces, "auth": {"token": token}}
        await self.sio.connect(url, wait=wait, wait_timeout=10, **options)


async def refusal(url, transports):
    client = Client()
    refused = asyncio.get_running_loop().create_future()
    client.sio.on("connect_error", lambda data: refused.set_result(data["message"]), namespace="/chat")
    # It would wait for ten seconds, whatever the server answers.
    await client.connect(url, transports, ["/chat"], "wrong", wait=False)
    report("refused", await asyncio.wait_for(refused, 10))
    await client.sio.disconnect()


async def main(url, transports):
    await refusal(url, transports)
    client = Client()
    sio = client.sio
    await client.connect(url, transports, ["/", "/chat"], "open sesame")
    report("transport", sio.transport())
    report("welcomed", await client.next("welcome"))
    report("welcomed in /chat", await client.next("welcome", "/chat"))

    report("acknowledgement", as_list(await sio.call("echo", VALUES)))
    report("echoed", await client.next("echoed"))
    report("acknowledgement of nothing", as_list(await sio.call("nothing")))

    await sio.call("echo", (BYTES, {"inner": [BYTES]}))
    first, second = await client.next("echoed")
    report("bytes", [first.hex(), second["inner"][0].hex()])

    await sio.emit("question")
    report("answered", await client.next("answered"))

    await sio.emit("to lobby", "hello", namespace="/chat")
    report("in lobby", await client.next("in lobby", "/chat"))
    report("still there", as_list(await sio.call("echo", "yes")))
    await sio.disconnect()


asyncio.run(main(*sys.argv[1:]))
