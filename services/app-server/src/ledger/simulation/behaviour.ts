import type { UserEvent } from '../../challenge/events.ts';
import type { AppServer } from './app-server.ts';
import type { Callers } from './callers.ts';
import type { History } from './history.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import { APPLICATIONS, codeShown, type Person } from './world.ts';

interface Stage {
  scheduler: Scheduler;
  random: SeededRandom;
  callers: Callers;
  history: History;
  servers: () => readonly AppServer[];
}

/** Signs in some times, and does what people do: types late, types wrong, clicks twice, gives up, asks for another code. */
export async function owner(stage: Stage, person: Person, logins: number): Promise<void> {
  for (let login = 0; login < logins; login += 1) {
    await stage.scheduler.sleep(stage.random.between(0, 12_000));
    await signIn(stage, person);
  }
}

async function signIn(stage: Stage, person: Person): Promise<void> {
  const { scheduler, random, callers } = stage;
  const { userId } = person.user;
  const { applicationId } = random.pick(APPLICATIONS);
  const method = random.pick(['totp', 'sms']);
  const device = random.chance(0.5) ? ' home' : '';
  const started = await callers.call({ operation: 'start', userId, applicationId, code: `${method}${device}` });
  if (started?.type !== 'state') return;
  const { challengeId } = started;
  const about = { userId, applicationId, challengeId };
  await scheduler.sleep(random.between(300, 6000));
  if (random.chance(0.1)) {
    void callers.call({ operation: 'cancel', ...about });
    if (random.chance(0.5)) return;
  }
  if (method === 'sms' && random.chance(0.2)) {
    await callers.call({ operation: 'resend', ...about });
    await scheduler.sleep(random.between(100, 2000));
  }
  for (let tries = 0; tries < 3; tries += 1) {
    const code = random.chance(0.1) ? '000000' : readCode(stage, person, challengeId, method);
    if (code === undefined) return;
    if (random.chance(0.2)) void callers.call({ operation: 'verify', ...about, code });
    const answer = await callers.call({ operation: 'verify', ...about, code });
    if (random.chance(0.3)) void callers.call({ operation: 'get', ...about });
    if (answer?.type === 'allow' || (answer?.type === 'refused' && answer.code.startsWith('CHALLENGE_'))) return;
    await scheduler.sleep(random.between(300, 12_000));
  }
}

/** From the token, or the newest message. */
function readCode(stage: Stage, person: Person, challengeId: string, method: string): string | undefined {
  if (method === 'totp') return codeShown(person, stage.scheduler.now);
  return stage.history.sent.findLast((message) => message.challengeId === challengeId)?.code;
}

/**
 * Knows every code as soon as it is typed or sent, and every challenge; types them again wherever and as often as they might
 * count once more. That is what nobody may ever succeed with.
 */
export async function adversary(stage: Stage, person: Person, climax: number, until: number): Promise<void> {
  const { scheduler, random, callers, history, servers } = stage;
  const { userId } = person.user;
  const own: { challengeId: string; applicationId: string }[] = [];
  while (scheduler.now < until) {
    // Most is to be hoped for when the servers have lost their memory.
    const isTime = scheduler.now > climax && scheduler.now < climax + 15_000;
    await scheduler.sleep(isTime ? random.between(50, 800) : random.between(500, 6000));
    if (own.length === 0 || random.chance(0.3)) {
      const { applicationId } = random.pick(APPLICATIONS);
      const started = await callers.call({
        operation: 'start',
        userId,
        applicationId,
        code: random.pick(['totp', 'totp', 'sms']),
      });
      if (started?.type === 'state') own.push({ challengeId: started.challengeId, applicationId });
      continue;
    }
    const typed = history.heard.filter(({ asked }) => asked.operation === 'verify' && asked.userId === userId);
    const right = typed.filter(({ answer }) => answer.type === 'allow');
    const recent = (right.length > 0 && random.chance(0.7) ? right : typed).slice(-4);
    if (recent.length === 0) continue;
    const { asked } = random.pick(recent);
    const place = own.length === 0 || random.chance(0.5) ? asked : random.pick(own.slice(-3));
    const replay = {
      operation: 'verify' as const,
      userId,
      applicationId: place.applicationId,
      challengeId: place.challengeId ?? '',
      code: asked.code ?? '',
    };
    if (random.chance(0.3)) for (const at of servers()) void callers.call(replay, { at });
    else await callers.call(replay);
  }
}

/** Somebody at the helpdesk. */
export async function helpdesk({ scheduler, random, callers }: Stage, person: Person): Promise<void> {
  const { userId } = person.user;
  const [{ applicationId }] = APPLICATIONS as [(typeof APPLICATIONS)[number]];
  const tell = (admin: UserEvent) =>
    callers.call({ operation: 'admin', userId, applicationId, code: admin.type }, { admin });
  await scheduler.sleep(random.between(5000, 40_000));
  if (random.chance(0.5)) {
    await tell({ type: 'bypass.granted', expiresAt: scheduler.now + 60_000, reason: 'simulated', by: 'desk' });
    return;
  }
  await tell({ type: 'user.blocked', reason: 'simulated', by: 'desk' });
  await scheduler.sleep(random.between(3000, 15_000));
  await tell({ type: 'user.unblocked', reason: 'simulated', by: 'desk' });
}
