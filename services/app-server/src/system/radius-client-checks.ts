import type { Check, OutputOf, radiusPosture } from '@countersign/contracts';

/** What is urgent of RADIUS clients. No packet is sent to anybody. */
export function checkRadiusClients(
  { clients }: Pick<OutputOf<typeof radiusPosture>, 'clients'>,
  unopened: readonly string[],
): Check[] {
  if (clients.length === 0) return [];
  const broken = unopened.map((name): Check => ({
    name: `radius.${name}`,
    level: 'fail',
    detail: 'no key of the ring opens its secret: it is not answered',
    advice: `Give it a new one: countersign radius-clients update ${JSON.stringify(name)} --new-secret`,
  }));
  const urgent = clients.flatMap(({ name, advice }) =>
    advice
      .filter((one) => one.urgent)
      .map(({ code, sentence }): Check => ({
        name: `radius.${name}`,
        level: 'warn',
        detail: code,
        advice: `${sentence} See: countersign radius posture`,
      })),
  );
  if (broken.length + urgent.length > 0) return [...broken, ...urgent];
  const detail = `${clients.length} client(s), and nothing urgent about any`;
  return [{ name: 'radius.clients', level: 'ok', detail }];
}
