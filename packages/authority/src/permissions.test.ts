import { describe, expect, test } from 'vitest';
import { parsePermissions, permissionsOf } from './permissions.ts';
import { ROLE_NAMES } from './services.ts';

test('the own inbox is left to the name of the replica, comments to people', () => {
  const text = '# what it may\npublish: [\n  # one\n  "mfa.v1.a" # two\n]\nsubscribe: [ "wake.*", "_INBOX.edge.>" ]\n';
  expect(parsePermissions(text, 'edge')).toEqual({ publish: ['mfa.v1.a'], subscribe: ['wake.*'] });
});

test('an edge that hears nothing but its answers', () => {
  expect(parsePermissions('publish: ["a"]\nsubscribe: { deny: ">" }', 'edge')).toEqual({
    publish: ['a'],
    subscribe: [],
  });
});

describe('what would permit more than was meant is refused', () => {
  test.each([
    ['nothing to publish', 'publish: []\nsubscribe: ["a"]'],
    ['no rule for publishing', 'subscribe: ["a"]'],
    ['no rule for hearing', 'publish: ["a"]'],
    ['a rule twice', 'publish: ["a"]\npublish: ["b"]\nsubscribe: ["a"]'],
    ['a rule that this does not know', 'publish: ["a"]\nsubscribe: ["a"]\nallow_responses: true'],
    ['answers wherever the asker says', 'publish: ["a"]\nsubscribe: ["a"]\nallow_responses: { max: 2, expires: "5s" }'],
    ['a deny list that would be lost', 'publish: { allow: ["a"], deny: ["b"] }\nsubscribe: ["a"]'],
    ['the inboxes of others', 'publish: ["a"]\nsubscribe: ["_INBOX.other.>"]'],
    ['every inbox', 'publish: ["a"]\nsubscribe: ["_INBOX.>"]'],
    ['everything', 'publish: ["a"]\nsubscribe: [">"]'],
    ['words without quotes', 'publish: [a]\nsubscribe: ["a"]'],
  ])('%s', (_, text) => expect(() => parsePermissions(text, 'edge')).toThrow('edge.conf'));
});

test.each(ROLE_NAMES)('infra/nats/%s.conf is one that can be read', (role) => {
  expect(permissionsOf(role).publish.length).toBeGreaterThan(0);
});
