/** Somebody of the demo organisation. */
export interface Person {
  username: string;
  displayName: string;
  language: 'en' | 'ru';
  /** E.164. Whoever has none is new: the directory alone knows them, and they enrol in the portal. */
  phone?: string;
}

export const PEOPLE: readonly Person[] = [
  { username: 'alice', displayName: 'Alice Example', language: 'en', phone: '+37120000012' },
  { username: 'boris', displayName: 'Борис Пример', language: 'ru', phone: '+37120000013' },
  { username: 'chiara', displayName: 'Chiara Esempio', language: 'en', phone: '+37120000014' },
  { username: 'dana', displayName: 'Dana Newcomer', language: 'en' },
];
