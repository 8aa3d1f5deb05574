import type { NatsConnection } from '@nats-io/nats-core';

/** Tells every app-server which keys of devices count no more, so that none goes on believing what it remembers. */
export interface ChangedKeys {
  tell(keyThumbprint: string): void;
  /** @param onLoss called when something may have been missed. */
  hear(onChange: (keyThumbprint: string) => void, onLoss: () => void): void;
}

const SUBJECT = 'peers.devices.changed';

export function natsChangedKeys(nats: NatsConnection): ChangedKeys {
  return {
    tell: (keyThumbprint) => nats.publish(SUBJECT, keyThumbprint),
    hear: (onChange, onLoss) => {
      nats.subscribe(SUBJECT, {
        callback: (error, message) => {
          if (error === null) onChange(message.string());
        },
      });
      void followLosses(nats, onLoss);
    },
  };
}

/** What was told while there was no connection is not told again. */
async function followLosses(nats: NatsConnection, onLoss: () => void): Promise<void> {
  for await (const { type } of nats.status()) if (type === 'reconnect') onLoss();
}
