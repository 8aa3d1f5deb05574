import { createHash } from 'node:crypto';
import { connectBus, endpoint, serve, type Bus, type CallRequest } from '@countersign/bus';
import { MfaError, type InputOf, type Operation, type OutputOf } from '@countersign/contracts';
import { silentLogger } from '@countersign/telemetry';

export const ADMIN_KEY = 'csk_test1_correct-horse-battery-staple';

interface Recorded {
  operation: string;
  input: unknown;
  attemptId: string;
}

export interface StandIn {
  /** What was asked, in order. */
  readonly asked: Recorded[];
  on<O extends Operation>(
    operation: O,
    handle: (input: InputOf<O>) => OutputOf<O> | Promise<OutputOf<O>>,
  ): Promise<void>;
  stop(): Promise<void>;
}

/** Stands in for an app-server: answers operations over a real NATS, to callers with ADMIN_KEY, as it is told. */
export async function standIn(natsUrl: string, replica = 'app-server-1', queue = 'app-server'): Promise<StandIn> {
  const bus: Bus = await connectBus({ servers: [natsUrl], name: replica });
  const asked: Recorded[] = [];
  const undo: (() => Promise<void>)[] = [];
  return {
    asked,
    on: async (operation, handle) => {
      const handler = async (input: never, request: CallRequest) => {
        authenticate(request);
        asked.push({ operation: operation.name, input, attemptId: request.attemptId });
        return handle(input);
      };
      const serving = await serve(bus, [endpoint(operation, handler)], {
        queue,
        replica,
        maxInFlight: 50,
        logger: silentLogger(),
      });
      undo.push(() => serving.drain());
    },
    stop: async () => {
      await Promise.all(undo.map((step) => step()));
      await bus.drain();
    },
  };
}

function authenticate({ credential }: CallRequest): void {
  const digest = createHash('sha256').update(ADMIN_KEY.split('_').slice(2).join('_')).digest('base64url');
  if (credential?.type !== 'apiKey' || credential.digest !== digest) throw new MfaError('UNAUTHENTICATED');
}
