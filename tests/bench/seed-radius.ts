import { randomUUID } from 'node:crypto';
import { DEFAULT_RADIUS_CLIENT, type RadiusClientSettings } from '@countersign/contracts';
import type { KeyRing } from '../../services/app-server/src/keys/ring.ts';
import { clientSecretAt, columnsOf } from '../../services/app-server/src/radius-client/store.ts';
import type { Stack } from '../stack.ts';

export interface SeededClient {
  name: string;
  networks: string[];
  secret: string;
  settings?: Partial<RadiusClientSettings>;
}

/** Writes RADIUS clients whose users have typed their password elsewhere, past the operations; app-servers see them within seconds. */
export async function seedRadiusClients(
  { sql, application: { applicationId } }: Pick<Stack, 'sql' | 'application'>,
  ring: KeyRing,
  clients: readonly SeededClient[],
): Promise<void> {
  for (const { name, networks, secret, settings } of clients) {
    const clientId = randomUUID();
    const own: RadiusClientSettings = {
      ...DEFAULT_RADIUS_CLIENT,
      networks,
      applicationId,
      firstFactor: { by: 'none' },
      ...settings,
    };
    const columns = columnsOf(own);
    await sql(
      `insert into radius_client (client_id, name, version, settings, secret_sealed, secret_at, application_id, created_at, updated_at)
       values ($1, $2, 1, $3, $4, now(), $5, now(), now())`,
      [
        clientId,
        name,
        columns.settings,
        ring.seal(Buffer.from(secret), clientSecretAt(clientId)),
        columns.application_id,
      ],
    );
    await sql(
      `insert into radius_client_identity (kind, value, client_id) select 'network', value, $1 from unnest($2::text[]) as t(value)`,
      [clientId, networks],
    );
  }
}
