import { args, emit, joinRoom, OnConnect, OnDisconnect, OnEvent, request, session, SocketGateway } from 'nestjs-flask-socket'; // prettier-ignore
import { isDispatchable } from '../../../lib/common/args.js';
import { turns } from '../../support/units.js';
import type { Witness } from './witness.js';

/** A gateway that tells a witness all that happens to it. */
export function gatewayFor(witness: Witness) {
  @SocketGateway()
  class FuzzedGateway {
    @OnConnect('*')
    connect(auth: unknown) {
      witness.connected(request.namespace + request.sid);
      witness.handled('connect', { event: request.event.message, values: [auth] });
      return request.namespace !== '/closed';
    }

    @OnEvent('echo')
    echo(...values: unknown[]) {
      this.saw('echo', values);
      return args(...values);
    }

    @OnEvent('later', '/', { ordering: 'serial' })
    async later(...values: unknown[]) {
      this.saw('later', values);
      await turns();
      return values.length;
    }

    @OnEvent('callback')
    callback(...values: unknown[]) {
      this.saw('callback', values);
      emit('question', ...values, { callback: (...answer: unknown[]) => this.heard(answer) });
    }

    @OnEvent('room')
    room(name: string, ...values: unknown[]) {
      this.saw('room', [name, ...values]);
      void joinRoom(name);
      emit('news', values, { to: name });
    }

    @OnEvent('session')
    keep(key: string, ...values: unknown[]) {
      this.saw('session', [key, ...values]);
      session[key] = values[0];
      return session[key];
    }

    @OnEvent('throw')
    fail(...values: unknown[]) {
      this.saw('throw', values);
      throw new Error('on purpose');
    }

    @OnEvent('*', '*')
    every(name: string, ...values: unknown[]) {
      const isOurs = request.namespace === '/' && ['echo', 'later', 'callback', 'room'].includes(name);
      if (isOurs || !isDispatchable(name)) witness.blame(`handler: * runs for ${name}`);
      witness.handled(name, { event: request.event.message, values });
      return values.at(-1);
    }

    @OnDisconnect('*')
    disconnect() {
      witness.disconnected(request.namespace + request.sid, request.event);
    }

    /** No handler: only its name is like one. */
    secret() {
      witness.blame('handler: secret runs, which is none');
    }

    private saw(name: string, values: unknown[]) {
      witness.handled(name, { event: request.event.message, values });
    }

    private heard(values: unknown[]) {
      witness.handled('answer', { event: 'answer', values });
    }
  }
  return FuzzedGateway;
}
