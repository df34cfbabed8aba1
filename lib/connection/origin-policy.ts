import type { IncomingMessage } from 'node:http';
import type { HttpAdapterHost } from '@nestjs/core';
import { ANY } from '../common/constants.js';
import type { Log } from '../common/logger.js';
import type { ResolvedOptions } from '../common/options.js';
import { describeThrown, printable } from '../common/printable.js';
import { allowsOrigin, originOf } from '../common/origins.js';
import { isThenable } from '../common/thenable.js';
import { clientView } from './http-platform.js';

/** The most origins that a warning lists. */
const MAX_SHOWN = 10;

type Decide = (error: string | null, success: boolean) => void;
type CorsOptions = { origin: string | false; credentials: boolean };

/** Decides which pages may connect: those of the same origin and of option `corsAllowedOrigins` (promise N1). */
export class OriginPolicy {
  readonly #warnedOrigins = new Set<string>();

  constructor(
    private readonly options: ResolvedOptions,
    private readonly platform: HttpAdapterHost,
    private readonly logger: Log,
  ) {}

  /** engine.io's `allowRequest`. A request without an Origin header does not come from another site's page. */
  readonly allowRequest = (request: IncomingMessage, decide: Decide): void => {
    const { origin } = request.headers;
    if (origin === undefined) return decide(null, true);
    const allowed = this.#allows(origin, request);
    if (!isThenable(allowed)) return this.#decide(request, allowed, decide);
    void allowed.then((verdict) => this.#decide(request, verdict, decide));
  };

  /** Options for the CORS headers of a response. */
  readonly cors = async (
    request: IncomingMessage,
    decide: (error: null, options: CorsOptions) => void,
  ): Promise<void> => {
    const { origin } = request.headers;
    const allowed = origin !== undefined && (await this.#allows(origin, request));
    decide(null, { origin: allowed ? origin : false, credentials: this.#credentials });
  };

  /** Whether other origins may be allowed. */
  get hasForeignOrigins(): boolean {
    return this.options.corsAllowedOrigins !== undefined;
  }

  /** Logs that a function of the application that checks origins or requests threw. */
  logCheckError(check: string, thrown: unknown): void {
    this.logger.error(`${check} threw, the client is refused: ${describeThrown(thrown)}`, check);
  }

  /** The allowed origins, for the log line at start. */
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

  #decide(request: IncomingMessage, allowed: boolean, decide: Decide): void {
    const { origin = '' } = request.headers;
    if (!allowed) this.#warnOnce(origin, request);
    decide(allowed ? null : 'Origin not allowed', allowed);
  }

  #allows(origin: string, request: IncomingMessage): boolean | Promise<boolean> {
    if (this.#isOwn(origin, request)) return true;
    const { corsAllowedOrigins: allowed } = this.options;
    if (typeof allowed !== 'function') return allowsOrigin(listOf(allowed), origin);
    return this.#runCheck(() => allowed(origin, request));
  }

  #runCheck(check: () => unknown): boolean | Promise<boolean> {
    const failed = (error: unknown) => {
      this.logCheckError('corsAllowedOrigins', error);
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

  #warnOnce(origin: string, request: IncomingMessage): void {
    if (this.#warnedOrigins.size >= 100 || this.#warnedOrigins.has(origin)) return;
    this.#warnedOrigins.add(origin);
    const own = this.#ownOrigin(request);
    this.logger.warn(
      `Refused a client from origin ${printable(origin)}: as the server sees it, its own is ${own ? printable(own) : 'unknown'}, ` +
        `and corsAllowedOrigins ${this.#allowedDescription}. If the page is yours, add its origin to corsAllowedOrigins; ${proxyAdvice(origin, own)}.`,
    );
  }

  /** Describes `corsAllowedOrigins` for the warning. */
  get #allowedDescription(): string {
    const { corsAllowedOrigins: allowed } = this.options;
    if (typeof allowed === 'function') return 'is a function that says no';
    const list = listOf(allowed);
    if (list.length === 0) return 'names no other';
    const more = list.length > MAX_SHOWN ? `, and ${list.length - MAX_SHOWN} more` : '';
    return `names ${list.slice(0, MAX_SHOWN).map(printable).join(', ')}${more}`;
  }
}

function listOf(allowed: string | readonly string[] | undefined): readonly string[] {
  return typeof allowed === 'string' ? [allowed] : (allowed ?? []);
}

/** What to check in a proxy's configuration; a Host header without its port is a common mistake. */
function proxyAdvice(origin: string, own: string | undefined): string {
  const [theirs, ours] = [origin, own ?? ''].map((text) => (URL.canParse(text) ? new URL(text) : undefined));
  const isPortLost = theirs && theirs.hostname === ours?.hostname && theirs.port !== '' && ours.port === '';
  return isPortLost
    ? 'a proxy that drops the port looks like this: let it pass on Host as it came (nginx: $http_host)'
    : 'behind a proxy, make the platform trust it ("trust proxy" of Express, trustProxy of Fastify)';
}
