import type { HttpAgent } from './cookies.js';

/** How a test client connects. */
export interface TestClientOptions {
  /** The namespace that it connects to, and that its methods mean where none is named. Default: `/`. */
  namespace?: string;
  /** Query parameters of the handshake: by name, a list for one that is repeated; or as they stand in a URL. */
  query?: Readonly<Record<string, string | readonly string[]>> | string | URLSearchParams;
  /** Headers of the handshake; an `origin` is checked as that of a browser page is. */
  headers?: Record<string, string>;
  /** What the client passes as `auth`. */
  auth?: object;
  /** Who the client is over HTTP: a supertest agent whose cookies are sent along, or the text of a Cookie header. */
  http?: HttpAgent;
  /** How long its methods wait, in milliseconds of the real clock. Default: 2,000. */
  timeout?: number;
}

/** Where a test client listens, and how long. */
export interface WaitOptions {
  /** Default: the namespace that the client was created for. */
  namespace?: string;
  /** Milliseconds of the real clock. Default: what the client was created with, 2,000. */
  timeout?: number;
}

/** Options of `TestClient.connect()`. */
export interface ConnectOptions {
  /** What the client passes as `auth`. Default: what it was created with. */
  auth?: object;
  /** Milliseconds of the real clock. Default: what the client was created with, 2,000. */
  timeout?: number;
}

/** Options of `TestClient.emit()`. */
export interface TestEmitOptions extends WaitOptions {
  /** Wait for the acknowledgement, and resolve with it. Default: false. */
  callback?: boolean;
}

/** Options of `TestClient.run()`: which event it is, and what its context holds. */
export interface TestRunOptions extends WaitOptions {
  /** What `request.event.message` says. Default: `test`. */
  event?: string;
  /** What `request.event.args` says. Default: none. */
  args?: readonly unknown[];
  /** Who `request.user` is, from then on. */
  user?: object | string | number;
  /** What is written to `session` before. */
  session?: object;
  /** What is written to `g` before. */
  g?: object;
}

/** Options of `TestClient.send()`. */
export interface TestSendOptions extends TestEmitOptions {
  /** Send a `json` event instead of a `message` event. Default: false. */
  json?: boolean;
}
