import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a service may do on NATS. What is named in neither list is refused. */
export interface Permissions {
  publish: string[];
  /** Without the own inbox, which is named after the replica. */
  subscribe: string[];
}

/** Replaced by NATS with the name of the user at hand. */
export const OWN_INBOX = '_INBOX.{{name()}}.>';

/** `infra/nats` of the release: from `src` and from `dist` alike. */
const FOLDER = join(import.meta.dirname, '../../../infra/nats');

/** @throws Error when the file is not there, or is more than this reads. */
export function permissionsOf(service: string, folder = FOLDER): Permissions {
  return parsePermissions(readFileSync(join(folder, `${service}.conf`), 'utf8'), service);
}

const RULE = /^\s*(publish|subscribe)\s*:\s*(?:\[([^\]]*)\]|(\{\s*deny\s*:\s*">"\s*\}))/;

/**
 * Reads a permissions file as `nats-server.conf` includes it: `publish` and `subscribe`, each a list of quoted subjects, or
 * `{ deny: ">" }` for none. Anything else is refused: a rule that was passed over would permit what somebody forbade.
 * `allow_responses` above all: NATS then lets whoever heard a message publish to whatever reply subject that message names.
 * @throws Error
 */
export function parsePermissions(text: string, service: string): Permissions {
  let rest = text
    .split('\n')
    .map((line) => line.replace(/^((?:[^"#]|"[^"]*")*)#.*$/, '$1'))
    .join('\n');
  const rules = new Map<string, string[]>();
  while (rest.trim() !== '') {
    const [matched, name, list] = RULE.exec(rest) ?? [];
    if (matched === undefined || name === undefined || rules.has(name)) {
      throw new Error(`${service}.conf holds something else than one list to publish and one to subscribe.`);
    }
    rules.set(name, list === undefined ? [] : subjects(list, service));
    rest = rest.slice(matched.length);
  }
  const [publish, subscribe] = [rules.get('publish'), rules.get('subscribe')];
  if (publish === undefined || publish.length === 0 || subscribe === undefined) {
    // To NATS an absent or empty list means everything.
    throw new Error(`${service}.conf must say what may be published and what may be heard.`);
  }
  const heard = subscribe.filter((subject) => subject !== `_INBOX.${service}.>`);
  const overheard = heard.find((subject) => /^(_INBOX|>|\*)/.test(subject));
  if (overheard !== undefined) throw new Error(`${service}.conf lets it hear ${overheard}: the answers to others.`);
  return { publish, subscribe: heard };
}

function subjects(list: string, service: string): string[] {
  const found = [...list.matchAll(/"([^"\s]+)"/g)].map(([, subject = '']) => subject);
  if (list.replaceAll(/"[^"\s]+"/g, '').replaceAll(/[\s,]/g, '') !== '') {
    throw new Error(`${service}.conf has a list that holds more than quoted subjects.`);
  }
  return found;
}
