import type { Namespace, Socket } from 'socket.io';
import { Adapter, type BroadcastOptions, type ClusterAdapter } from 'socket.io-adapter';
import { payloadProblem } from '../common/payload.js';
import { printable, summarizeThrown } from '../common/printable.js';
import type { BrokerLink } from './broker-link.js';
import { MESSAGE_TYPES } from './cluster-message.js';
import type { Command } from './queue.js';

/** An adapter's commands to the clients of all processes that need no response. */
type Commands = Pick<Adapter, 'addSockets' | 'delSockets' | 'disconnectSockets'>;

/** The recipients of a broadcast, with arrays for sets. */
interface EncodedOptions {
  rooms: string[];
  except: string[];
  flags: BroadcastOptions['flags'];
}

type PublishCommand<Kind extends Command['kind']> = (kind: Kind, opts: EncodedOptions, data: object) => void;

/** The part of socket.io's cluster adapter that its types keep protected. */
interface Publishing {
  publish(message: { type: number; data: object }): void;
}

/**
 * Makes a cluster adapter serve the clients of this process first, in the turn of the call. socket.io's waits for the
 * broker: clients of this process would receive nothing during an outage, and broadcasts out of order. Source:
 * promise P6.
 */
export function localFirst<A extends ClusterAdapter>(adapter: A): A {
  const publish: PublishCommand<Command['kind']> = (kind, opts, data) => {
    const message = { type: MESSAGE_TYPES[kind], data: { ...data, opts } };
    (adapter as unknown as Publishing).publish(message); // typed protected
  };
  const publishUnlessLocal = unlessLocal(publish);
  const own: Pick<Adapter, 'broadcast'> = {
    broadcast(packet, opts) {
      Adapter.prototype.broadcast.call(adapter, packet, opts);
      publishUnlessLocal('emit', opts, { packet });
    },
  };
  return Object.assign(adapter, own, appliedLocallyFirst(adapter, publish));
}

/** Commands that are applied to the clients of this process, then published to the others. */
export function appliedLocallyFirst(
  adapter: Adapter,
  publish: PublishCommand<'join' | 'leave' | 'disconnect'>,
): Commands {
  const local = Adapter.prototype;
  const publishUnlessLocal = unlessLocal(publish);
  return {
    addSockets(opts, rooms) {
      local.addSockets.call(adapter, opts, rooms);
      publishUnlessLocal('join', opts, { rooms });
    },
    delSockets(opts, rooms) {
      local.delSockets.call(adapter, opts, rooms);
      publishUnlessLocal('leave', opts, { rooms });
    },
    disconnectSockets(opts, close) {
      local.disconnectSockets.call(adapter, opts, close);
      publishUnlessLocal('disconnect', opts, { close });
    },
  };
}

function unlessLocal<Kind extends Command['kind']>(publish: PublishCommand<Kind>) {
  return (kind: Kind, { rooms, except, flags }: BroadcastOptions, data: object): void => {
    if (!flags?.local) publish(kind, { rooms: [...rooms], except: [...(except ?? [])], flags }, data);
  };
}

/** A socket in the response to `fetchSockets()`. */
interface SocketDetails {
  id: string;
  data: unknown;
  [key: string]: unknown;
}

interface ClusterResponse {
  data?: { sockets?: unknown };
}

/** The part of socket.io's cluster adapters that its types keep protected. */
interface Internals {
  doPublishResponse(requester: string, answer: ClusterResponse): Promise<void>;
}

/**
 * Makes a cluster adapter respond to other processes even if a socket's `data` cannot be encoded: the data is left out.
 * socket.io's adapter would not respond, and its rejection would be unhandled.
 */
export function withEncodableResponses<A extends ClusterAdapter>(adapter: A, link: BrokerLink): A {
  const internals = adapter as unknown as Internals; // typed protected
  const publishResponse = internals.doPublishResponse.bind(adapter);
  internals.doPublishResponse = async (requester, response) => {
    try {
      await publishResponse(requester, response);
    } catch (thrown) {
      const report = omittedDataLogger(adapter.nsp, link, thrown);
      const publishFit = (isFit: IsFit) => publishResponse(requester, withoutData(response, isFit, report));
      await publishFit(isEncodable)
        .catch(() => publishFit(() => false))
        .catch((error: unknown) => link.countLost(error));
    }
  };
  return adapter;
}

/** The sockets of this process as JSON, for an adapter that failed to encode them. */
export function socketsAsJson(adapter: Adapter, opts: BroadcastOptions, failed: ReportOmittedData): string {
  const sockets: SocketDetails[] = [];
  const internals = adapter as unknown as Applying; // typed private
  internals.apply(opts, ({ id, handshake, rooms, data }) => {
    const { sessionStore: _, ...rest } = handshake as unknown as Record<string, unknown>; // express-session's
    sockets.push({ id, handshake: rest, rooms: [...rooms], data: data as unknown });
  });
  return JSON.stringify(sockets.map((socket) => withoutUnfitData(socket, isJson, failed)));
}

/** The part of an adapter that its types keep private: it selects the sockets of a broadcast. */
interface Applying {
  apply(opts: BroadcastOptions, callback: (socket: Socket) => void): void;
}

/** Is called for each socket whose data is left out. */
export type ReportOmittedData = (socket: { id: string }) => void;

export function omittedDataLogger(
  { name }: Namespace,
  { logger }: BrokerLink,
  thrown: unknown,
): ReportOmittedData {
  return ({ id }) =>
    logger.warn(
      `The data of client ${id} of ${printable(name)} cannot be sent to other processes, whose fetchSockets() lists ` +
        `it without: ${summarizeThrown(thrown)}`,
    );
}

type IsFit = (socket: SocketDetails) => boolean;

function withoutData(answer: ClusterResponse, isFit: IsFit, failed: ReportOmittedData): ClusterResponse {
  const sockets = answer.data?.sockets;
  if (!Array.isArray(sockets)) return answer;
  const all = (sockets as SocketDetails[]).map((socket) => withoutUnfitData(socket, isFit, failed));
  return { ...answer, data: { ...answer.data, sockets: all } };
}

function withoutUnfitData(socket: SocketDetails, isFit: IsFit, failed: ReportOmittedData): SocketDetails {
  if (isFit(socket)) return socket;
  failed(socket);
  return { ...socket, data: {} };
}

/** Whether all encoders can encode the socket's data. */
function isEncodable(socket: SocketDetails): boolean {
  return payloadProblem([socket.data]) === undefined && isJson(socket);
}

function isJson({ data }: SocketDetails): boolean {
  try {
    JSON.stringify(data);
    return true;
  } catch {
    return false;
  }
}
