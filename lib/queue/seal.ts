import { createHmac, timingSafeEqual } from 'node:crypto';

const LENGTH = 16;

/** Puts a signature before a payload; it holds for this topic only. Without a secret the payload as it is. */
export function seal(secret: string | undefined, topic: string, payload: Buffer): Buffer {
  return secret === undefined ? payload : Buffer.concat([signature(secret, topic, payload), payload]);
}

/** The payload, or nothing if the signature is not ours. */
export function unseal(secret: string | undefined, topic: string, sealed: Buffer): Buffer | undefined {
  if (secret === undefined) return sealed;
  if (sealed.length < LENGTH) return undefined;
  const payload = sealed.subarray(LENGTH);
  const isOurs = timingSafeEqual(signature(secret, topic, payload), sealed.subarray(0, LENGTH));
  return isOurs ? payload : undefined;
}

/** HMAC-SHA-256 of topic and payload, cut to 128 bits. */
function signature(secret: string, topic: string, payload: Buffer): Buffer {
  return createHmac('sha256', secret).update(`${topic}\0`).update(payload).digest().subarray(0, LENGTH);
}
