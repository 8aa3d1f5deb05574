import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { carrierEnvironment } from './services.ts';

test('app-server warns of no name that the development stack gives it: only settings are named like settings', () => {
  const dir = mkdtempSync(join(tmpdir(), 'carriers-'));
  try {
    const [layout, secrets] = [{ dir, ports: { inbox: 8900 } }, { inboxToken: 'token' }];
    const names = Object.keys(carrierEnvironment(layout as never, secrets as never));
    expect(names.filter((name) => name.startsWith('COUNTERSIGN_'))).toEqual(['COUNTERSIGN_CARRIERS_FILE']);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
