// Test an application without a port
export { createTestClient } from './create-test-client.js';
export { TestClient } from './test-client.js';

// Types
export type {
  ConnectOptions,
  TestClientOptions,
  TestEmitOptions,
  TestRunOptions,
  TestSendOptions,
  WaitOptions,
} from './options.js';
export type { HttpAgent } from './cookies.js';
export type { HeardEvent, ReceivedEvent } from './received-event.js';
export type { Refusal } from './namespace-connection.js';
export type { TestConnection } from './test-connection.js';
