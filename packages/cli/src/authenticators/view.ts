import type { AuthenticatorView } from '@countersign/contracts';
import { table } from '../terminal/table.ts';

export function authenticatorTable(authenticators: readonly AuthenticatorView[]): string {
  return table(
    ['AUTHENTICATOR ID', 'TYPE', 'STATE', 'LABEL', 'PHONE', 'LAST USED'],
    authenticators.map(({ authenticatorId, type, state, label, phone, lastUsedAt }) => [
      authenticatorId,
      type,
      state,
      label,
      phone ?? '',
      lastUsedAt ?? 'never',
    ]),
  );
}
