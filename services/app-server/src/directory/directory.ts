import type { DirectorySettings } from '@countersign/contracts';
import { InvalidCredentialsError, SizeLimitExceededError, type Client, type Filter } from 'ldapts';
import { DEFAULT_TIMEOUT_MS, withServer } from './connection.ts';
import { DirectoryProblem, messageOf } from './problem.ts';
import { attributesToRead, personOf, type DirectoryPerson } from './entry.ts';
import { groupQuestion, groupsIn } from './groups.ts';
import { attributesOf, filterFor, filterForId } from './names.ts';
import { Turns } from './turns.ts';

/** What a directory says of a password. `expired`: right, and to be changed. `barred`: it lets this account in nowhere. */
export type BindOutcome = 'right' | 'wrong' | 'expired' | 'barred';

export interface DirectoryOptions {
  directoryId: string;
  name: string;
  version: number;
  settings: DirectorySettings;
  bindPassword: string | undefined;
  now: () => number;
}

/** A server that failed is asked last for so long. */
const LEFT_OUT_MS = 30_000;
const TURNS = { most: 16, mostWaiting: 128, waitMs: 2000 };

/**
 * What Active Directory adds to "invalid credentials" ([MS-ADTS] section 3.1.1.5.1.1.2, Win32 error codes): the password was right, and must be
 * changed.
 */
const MUST_CHANGE = new Set(['773', '532']);
const BARRED = new Set(['530', '531', '533', '701', '775']);

export interface ServerCheck {
  url: string;
  ok: boolean;
  ms: number;
  problem?: string;
}

/** One directory, with as many servers as it has. Those that answer are asked first. */
export class Directory {
  readonly directoryId: string;
  readonly name: string;
  readonly version: number;
  readonly settings: DirectorySettings;
  readonly #bindPassword: string | undefined;
  readonly #now: () => number;
  readonly #failedAt = new Map<string, number>();
  readonly #turns = new Turns(TURNS);
  /** Strangers with passwords do not keep us from learning who may not come in any more (R17). */
  readonly #statusTurns = new Turns(TURNS);

  constructor({ directoryId, name, version, settings, bindPassword, now }: DirectoryOptions) {
    this.directoryId = directoryId;
    this.name = name;
    this.version = version;
    this.settings = settings;
    this.#bindPassword = bindPassword;
    this.#now = now;
  }

  /** Whether it would know such a name at all. */
  mayKnow(typed: string): boolean {
    return filterFor(this.settings, typed) !== undefined;
  }

  /** @returns undefined when nobody, or more than one, is called so. @throws DirectoryProblem when no server answers. */
  async find(typed: string): Promise<DirectoryPerson | undefined> {
    const filter = filterFor(this.settings, typed);
    return filter === undefined ? undefined : this.#one(filter);
  }

  /** @throws DirectoryProblem when no server answers. */
  async get(objectId: string): Promise<DirectoryPerson | undefined> {
    return this.#one(filterForId(this.settings, objectId));
  }

  /** The same of somebody whom a login is about, whatever many strangers ask meanwhile. @throws DirectoryProblem when no server answers. */
  async standing(objectId: string): Promise<DirectoryPerson | undefined> {
    return this.#one(filterForId(this.settings, objectId), this.#statusTurns);
  }

  /**
   * Which of these groups somebody is in, by one search, whatever many strangers ask meanwhile. In Active Directory members of members count,
   * and the primary group (Domain Users) does not: it has no list. Elsewhere whoever `member` or `uniqueMember` of the group, or `memberOf` of
   * the person names; members of members only where the server puts them into `memberOf`.
   * @param groups distinguished names; those that this directory cannot know, nobody is in.
   * @returns those of `groups`, as they are written there.
   * @throws DirectoryProblem when no server answers.
   */
  async groupsOf(person: Pick<DirectoryPerson, 'dn'>, groups: readonly string[]): Promise<string[]> {
    const question = groupQuestion(this.settings, person.dn, groups);
    if (question === undefined) return [];
    const { baseDn, filter, attributes, most } = question;
    const search = (client: Client) => client.search(baseDn, { scope: 'sub', filter, attributes, sizeLimit: most });
    const { searchEntries } = await this.#anyServer((url) => this.#ask(url, search), this.#statusTurns);
    return groupsIn(searchEntries, person.dn, groups);
  }

  /**
   * Tries a password, by one bind on a connection of its own (LDAP-21). A server that cannot be reached has heard nothing, so the next one is
   * tried; one that took the bind and does not answer is not asked again, and neither is another: it may have been counted (ADR 17).
   * @param password not empty: that would be no authentication (RFC 4513 section 5.1.2).
   * @throws DirectoryProblem.
   */
  async bind(dn: string, password: string): Promise<BindOutcome> {
    if (password === '') return 'wrong';
    let isAsked = false;
    return this.#anyServer(
      (url) =>
        withServer({ ...this.settings, url }, (client) => {
          isAsked = true;
          return outcomeOfBind(client, dn, password);
        }),
      this.#turns,
      () => !isAsked,
    );
  }

  /** How each server answers, first choice first. All are asked at once: the dead ones together take no longer than one. */
  checkServers(withinMs = Infinity): Promise<ServerCheck[]> {
    const timeoutMs = Math.min(this.settings.timeoutMs ?? DEFAULT_TIMEOUT_MS, withinMs);
    return Promise.all(
      this.settings.urls.map(async (url) => {
        const since = performance.now();
        const lookAtBase = (client: Client) =>
          client.search(this.settings.baseDn, { scope: 'base', filter: '(objectClass=*)', attributes: ['1.1'] });
        const problem = await this.#ask(url, lookAtBase, timeoutMs).then(
          () => undefined,
          (error: unknown) => messageOf(error),
        );
        const ms = Math.round(performance.now() - since);
        return { url, ok: problem === undefined, ms, ...(problem !== undefined && { problem }) };
      }),
    );
  }

  async #one(filter: string | Filter, turns = this.#turns): Promise<DirectoryPerson | undefined> {
    const { baseDn, kind } = this.settings;
    const { id } = attributesOf(this.settings);
    const search = (client: Client) =>
      client
        .search(baseDn, {
          scope: 'sub',
          filter,
          attributes: attributesToRead(this.settings),
          // Two are one too many; referrals to elsewhere are not followed (LDAP-35).
          sizeLimit: 2,
          ...(kind === 'active-directory' && { explicitBufferAttributes: [id] }),
        })
        .catch((error: unknown) => {
          // Even more than two.
          if (error instanceof SizeLimitExceededError) return { searchEntries: [] };
          throw error;
        });
    const { searchEntries } = await this.#anyServer((url) => this.#ask(url, search), turns);
    const [only, ...others] = searchEntries;
    if (only === undefined || others.length > 0) return undefined;
    return personOf(this.settings, only, this.#now());
  }

  /** One server after another, in one turn: that too many wait says nothing of a server. */
  #anyServer<T>(ask: (url: string) => Promise<T>, turns: Turns, mayAskAnother: () => boolean = () => true): Promise<T> {
    return turns.take(async () => {
      const problems: unknown[] = [];
      for (const url of this.#inOrder()) {
        try {
          return await ask(url);
        } catch (error) {
          this.#failedAt.set(url, this.#now());
          problems.push(error);
          if (!mayAskAnother()) break;
        }
      }
      throw new DirectoryProblem(`no server of ${this.name} answers: ${problems.map(messageOf).join('; ')}`, {
        cause: problems.at(-1),
      });
    });
  }

  #ask<T>(url: string, work: (client: Client) => Promise<T>, timeoutMs = this.settings.timeoutMs): Promise<T> {
    const { authorities, bindDn } = this.settings;
    return withServer({ url, authorities, timeoutMs }, async (client) => {
      if (bindDn !== undefined && this.#bindPassword !== undefined) await client.bind(bindDn, this.#bindPassword);
      return work(client);
    });
  }

  /** As configured, those that failed lately last. */
  #inOrder(): string[] {
    const hasFailed = (url: string) => this.#now() - (this.#failedAt.get(url) ?? -Infinity) < LEFT_OUT_MS;
    return this.settings.urls.toSorted((a, b) => Number(hasFailed(a)) - Number(hasFailed(b)));
  }
}

async function outcomeOfBind(client: Client, dn: string, password: string): Promise<BindOutcome> {
  try {
    await client.bind(dn, password);
    return 'right';
  } catch (error) {
    if (!(error instanceof InvalidCredentialsError)) throw error;
    const [, code = ''] = /\bdata ([0-9a-f]+)/.exec(error.message) ?? [];
    if (MUST_CHANGE.has(code)) return 'expired';
    return BARRED.has(code) ? 'barred' : 'wrong';
  }
}
