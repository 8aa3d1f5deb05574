import { silentLogger } from '@countersign/telemetry';
import { expect, test, vi } from 'vitest';
import { createNotices } from './notices.ts';

test('addresses that somebody makes up hide no other notice, and are told once a minute', () => {
  const logger = { ...silentLogger(), warn: vi.fn() };
  const notices = createNotices(logger, () => 0);
  for (let made = 0; made < 10_001; made += 1) notices.warn('radius.unknown_client', `address ${made}`, {});
  logger.warn.mockClear();
  for (let time = 0; time < 2; time += 1) notices.warn('radius.dropped', 'a client', {});
  expect(logger.warn.mock.calls).toEqual([['radius.dropped', {}]]);
});
