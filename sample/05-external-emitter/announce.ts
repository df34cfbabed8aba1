import { args, createEmitter } from 'nestjs-flask-socket/emitter';

const emitter = createEmitter(process.env['MESSAGE_QUEUE'] ?? 'redis://127.0.0.1', { namespace: '/board' });

await emitter.emit('departure', { train: 'ICE 75', to: 'Zürich' });
await emitter.emit('delay', args('ICE 75', 10)); // two arguments
await emitter.send('Mind the gap.');
await emitter.close(); // waits for what is under way; then the process ends
