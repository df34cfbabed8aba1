import { createServer } from 'node:http';
import { Server, type Socket } from 'socket.io';
import { IDLE_EVENTS, serve, SETTINGS } from '../harness/serve.js';

// As lean as it can be written: one function per event, shared by all sockets.
const http = createServer();
const io = new Server(http, SETTINGS);

function echo(data: unknown, acknowledge: (data: unknown) => void): void {
  acknowledge(data);
}

function reply(this: Socket, data: unknown): void {
  this.emit('reply', data);
}

function broadcast(data: unknown): void {
  io.emit('news', data);
}

function idle(): void {}

io.on('connection', (socket) => {
  socket.on('echo', echo);
  socket.on('reply', reply);
  socket.on('broadcast', broadcast);
  for (const event of IDLE_EVENTS) socket.on(event, idle);
});

http.listen(0, '127.0.0.1', () => void serve(http));
