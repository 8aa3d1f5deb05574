import type { NatsConnection } from '@nats-io/nats-core';

/** `over`: the key counts no more; `passkey`: its phone got a passkey, or has none any more. */
export type KeyChange = 'over' | 'passkey';

/** Tells every app-server which keys of devices were changed, so that none goes on believing what it remembers. */
export interface ChangedKeys {
  tell(change: KeyChange, keyThumbprint: string): void;
  /** @param onLoss called when something may have been missed. */
  hear(onChange: Record<KeyChange, (keyThumbprint: string) => void>, onLoss: () => void): void;
}

const SUBJECTS = {
  over: 'peers.devices.changed',
  passkey: 'peers.devices.passkey',
} as const satisfies Record<KeyChange, string>;

export function natsChangedKeys(nats: NatsConnection): ChangedKeys {
  return {
    tell: (change, keyThumbprint) => nats.publish(SUBJECTS[change], keyThumbprint),
    hear: (onChange, onLoss) => {
      for (const change of ['over', 'passkey'] as const) {
        nats.subscribe(SUBJECTS[change], {
          callback: (error, message) => {
            if (error === null) onChange[change](message.string());
          },
        });
      }
      void followLosses(nats, onLoss);
    },
  };
}

/** What was told while there was no connection is not told again. */
async function followLosses(nats: NatsConnection, onLoss: () => void): Promise<void> {
  for await (const { type } of nats.status()) if (type === 'reconnect') onLoss();
}
