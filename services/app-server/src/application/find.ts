import type { applicationFind, ApplicationView, OutputOf } from '@countersign/contracts';
import type { Applications } from './applications.ts';

/** Every application with the keys that are valid or will be. No secrets. */
export async function find({
  applications,
}: {
  applications: Applications;
}): Promise<OutputOf<typeof applicationFind>> {
  await applications.refresh();
  return {
    applications: applications.all().map(({ keys, createdAt, ...application }): ApplicationView => ({
      ...application,
      createdAt: new Date(createdAt).toISOString(),
      keys: keys.map((key) => ({
        keyId: key.keyId,
        createdAt: new Date(key.createdAt).toISOString(),
        ...(key.expiresAt !== undefined && { expiresAt: new Date(key.expiresAt).toISOString() }),
      })),
    })),
  };
}
