/** What a back end can do, other than what all can. */
export interface Capabilities {
  urls: string[];
  packages: string[];
  largest: number;
  missed: string;
  backWithin: number;
}

export const capabilities: Record<
  'Redis' | 'Redis, sharded' | 'Redis Streams' | 'RabbitMQ' | 'NATS' | 'PostgreSQL',
  Capabilities
>;

export function updated(): Promise<string>;
