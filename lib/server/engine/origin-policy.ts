import type { IncomingMessage } from 'node:http';
import type { HttpAdapterHost } from '@nestjs/core';
import { ANY } from '../../common/constants.js';
import type { Log } from '../../common/logger.js';
import type { ResolvedOptions } from '../../common/options.js';
import { describeThrown, printable } from '../../common/printable.js';
import { isThenable } from '../../common/thenable.js';
import { clientView } from './http-platform.js';

type Decide = (error: string | null, success: boolean) => void;
type CorsOptions = { origin: string | false; credentials: boolean };

/** Which pages may connect: those of the own origin, and those that option `corsAllowedOrigins` adds (N1). */
export class OriginPolicy {
  readonly #reported = new Set<string>();

  constructor(
    private readonly options: ResolvedOptions,
    private readonly platform: HttpAdapterHost,
    private readonly logger: Log,
  ) {}

  /** Decides about a handshake, on either transport. A client that names no origin is no browser page. */
  readonly allowRequest = (request: IncomingMessage, decide: Decide): void => {
    const { origin } = request.headers;
    if (origin === undefined) return decide(null, true);
    const allowed = this.#allows(origin, request);
    if (!isThenable(allowed)) return this.#answer(origin, allowed, decide);
    void allowed.then((verdict) => this.#answer(origin, verdict, decide));
  };

  /** The CORS headers of an answer; none without foreign origins. */
  readonly cors = async (
    request: IncomingMessage,
    decide: (error: null, options: CorsOptions) => void,
  ): Promise<void> => {
    const { origin } = request.headers;
    const allowed = origin !== undefined && (await this.#allows(origin, request));
    decide(null, { origin: allowed ? origin : false, credentials: this.#credentials });
  };

  /** Whether pages of other origins can be allowed at all. */
  get hasForeignOrigins(): boolean {
    return this.options.corsAllowedOrigins !== undefined;
  }

  /** Logs that a check of the application threw. */
  reportBroken(check: string, thrown: unknown): void {
    this.logger.error(`${check} threw, the client is refused: ${describeThrown(thrown)}`, check);
  }

  /** For the boot log. */
  describe(): string {
    const { corsAllowedOrigins: allowed, server } = this.options;
    if (server?.cors !== undefined) return 'as server.cors says';
    if (allowed === undefined) return 'same origin only';
    return typeof allowed === 'function'
      ? 'own origin and those a function allows'
      : `own origin and ${String(allowed)}`;
  }

  get #credentials(): boolean {
    const { corsAllowedOrigins: allowed, corsCredentials } = this.options;
    const everyone = allowed === ANY || (Array.isArray(allowed) && allowed.includes(ANY));
    return corsCredentials ?? !everyone;
  }

  #answer(origin: string, allowed: boolean, decide: Decide): void {
    if (!allowed) this.#report(origin);
    decide(allowed ? null : 'Origin not allowed', allowed);
  }

  #allows(origin: string, request: IncomingMessage): boolean | Promise<boolean> {
    if (this.#isOwn(origin, request)) return true;
    const { corsAllowedOrigins: allowed } = this.options;
    if (typeof allowed !== 'function') return listed(allowed, origin);
    return this.#ask(() => allowed(origin, request));
  }

  #ask(check: () => unknown): boolean | Promise<boolean> {
    const failed = (error: unknown) => {
      this.reportBroken('corsAllowedOrigins', error);
      return false;
    };
    try {
      const verdict = check();
      return isThenable(verdict)
        ? Promise.resolve(verdict).then((value) => value === true, failed)
        : verdict === true;
    } catch (error) {
      return failed(error);
    }
  }

  #isOwn(origin: string, request: IncomingMessage): boolean {
    const { protocol, host } = clientView(this.platform, request);
    const own = host && originOf(`${protocol}://${host}`);
    return Boolean(own) && own === originOf(origin);
  }

  #report(origin: string): void {
    if (this.#reported.size >= 100 || this.#reported.has(origin)) return;
    this.#reported.add(origin);
    this.logger.warn(
      `Refused a client from origin ${printable(origin)}. If it is yours, add it to option corsAllowedOrigins; ` +
        'behind a proxy, make the platform trust it ("trust proxy" of Express, trustProxy of Fastify).',
    );
  }
}

function listed(allowed: string | readonly string[] | undefined, origin: string): boolean {
  if (allowed === undefined) return false;
  const list = typeof allowed === 'string' ? [allowed] : allowed;
  const wanted = originOf(origin);
  return list.includes(ANY) || (wanted !== undefined && list.some((each) => originOf(each) === wanted));
}

/** Scheme, host and port in their normal form; nothing for `null` and for what is no origin. */
function originOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { origin } = new URL(text);
  return origin === 'null' ? undefined : origin;
}
