import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { block } from './block.ts';
import { bypass } from './bypass.ts';
import { create } from './create.ts';
import { remove } from './delete.ts';
import { find } from './find.ts';
import { get } from './get.ts';
import { findLogin } from './store.ts';
import { unblock } from './unblock.ts';
import { update } from './update.ts';

let house: House;
let a: Replica;
let b: Replica;

beforeAll(async () => {
  house = await startHouse('user');
  [a, b] = [await house.replica('a'), await house.replica('b')];
});
afterAll(() => house.stop());

let counter = 0;
const fresh = (name = 'user') => `${name}-${counter++}`;
const auditOf = (userId: string) =>
  a.router.read(
    (db) => db.selectFrom('audit_event').select(['type', 'actor', 'detail']).where('user_id', '=', userId).execute(),
    { from: 'primary' },
  );

describe('user.create', () => {
  test('R3: every spelling, also an alias, leads any replica to the one user', async () => {
    const name = fresh('Žanis');
    const input = { username: name, aliases: [`${name}@example.com`, `EXAMPLE\\${name}`], language: 'lv' };
    const user = await create(a, input, requestOf());
    expect(user).toMatchObject({ username: name, status: 'enabled', language: 'lv', authenticators: [] });
    expect(user.aliases.toSorted()).toEqual([...input.aliases].toSorted());

    const decomposed = name.normalize('NFD').toUpperCase();
    for (const spelling of [name, ` ${decomposed} `, `${name}@EXAMPLE.com`, `example\\${decomposed}`]) {
      const found = await find(b, { username: spelling });
      expect(found.users.map(({ userId }) => userId)).toEqual([user.userId]);
    }
  });

  test('R3: a name or alias that somebody has in any spelling is refused, and nothing of the new user stays', async () => {
    const name = fresh();
    await create(a, { username: name, aliases: [`${name}@example.com`] }, requestOf());
    const taken = [
      { username: name.toUpperCase() },
      { username: `${name}@Example.com` },
      { username: fresh(), aliases: [` ${name}`] },
    ];
    for (const input of taken) {
      await expect(create(b, input, requestOf())).rejects.toMatchObject({ code: 'USER_EXISTS' });
    }
    expect((await find(b, { username: taken[2]!.username })).users).toEqual([]);
  });

  test('R3: of many replicas that take one name at once, one gets it', async () => {
    const name = fresh();
    const spellings = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? name : name.toUpperCase()));
    const outcomes = await Promise.allSettled(
      spellings.map((username, index) => create(index % 3 === 0 ? a : b, { username }, requestOf())),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'USER_EXISTS' });
    }
  });

  test('INV-21: the same attempt, on two replicas at once and again later, makes one user and one audit row', async () => {
    const [input, request] = [{ username: fresh() }, requestOf()];
    const [one, two] = await Promise.all([create(a, input, request), create(b, input, request)]);
    const three = await create(b, input, request);
    expect(two.userId).toBe(one.userId);
    expect(three.userId).toBe(one.userId);
    expect(await auditOf(one.userId)).toEqual([
      { type: 'user.create', actor: 'helpdesk', detail: { username: input.username, aliases: [] } },
    ]);
  });

  test('R8: names that cannot be are refused, each with its place', async () => {
    const wrong = create(a, { username: ' \u3000', aliases: ['good', 'b\0d', '*'] }, requestOf());
    await expect(wrong).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      invalid: [
        { pointer: '/username', message: 'must not be blank' },
        { pointer: '/aliases/1', message: 'must not hold control or invisible characters' },
        { pointer: '/aliases/2', message: 'must not hold a wildcard' },
      ],
    });
  });
});

describe('user.update', () => {
  test('changes what is given and leaves the rest', async () => {
    const name = fresh();
    const { userId } = await create(a, { username: name, aliases: [`${name}@x`], displayName: 'One' }, requestOf());
    const renamed = await update(b, { userId, username: `${name}-new`, language: 'ru' }, requestOf());
    expect(renamed).toMatchObject({
      username: `${name}-new`,
      aliases: [`${name}@x`],
      displayName: 'One',
      language: 'ru',
    });
    expect((await find(a, { username: name })).users).toEqual([]);
    // The old name is free again.
    await create(a, { username: name }, requestOf());

    expect(await update(a, { userId, aliases: [] }, requestOf())).toMatchObject({ aliases: [] });
    expect((await find(a, { username: `${name}@x` })).users).toEqual([]);
  });

  test('a name that is taken changes nothing', async () => {
    const [one, two] = [fresh(), fresh()];
    await create(a, { username: one }, requestOf());
    const { userId } = await create(a, { username: two }, requestOf());
    const clash = update(b, { userId, aliases: [one], displayName: 'Changed' }, requestOf());
    await expect(clash).rejects.toMatchObject({ code: 'USER_EXISTS' });
    expect(await get(a, { userId })).not.toHaveProperty('displayName');
  });

  test('R17: disabled is in the ledger before the answer, enabling ends it', async () => {
    const { userId } = await create(a, { username: fresh() }, requestOf());
    expect(await update(a, { userId, status: 'disabled' }, requestOf())).toMatchObject({ status: 'disabled' });
    expect(await b.ledger.peek(userId)).toMatchObject({ disabled: true });
    expect(await update(b, { userId, status: 'enabled' }, requestOf())).toMatchObject({ status: 'enabled' });
    expect(await a.ledger.peek(userId)).not.toHaveProperty('disabled');
  });

  test('INV-21: a repeated attempt does not undo what was changed after it', async () => {
    const { userId } = await create(a, { username: fresh() }, requestOf());
    const first = requestOf();
    await update(a, { userId, displayName: 'First', status: 'enabled' }, first);
    await update(b, { userId, displayName: 'Second', status: 'disabled' }, requestOf());
    const repeated = await update(b, { userId, displayName: 'First', status: 'enabled' }, first);
    expect(repeated).toMatchObject({ displayName: 'Second', status: 'disabled' });
    expect(await a.ledger.peek(userId)).toMatchObject({ disabled: true });
  });

  test('nobody by that id', async () => {
    const gone = update(a, { userId: crypto.randomUUID(), displayName: 'x' }, requestOf());
    await expect(gone).rejects.toMatchObject({ code: 'USER_NOT_FOUND' });
  });
});

describe('user.delete', () => {
  test('R17: names and rows are gone, the ledger keeps the user out, the audit stays', async () => {
    const username = fresh();
    const { userId } = await create(a, { username }, requestOf());
    const request = requestOf();
    expect(await remove(b, { userId }, request)).toEqual({ userId });
    await expect(get(a, { userId })).rejects.toMatchObject({ code: 'USER_NOT_FOUND' });
    expect(await findLogin(a.router, username)).toBeUndefined();
    expect(await a.ledger.peek(userId)).toMatchObject({ disabled: true });
    expect((await auditOf(userId)).map(({ type }) => type)).toEqual(['user.create', 'user.delete']);
    // INV-21: the repeated attempt hears what the first one would have; another one hears the truth.
    expect(await remove(a, { userId }, request)).toEqual({ userId });
    await expect(remove(a, { userId }, requestOf())).rejects.toMatchObject({ code: 'USER_NOT_FOUND' });
    const again = await create(a, { username }, requestOf());
    expect(again.userId).not.toBe(userId);
  });
});

describe('user.find', () => {
  test('pages through names and aliases in order, each user once', async () => {
    const names = Array.from({ length: 25 }, (_, index) => `page-${String(index).padStart(2, '0')}`);
    for (const username of names)
      await create(a, { username, aliases: [`${username}@z`, `page-z-${username}`] }, requestOf());
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await find(b, { prefix: 'PAGE-', limit: 7, ...(after !== undefined && { after }) });
      seen.push(...page.users.map(({ username }) => username));
      after = page.next;
    } while (after !== undefined);
    expect(seen).toEqual(names);
    expect((await find(b, { prefix: 'page-z-page-1', limit: 200 })).users).toHaveLength(10);
  });

  test('R8: no text is a pattern, and what no name can be finds nobody', async () => {
    await create(a, { username: fresh('pattern') }, requestOf());
    for (const text of ['%', '_', 'patt%', 'p_ttern', String.raw`\ `, '*', '\0']) {
      expect((await find(a, { prefix: text })).users).toEqual([]);
      expect((await find(a, { username: text })).users).toEqual([]);
    }
    await expect(find(a, { after: '' })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(find(a, { username: 'x', prefix: 'y' })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });
});

describe('user.block, user.unblock, user.bypass', () => {
  test('a block is seen with reason and author on any replica, until it is lifted', async () => {
    const { userId } = await create(a, { username: fresh() }, requestOf());
    await block(a, { userId, reason: 'Phone stolen, ticket 4711' }, requestOf());
    expect(await get(b, { userId })).toMatchObject({
      blocked: { reason: 'Phone stolen, ticket 4711', by: 'helpdesk', at: expect.any(String) },
    });
    await unblock(b, { userId, reason: 'Phone found again' }, requestOf());
    expect(await get(a, { userId })).not.toHaveProperty('blocked');
  });

  test('INV-22: a bypass ends by itself, and is refused for somebody who is kept out', async () => {
    const { userId } = await create(a, { username: fresh() }, requestOf());
    const before = Date.now();
    const granted = await bypass(a, { userId, reason: 'Lost phone' }, requestOf());
    expect(Date.parse(granted.expiresAt) - before).toBeGreaterThanOrEqual(300_000);
    expect(Date.parse(granted.expiresAt) - before).toBeLessThan(310_000);
    expect(await b.ledger.peek(userId)).toMatchObject({ bypass: { by: 'helpdesk' } });
    await block(b, { userId, reason: 'Phone stolen' }, requestOf());
    expect(await a.ledger.peek(userId)).not.toHaveProperty('bypass');
    const refused = bypass(a, { userId, reason: 'Lost phone' }, requestOf());
    await expect(refused).rejects.toMatchObject({ code: 'USER_DISABLED' });
  });

  test('nobody by that id leaves nothing in the ledger', async () => {
    const userId = crypto.randomUUID();
    for (const useCase of [block, unblock, bypass]) {
      await expect(useCase(a, { userId, reason: 'whatever' }, requestOf())).rejects.toMatchObject({
        code: 'USER_NOT_FOUND',
      });
    }
    expect(await a.manager.streams.getMessage('AUTH', { last_by_subj: `auth.${userId}` })).toBeNull();
  });
});

describe('with the primary hung', () => {
  test('HA-31: disabling and blocking take effect all the same, everything else is refused with Retry-After', async () => {
    const [one, two] = [fresh(), fresh()];
    const { userId } = await create(a, { username: one }, requestOf());
    const other = await create(a, { username: two }, requestOf());
    await house.pair.caughtUp();
    await house.whileHung([house.pair.primary], async () => {
      await block(b, { userId: other.userId, reason: 'Phone stolen' }, requestOf());
      expect(await get(a, { userId: other.userId })).toHaveProperty('blocked');
      const disabled = update(a, { userId, status: 'disabled' }, requestOf());
      await expect(disabled).rejects.toMatchObject({ code: 'PRIMARY_UNAVAILABLE', retryAfterSeconds: 5 });
      expect(await b.ledger.peek(userId)).toMatchObject({ disabled: true });
      expect(await get(b, { userId })).toMatchObject({ status: 'disabled' });
      await expect(create(a, { username: fresh() }, requestOf())).rejects.toMatchObject({
        code: 'PRIMARY_UNAVAILABLE',
      });
    });
  });
});
