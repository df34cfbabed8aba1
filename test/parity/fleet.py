"""A process of a Flask-SocketIO fleet, told on stdin what to do: one JSON object a line, answered on stdout.

It uses the installed python-socketio, whichever that is. Bytes are {"$hex": ...}, tuples {"$tuple": [...]}.
"""

import json
import sys
import threading

import socketio

url, channel, role = sys.argv[1:]
manager_class = socketio.KombuManager if url.startswith("amqp") else socketio.RedisManager
manager = manager_class(url, channel=channel, write_only=role == "emitter")
out = threading.Lock()


def report(message):
    with out:
        print(json.dumps(message, default=lambda value: {"$hex": value.hex()}), flush=True)


def read(value):
    if isinstance(value, list):
        return [read(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$hex" in value:
        return bytes.fromhex(value["$hex"])
    if "$tuple" in value:
        return tuple(read(value["$tuple"]))
    return {key: read(item) for key, item in value.items()}


def serve():
    from werkzeug.serving import make_server

    sio = socketio.Server(async_mode="threading", client_manager=manager, namespaces="*")
    sio.on("disconnect", lambda sid, *reason: report({"left": sid}), namespace="/chat")
    http = make_server("127.0.0.1", 0, socketio.WSGIApp(sio), threaded=True)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    manager_ready(sio)
    return sio, http.server_port


def manager_ready(sio):
    """The manager listens from the first request on; a test must not speak before that."""
    sio.manager_initialized = True
    sio.manager.initialize()


def run(target, number, method, arguments=(), keywords=None):
    keywords = dict(keywords or {})
    if keywords.pop("callback", False):
        keywords["callback"] = lambda *values: report({"callback": number, "values": values})
    try:
        result = getattr(target, method)(*read(list(arguments)), **read(keywords))
        report({"id": number, "result": result if method in ("call", "rooms") else None})
    except Exception as error:
        report({"id": number, "error": type(error).__name__})


target, port = (manager, None) if role == "emitter" else serve()
report({"ready": port})
for line in sys.stdin:
    order = json.loads(line)
    thread = threading.Thread(target=run, args=(target, order["id"], order["method"]), daemon=True,
                              kwargs={"arguments": order["arguments"], "keywords": order.get("keywords")})
    thread.start()
    if order["method"] != "call":
        thread.join()
