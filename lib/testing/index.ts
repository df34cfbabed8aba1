// Test an application without a port
export { createTestClient } from './create-test-client.js';
export { TestClient } from './test-client.js';

// Types
export type { TestClientOptions } from './create-test-client.js';
export type { HttpAgent } from './cookies.js';
export type { TestEmitOptions, WaitOptions } from './test-client.js';
export type { ReceivedEvent } from './received.js';
export type { Refusal } from './seat.js';
