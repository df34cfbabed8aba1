/** The requests of socket.io's Redis adapter that ask for no answer (its `RequestType`). */
export const REQUESTS = { join: 2, leave: 3, disconnect: 4 } as const;
