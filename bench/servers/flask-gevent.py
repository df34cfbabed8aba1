"""Flask-SocketIO on gevent, as its own run() sets it up. Speaks as serve.ts does."""

from gevent import monkey

monkey.patch_all()

import json
import sys
import time

import gevent
from flask import Flask
from flask_socketio import SocketIO, emit
from gevent.fileobject import FileObject
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

app = Flask(__name__)
socketio = SocketIO(app, async_mode='gevent', ping_interval=25, ping_timeout=20)


@socketio.on('echo')
def echo(data):
    return data


@socketio.on('reply')
def reply(data):
    emit('reply', data)


@socketio.on('broadcast')
def broadcast(data):
    emit('news', data, broadcast=True)


for number in range(17):
    socketio.on_event(f'idle {number}', lambda data: None)


def cpu():
    return time.process_time_ns() / 1000


def say(line):
    print(json.dumps(line), flush=True)


server = WSGIServer(('127.0.0.1', 0), app, handler_class=WebSocketHandler, log=None)
server.start()
say({'port': server.server_port, 'bootMilliseconds': 0, 'bootCpuMilliseconds': 0})

with FileObject(sys.stdin.buffer, 'rb') as questions:
    for _ in questions:  # only one is ever asked
        say({'cpu': cpu()})
server.stop(timeout=0)
gevent.get_hub().destroy()
