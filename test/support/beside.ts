import { type Type } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { OnEvent, SocketGateway } from 'nestjs-flask-socket';
import { onTestFinished } from 'vitest';
import { ask, startApp, type AppOptions, type RunningApp } from './app.js';

/** The decorators with which a class is written for one of both. */
export interface Side {
  name: 'nest' | 'ours';
  Gateway: () => ClassDecorator;
  Event: (name: string) => MethodDecorator;
}

const SIDES: Record<Side['name'], Side> = {
  nest: { name: 'nest', Gateway: () => WebSocketGateway({ namespace: '/nest' }), Event: SubscribeMessage },
  ours: { name: 'ours', Gateway: () => SocketGateway('/ours'), Event: (name) => OnEvent(name) },
};

/** One class twice in one application, as a gateway of Nest's own and as ours. */
export class Beside {
  constructor(private readonly running: RunningApp) {}

  /** The acknowledgements of both for the same event. */
  async answers(event: string, ...values: unknown[]): Promise<Record<Side['name'], unknown[]>> {
    const [nest, ours] = await Promise.all([this.ask('nest', event, ...values), this.ask('ours', event, ...values)]); // prettier-ignore
    return { nest, ours };
  }

  /** The acknowledgement of one of them. */
  async ask(name: Side['name'], event: string, ...values: unknown[]): Promise<unknown[]> {
    const client = await this.running.connect(`/${name}`);
    return ask(client, event, ...values);
  }
}

/** Starts an application with the class that `define` makes for each side. */
export async function startBeside(
  define: (side: Side) => Type,
  { providers = [], ...options }: AppOptions = {},
): Promise<Beside> {
  const classes = Object.values(SIDES).map(define);
  return new Beside(await startApp({ ...options, providers: [...classes, ...providers] }));
}

/** The rejections that nobody has listened to since; each of them would have ended the process. */
export function unheardRejections(): unknown[] {
  const unheard: unknown[] = [];
  const note = (error: unknown) => unheard.push(error);
  const others = process.rawListeners('unhandledRejection') as (() => void)[];
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', note);
  onTestFinished(() => {
    process.removeListener('unhandledRejection', note);
    for (const other of others) process.on('unhandledRejection', other);
  });
  return unheard;
}

/** Resolves when Node has told of the rejections that there have been. */
export async function rejectionsTold(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
