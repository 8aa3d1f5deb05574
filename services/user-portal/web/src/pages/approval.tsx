import { Alert, Button } from '@countersign/ui';
import { useEffect, useState } from 'react';
import type { Standing } from '../../../src/api.ts';
import { call, Problem } from '../calls.ts';
import { useHouse } from '../context.tsx';
import { spelled } from '../i18n/format.ts';
import { useAction } from '../use-action.ts';

type Ended = 'denied' | 'expired' | 'cancelled';

/** A portal that stops, or has no place for who waits, answers at once. */
const PAUSE_MS = 500;
const LONG_PAUSE_MS = 3000;
/** Of the answers "no", those after which no phone answers this question any more. */
const OVER: ReadonlySet<string> = new Set(['CHALLENGE_CLOSED', 'CHALLENGE_NOT_FOUND']);

/** Shows the number that is typed on the phone, as long as it may be, and goes on when the phone has answered. */
export function Approval({
  number,
  prompt,
  problem: unasked,
  isBusy,
  onStanding,
  onAskAgain,
}: {
  number: string;
  prompt: string;
  /** Why nothing else was asked. It takes the place of what was said of this question: one thing at a time. */
  problem: string | undefined;
  isBusy: boolean;
  onStanding: (standing: Standing) => void;
  onAskAgain: () => void;
}) {
  const { say, request, arrive } = useHouse();
  const [ended, setEnded] = useState<Ended>();
  const { problem, run } = useAction();

  useEffect(() => {
    const left = new AbortController();
    const { signal } = left;
    const goOn = async () => {
      const outcome = await outcomeOf(number, signal);
      if (signal.aborted) return;
      if (outcome === 'sign-in') return arrive({ at: 'sign-in' }, say('second.signedOut'));
      if (outcome !== 'approved') return setEnded(outcome);
      run(async () => {
        try {
          onStanding(await request('claim', { number }));
        } catch (error) {
          setEnded('cancelled');
          throw error;
        }
      });
    };
    void goOn();
    return () => left.abort();
    // Of this question: another one has a picture of its own.
  }, [number]);

  if (ended !== undefined) {
    return (
      <>
        <Alert tone="bad">{unasked ?? problem ?? say(`second.${ended}`)}</Alert>
        <Button kind="main" isBusy={isBusy} onPress={onAskAgain}>
          {say('second.askAgain')}
        </Button>
      </>
    );
  }
  return (
    <>
      <p>{prompt}</p>
      {unasked === undefined ? null : <Alert tone="bad">{unasked}</Alert>}
      <p>{say('second.approveWhere')}</p>
      <p className="number">
        <span className="visually-hidden">{say('second.number', spelled(number))}</span>
        <span aria-hidden="true">{number}</span>
      </p>
      <p className="muted" role="status">
        {say('second.waiting')}
      </p>
    </>
  );
}

/** What became of the question with this number: asked again as long as nobody knows. */
async function outcomeOf(number: string, signal: AbortSignal): Promise<'approved' | 'sign-in' | Ended> {
  while (!signal.aborted) {
    try {
      const { state } = await call('wait', { number }, signal);
      if (state !== 'pending') return state;
      await pause(PAUSE_MS);
    } catch (error) {
      const code = error instanceof Problem ? error.code : '';
      if (OVER.has(code)) return 'cancelled';
      if (code === 'SIGN_IN_NEEDED') return 'sign-in';
      await pause(LONG_PAUSE_MS);
    }
  }
  return 'cancelled';
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
