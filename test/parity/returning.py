"""A client in Python that comes back by itself, until its input ends: says "connected" whenever it is connected."""

import asyncio
import sys

import socketio


async def main(url, transports):
    sio = socketio.AsyncClient(reconnection_delay=0.05, reconnection_delay_max=0.1)
    sio.on("connect", lambda: print("connected", flush=True))
    await sio.connect(url, transports=transports.split(","), wait_timeout=10)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await sio.disconnect()


asyncio.run(main(*sys.argv[1:]))
