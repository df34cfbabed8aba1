import type { IncomingMessage } from 'node:http';
import type { HttpAdapterHost } from '@nestjs/core';
import { ANY } from '../common/constants.js';
import type { Log } from '../common/logger.js';
import type { ResolvedOptions } from '../common/options.js';
import { describeThrown, printable } from '../common/printable.js';
import { allowsOrigin, originOf } from '../common/origins.js';
import { isThenable } from '../common/thenable.js';
import { clientView } from './http-platform.js';

/** So many origins of a list are shown. */
const SHOWN = 10;

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
    if (!isThenable(allowed)) return this.#answer(request, allowed, decide);
    void allowed.then((verdict) => this.#answer(request, verdict, decide));
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

  #answer(request: IncomingMessage, allowed: boolean, decide: Decide): void {
    const { origin = '' } = request.headers;
    if (!allowed) this.#report(origin, request);
    decide(allowed ? null : 'Origin not allowed', allowed);
  }

  #allows(origin: string, request: IncomingMessage): boolean | Promise<boolean> {
    if (this.#isOwn(origin, request)) return true;
    const { corsAllowedOrigins: allowed } = this.options;
    if (typeof allowed !== 'function') return allowsOrigin(listOf(allowed), origin);
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
    const own = this.#ownOrigin(request);
    return own !== undefined && own === originOf(origin);
  }

  #ownOrigin(request: IncomingMessage): string | undefined {
    const { protocol, host } = clientView(this.platform, request);
    return host ? originOf(`${protocol}://${host}`) : undefined;
  }

  #report(origin: string, request: IncomingMessage): void {
    if (this.#reported.size >= 100 || this.#reported.has(origin)) return;
    this.#reported.add(origin);
    const own = this.#ownOrigin(request);
    this.logger.warn(
      `Refused a client from origin ${printable(origin)}: as the server sees it, its own is ${own ? printable(own) : 'unknown'}, ` +
        `and corsAllowedOrigins ${this.#allowedOnes}. If the page is yours, add its origin to corsAllowedOrigins; ${remedyFor(origin, own)}.`,
    );
  }

  /** What an origin was held against, besides the own one. */
  get #allowedOnes(): string {
    const { corsAllowedOrigins: allowed } = this.options;
    if (typeof allowed === 'function') return 'is a function that says no';
    const list = listOf(allowed);
    if (list.length === 0) return 'names no other';
    const more = list.length > SHOWN ? `, and ${list.length - SHOWN} more` : '';
    return `names ${list.slice(0, SHOWN).map(printable).join(', ')}${more}`;
  }
}

function listOf(allowed: string | readonly string[] | undefined): readonly string[] {
  return typeof allowed === 'string' ? [allowed] : (allowed ?? []);
}

/** What may be wrong with a proxy before the server: a host that arrives without its port tells which. */
function remedyFor(origin: string, own: string | undefined): string {
  const [theirs, ours] = [origin, own ?? ''].map((text) => (URL.canParse(text) ? new URL(text) : undefined));
  const isPortLost = theirs && theirs.hostname === ours?.hostname && theirs.port !== '' && ours.port === '';
  return isPortLost
    ? 'a proxy that drops the port looks like this: let it pass on Host as it came (nginx: $http_host)'
    : 'behind a proxy, make the platform trust it ("trust proxy" of Express, trustProxy of Fastify)';
}
