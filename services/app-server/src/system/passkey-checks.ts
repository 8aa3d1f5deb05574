import type { Check } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { Schema } from '../database/schema.ts';
import type { MetadataFile } from '../passkey/metadata-file.ts';
import type { RelyingParty } from '../passkey/relying-party.ts';

/** How many passkeys there are, by the host that they are bound to. */
export async function countPasskeys(db: Kysely<Schema>): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('passkey')
    .select((eb) => ['rp_id', eb.fn.countAll<string>().as('count')])
    .where('state', '=', 'active')
    .groupBy('rp_id')
    .execute();
  return new Map(rows.map(({ rp_id: host, count }) => [host, Number(count)]));
}

/** A portal that moved takes none of the passkeys that were made before, without a word from any browser (WEB-09). */
export function checkPasskeys(relyingParty: RelyingParty | undefined, counts: ReadonlyMap<string, number>): Check {
  const name = 'passkeys';
  const lost = [...counts].filter(([host]) => host !== relyingParty?.id);
  if (lost.length > 0) {
    const list = lost.map(([host, count]) => `${count} of ${host}`).join(', ');
    return {
      name,
      level: 'warn',
      detail: `${list} cannot be used: this portal is ${relyingParty?.id ?? 'not configured'}`,
      advice:
        'Set COUNTERSIGN_PORTAL_URL back to that host, or have these people enrol anew: docs/operations/passkeys.md.',
    };
  }
  const usable = relyingParty === undefined ? 0 : (counts.get(relyingParty.id) ?? 0);
  const where = relyingParty === undefined ? 'no portal is configured' : `bound to ${relyingParty.id}`;
  return { name, level: 'ok', detail: `${usable}, ${where}` };
}

/** How old the metadata of security keys is, and whether it is there where the policy needs it (WEB-08). */
export function checkMetadata(
  file: Pick<MetadataFile, 'current' | 'problem'> | undefined,
  isWanted: boolean,
  now: number,
): Check[] {
  const name = 'passkeys.metadata';
  const bring = 'Bring it from https://mds3.fidoalliance.org/: docs/operations/passkeys.md.';
  if (file === undefined && !isWanted) return [];
  const metadata = file?.current;
  if (metadata === undefined) {
    const reason = file === undefined ? 'COUNTERSIGN_FIDO_METADATA_FILE is not set' : (file.problem ?? 'not read yet');
    const detail = isWanted ? `no security key can be enrolled: ${reason}` : reason;
    return [{ name, level: isWanted ? 'fail' : 'warn', detail, advice: bring }];
  }
  const { number, nextUpdate, models } = metadata;
  const detail = `number ${number}, ${models.size} models, the next was due on ${nextUpdate}`;
  if (file?.problem !== undefined) {
    return [
      {
        name,
        level: 'warn',
        detail: `${detail}; the file that lies there now cannot be used: ${file.problem}`,
        advice: bring,
      },
    ];
  }
  if (Date.parse(nextUpdate) < now) return [{ name, level: 'warn', detail, advice: bring }];
  return [{ name, level: 'ok', detail }];
}
