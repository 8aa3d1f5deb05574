import type { OutputOf, RadiusClientView, radiusPosture, RadiusSighting } from '@countersign/contracts';
import { effectiveSettings, type EffectiveSettings } from '../radius-client/effective.ts';
import { isForgeable } from '../radius-client/settings.ts';

const DAY_MS = 86_400_000;
/** NIST SP 800-57 part 1 has a year or two for keys of this kind; every product takes it by hand. */
const OLD_SECRET_DAYS = 365;
/** A problem that was not seen again for so long is none. */
const PROBLEM_DAYS = 7;
/** Seen for so long at least, and lately, before anything is called safe. */
const WATCHED_DAYS = 7;
/** And nothing to the contrary for so long: what is done once a month is waited for. */
const QUIET_DAYS = 30;
/** RAD-36: a forger has as long as an answer is waited for. */
const LONG_WAIT_SECONDS = 15;

export interface Sighting {
  packets: number;
  firstAt: number;
  lastAt: number;
}

/** What radius-servers have seen of one client. */
export interface Seen {
  sightings: Partial<Record<RadiusSighting, Sighting>>;
  /** Between one packet and the same again: the least and the most. */
  retransmittedAfterMs?: readonly [least: number, most: number];
  mostTries?: number;
}

type Client = Pick<RadiusClientView, 'name' | 'settings' | 'learntAt' | 'secretAt'>;
export type Advice = OutputOf<typeof radiusPosture>['clients'][number]['advice'][number];

interface Look {
  client: Client;
  effective: EffectiveSettings;
  seen: Seen;
  now: number;
}

/** What is wrong with a client, or could be safer without locking anybody out; what is urgent first. */
export function adviceFor(client: Client, seen: Seen, now: number): Advice[] {
  const effective = effectiveSettings(client.settings, client.learntAt !== undefined);
  const advice = RULES.flatMap(({ code, look }) => {
    const found = look({ client, effective, seen, now });
    return found === undefined ? [] : [{ code, urgent: found.urgent === true, sentence: found.sentence }];
  });
  return [...advice.filter(({ urgent }) => urgent), ...advice.filter(({ urgent }) => !urgent)];
}

type Found = { urgent?: true; sentence: string } | undefined;

const RULES: readonly { code: Advice['code']; look: (look: Look) => Found }[] = [
  {
    code: 'forgeable',
    look: ({ client: { settings, learntAt } }) =>
      isForgeable(settings, learntAt !== undefined)
        ? {
            urgent: true,
            sentence:
              'Whoever is between it and here can let anybody in (CVE-2024-3596). Set limitProxyState to true, and ' +
              'requireMessageAuthenticator to yes once the product signs.',
          }
        : undefined,
  },
  {
    code: 'wrong-secret',
    look: ({ client, seen: { sightings }, now }) => {
      const since = Date.parse(client.secretAt);
      const wrong = latest(
        sightings['dropped-message-authenticator-wrong'],
        sightings['dropped-accounting-authenticator'],
      );
      if (wrong !== undefined && wrong > since) {
        const right = latest(sightings['message-authenticator']) ?? -Infinity;
        if (right < wrong && now - wrong < PROBLEM_DAYS * DAY_MS) {
          return {
            urgent: true,
            sentence:
              'Its last packets were made with another secret, and were dropped. Type the secret into the product again, or ' +
              'give it a new one.',
          };
        }
        if (now - wrong < DAY_MS) {
          return {
            sentence:
              'Some packets from its addresses were made with another secret, and others with the right one. Look whether ' +
              'two devices share an address, or somebody tries to get in.',
          };
        }
      }
      const garbled = sightings['not-utf8'];
      if (garbled === undefined || garbled.lastAt < since || now - garbled.lastAt > PROBLEM_DAYS * DAY_MS)
        return undefined;
      return {
        sentence:
          'Names or passwords came that are no text. Either its secret is another one, or it writes in an old character set: ' +
          'then set legacyCharset.',
      };
    },
  },
  {
    code: 'unsigned-dropped',
    look: ({ seen: { sightings }, now }) => {
      const dropped = latest(sightings['dropped-message-authenticator-missing'], sightings['dropped-proxy-state']);
      if (dropped === undefined || now - dropped > PROBLEM_DAYS * DAY_MS) return undefined;
      const signed = latest(sightings['message-authenticator']) ?? -Infinity;
      if (signed > dropped) return undefined;
      // An address is easily made up: nobody is to be talked into less by packets that prove nothing.
      if (now - signed < PROBLEM_DAYS * DAY_MS) {
        return {
          sentence:
            'Packets without Message-Authenticator came from its addresses, and were dropped, although it signs. Look whether two ' +
            'devices share an address, or somebody tries to get in.',
        };
      }
      return {
        urgent: true,
        sentence:
          'It sends no Message-Authenticator, and is not answered. Update the product, or switch it on there; until then set ' +
          'requireMessageAuthenticator to auto.',
      };
    },
  },
  {
    code: 'wait-does-not-fit',
    look: ({ effective: { tries, waitSeconds }, seen: { retransmittedAfterMs, mostTries = 1 } }) => {
      if (retransmittedAfterMs === undefined) return undefined;
      const afterSeconds = retransmittedAfterMs[1] / 1000;
      const patience = afterSeconds * Math.max(tries, mostTries);
      if (patience >= waitSeconds) return undefined;
      return {
        sentence:
          `People are waited for during ${waitSeconds} s, and it sends again after ${round(afterSeconds)} s: with ` +
          `${Math.max(tries, mostTries)} tries it gives up after ${round(patience)} s. Raise its timeout, or set timeoutSeconds and ` +
          'tries to what it does.',
      };
    },
  },
  {
    code: 'can-require-message-authenticator',
    look: ({ effective, seen: { sightings }, now }) => {
      const { 'message-authenticator': signed, 'no-message-authenticator': unsigned } = sightings;
      if (effective.requireMessageAuthenticator === 'yes' || !isWatched(signed, now) || !isQuiet(unsigned, now))
        return undefined;
      return { sentence: 'All it sends is signed. Set requireMessageAuthenticator to yes.' };
    },
  },
  {
    code: 'learning',
    look: ({ effective }) =>
      effective.requireMessageAuthenticator === 'auto'
        ? {
            sentence:
              'It has not shown a right Message-Authenticator, so that packets without one are still taken. Update the product, ' +
              'or switch it on there.',
          }
        : undefined,
  },
  {
    code: 'can-limit-proxy-state',
    look: ({ client: { settings }, effective, seen: { sightings }, now }) => {
      if (!isForgeable(settings, effective.requireMessageAuthenticator === 'yes')) return undefined;
      if (!isWatched(sightings.udp, now) || !isQuiet(sightings['proxy-state-unsigned'], now)) return undefined;
      return { sentence: 'It sends no Proxy-State without a Message-Authenticator. Set limitProxyState to true.' };
    },
  },
  {
    code: 'long-wait-unsigned',
    look: ({ client: { settings }, effective: { requireMessageAuthenticator, waitSeconds } }) => {
      const isSafe = requireMessageAuthenticator === 'yes' || settings.networks.length === 0;
      if (isSafe || waitSeconds <= LONG_WAIT_SECONDS) return undefined;
      return {
        sentence:
          `An answer is waited for during ${waitSeconds} s, and so long somebody in between has for a forgery (RAD-36). Set ` +
          'requireMessageAuthenticator to yes, or use RadSec.',
      };
    },
  },
  {
    code: 'old-secret',
    look: ({ client: { secretAt }, now }) => {
      const days = ageDays(secretAt, now);
      return days > OLD_SECRET_DAYS ? { sentence: `Its secret is ${days} days old. Give it a new one.` } : undefined;
    },
  },
  {
    code: 'plain-approval',
    look: ({ client: { settings } }) =>
      settings.allowPlainApproval
        ? {
            sentence:
              'Where it shows no number, an approval without one counts. That is no out-of-band factor by SP 800-63B; the audit ' +
              'names it.',
          }
        : undefined,
  },
  {
    code: 'first-factor-alone',
    look: ({ client: { settings } }) =>
      settings.requireUserMatch
        ? undefined
        : { sentence: 'Whoever is no user here is let in by the first factor alone. Set requireUserMatch to true.' },
  },
  {
    code: 'never-seen',
    look: ({ seen: { sightings } }) =>
      Object.keys(sightings).length > 0
        ? undefined
        : { sentence: 'Nothing has come from it. If it was set up, look at its addresses, and at firewalls between.' },
  },
];

/** Whole days since then. */
export function ageDays(at: string, now: number): number {
  return Math.max(0, Math.floor((now - Date.parse(at)) / DAY_MS));
}

function latest(...sightings: readonly (Sighting | undefined)[]): number | undefined {
  const times = sightings.flatMap((sighting) => sighting?.lastAt ?? []);
  return times.length === 0 ? undefined : Math.max(...times);
}

/** First a week ago at least, and again within the last. */
function isWatched(sighting: Sighting | undefined, now: number): boolean {
  if (sighting === undefined) return false;
  return now - sighting.firstAt >= WATCHED_DAYS * DAY_MS && now - sighting.lastAt < WATCHED_DAYS * DAY_MS;
}

function isQuiet(sighting: Sighting | undefined, now: number): boolean {
  return sighting === undefined || now - sighting.lastAt >= QUIET_DAYS * DAY_MS;
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
