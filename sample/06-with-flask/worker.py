"""Builds reports, and tells the browsers how far it is. No server: all it needs is the queue.

With Celery, build_report() is the task, and Celery brings the jobs.
"""

import json
import os
import time

import redis
import socketio

URL = os.environ.get("MESSAGE_QUEUE", "redis://127.0.0.1")

# The channel is option `channel` of the Nest server. Flask-SocketIO has the same default; RedisManager has not.
browsers = socketio.RedisManager(URL, channel="flask-socketio", write_only=True)


def build_report(title, sid):
    for percent in range(0, 100, 20):
        browsers.emit("progress", (title, percent), namespace="/reports", to=sid)
        time.sleep(0.3)
    browsers.emit("done", (title, {"bytes": b"42 pages"}), namespace="/reports", to=sid)
    browsers.emit("news", f"{title} is ready", namespace="/reports")


def main():
    jobs = redis.Redis.from_url(URL)
    print("Waiting for jobs. Ctrl-C stops the worker.", flush=True)
    while True:
        _, job = jobs.blpop("jobs")
        build_report(**json.loads(job))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
