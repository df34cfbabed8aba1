import 'reflect-metadata';
import type { Server as HttpServer } from 'node:http';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FlaskSocketModule, SocketIO } from 'nestjs-flask-socket';
import { SETTINGS } from '../harness/serve.js';
import { DATA, serveSpeaker } from './speaking.js';

const messageQueue = process.env['QUEUE']!;

@Module({ imports: [FlaskSocketModule.forRoot({ logger: false, server: SETTINGS, messageQueue })] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
const socketio = app.get(SocketIO);
await serveSpeaker(app.getHttpServer() as HttpServer, () => socketio.emit('news', DATA));
