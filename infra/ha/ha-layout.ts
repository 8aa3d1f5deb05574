import { join } from 'node:path';
import { layout, type Layout } from '../dev/layout.ts';

/** Where the production topology keeps everything on one machine, and where it listens. */
export interface HaLayout extends Layout {
  balancers: readonly number[];
  etcd: readonly { name: string; client: number; peer: number }[];
  nats: readonly { name: string; client: number; route: number; monitor: number }[];
  postgres: readonly { name: string; port: number; rest: number }[];
}

/** Its own folder beside the development stack's, and the same addresses, since only one of the two runs at a time. */
export function haLayout(environment: Readonly<Record<string, string | undefined>>): HaLayout {
  const development = layout(environment);
  const dir = join(development.dir, 'ha');
  const { ports } = development;
  const from = (first: number, index: number) => first + index;
  const { nats, postgresPrimary, inbox } = ports;
  return {
    ...development,
    dir,
    logs: join(dir, 'logs'),
    balancers: [0, 1].map((index) => from(inbox - 620, index)),
    etcd: [0, 1, 2].map((index) => ({
      name: `etcd-${index + 1}`,
      client: from(nats + 20, index),
      peer: from(nats + 25, index),
    })),
    nats: [0, 1, 2].map((index) => ({
      name: `nats-${index + 1}`,
      client: from(nats, index),
      route: from(nats + 5, index),
      monitor: from(nats + 10, index),
    })),
    postgres: [0, 1].map((index) => ({
      name: `postgres-${index + 1}`,
      port: from(postgresPrimary, index),
      rest: from(postgresPrimary + 5, index),
    })),
  };
}
