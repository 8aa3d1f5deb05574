import { Alert, Button } from '@countersign/ui';
import { useHouse } from '../context.tsx';
import type { Say } from '../i18n/messages.ts';
import type { Answered } from '../phone.ts';
import { Title } from '../title.tsx';

/** How the login stands, which is not always what was pressed. */
export function Outcome({
  answered,
  application,
  onClose,
}: {
  answered: Answered;
  application: string;
  onClose: () => void;
}) {
  const { say } = useHouse();
  return (
    <>
      <Title text={application} isUrgent />
      <Alert tone={toneOf(answered)}>{sentenceOf(say, answered)}</Alert>
      <Button kind="main" onPress={onClose}>
        {say('app.close')}
      </Button>
    </>
  );
}

function isAsWanted({ answer, result, counted }: Answered): boolean {
  return counted && result === (answer === 'approve' ? 'approved' : 'denied');
}

function toneOf(answered: Answered): 'good' | 'bad' | 'note' {
  if (isAsWanted(answered)) return 'good';
  const isHarmless = ['withdrawn', 'expired', 'cancelled'].includes(answered.result);
  return isHarmless ? 'note' : 'bad';
}

function sentenceOf(say: Say, answered: Answered): string {
  const { answer, result, counted } = answered;
  if (result === 'denied' && counted && answer === 'fraud') return say('outcome.reported');
  if ((result === 'approved' || result === 'denied') && !counted) return say(`outcome.notCounted.${result}`);
  return say(`outcome.${result}`);
}
