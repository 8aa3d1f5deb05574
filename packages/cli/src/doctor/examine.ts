import type { EachAnswer } from '@countersign/bus';
import { systemCheck, type Check, type OutputOf } from '@countersign/contracts';
import type { Connection } from '../connection.ts';
import { EXIT } from '../exit-codes.ts';
import { failureFrom } from '../failure.ts';
import type { Session } from '../session.ts';
import { checkClocks, checkNats, checkReplicas } from './own-checks.ts';
import { OWN, type Finding } from './view.ts';

/** What can be seen from here, and what every replica sees. Never throws: what stops it is the finding. */
export async function examine(session: Session): Promise<Finding[]> {
  let connection: Connection;
  try {
    connection = await session.connection();
  } catch (error) {
    const { message, advice, exitCode } = failureFrom(error);
    const name = exitCode === EXIT.settings.code ? 'settings' : 'nats.connection';
    return [{ where: OWN, name, level: 'fail', detail: message, advice }];
  }
  const own: Check[] = [
    { name: 'settings', level: 'ok', detail: `from ${session.settingsSource()}` },
    await connection.nats().then(checkNats, natsLost),
  ];
  const answers = await connection.askEach(systemCheck, {});
  own.push(...checkReplicas(answers), ...checkClocks(answers));
  return [...own.map((check) => ({ ...check, where: OWN })), ...answers.flatMap(findingsOf)];
}

function findingsOf(answer: EachAnswer<OutputOf<typeof systemCheck>>): Finding[] {
  if ('error' in answer) return [];
  return answer.output.checks.map((check) => ({ ...check, where: answer.replica }));
}

function natsLost(error: unknown): Check {
  const { message, advice } = failureFrom(error);
  return { name: 'nats.connection', level: 'fail', detail: message, advice };
}
