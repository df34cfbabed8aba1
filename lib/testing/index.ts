// Test an application without a port
export { createTestClient } from './create-test-client.js';
export { TestClient } from './test-client.js';

// Types
export type {
  ConnectOptions,
  HttpAgent,
  TestClientOptions,
  TestEmitOptions,
  TestRunOptions,
  TestSendOptions,
  WaitOptions,
} from './test-connection.js';

export type { HeardEvent, ReceivedEvent } from './inbox.js';
export type { Refusal } from './namespace-connection.js';
export type { TestConnection } from './test-connection.js';
