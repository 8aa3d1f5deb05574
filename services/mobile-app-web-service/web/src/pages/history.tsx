import { Card } from '@countersign/ui';
import { useEffect, useState } from 'react';
import { useHouse } from '../context.tsx';
import { dateIn } from '../i18n/format.ts';
import type { Say } from '../i18n/messages.ts';
import type { Past } from '../store/records.ts';

/** What was asked of this phone, as it remembers. The portal knows the whole of it. */
export function History({ deviceId }: { deviceId: string }) {
  const { say, language, phone, kept } = useHouse();
  const [past, setPast] = useState<readonly Past[]>([]);
  useEffect(() => {
    let isHere = true;
    void phone.store.past(deviceId).then((read) => isHere && setPast(read));
    return () => {
      isHere = false;
    };
  }, [phone, deviceId, kept]);
  return (
    <section className="panel" aria-labelledby="history">
      <h2 id="history">{say('account.history')}</h2>
      {past.length === 0 ? <p className="muted">{say('account.nothing')}</p> : null}
      <ul className="list">
        {past.map((one) => (
          <Card key={one.challengeId} title={one.application}>
            <p>{resultOf(say, one)}</p>
            <p className="muted">
              {[dateIn(language, one.createdAtMs), one.source].filter((part) => part !== undefined).join(' · ')}
            </p>
          </Card>
        ))}
      </ul>
    </section>
  );
}

function resultOf(say: Say, { answer, result, counted }: Past): string {
  if (result === 'denied' && answer === 'fraud' && counted) return say('past.reported');
  const told = say(`past.${result}`);
  const isOfOthers = !counted && (result === 'approved' || result === 'denied');
  return isOfOthers ? say('past.elsewhere', told) : told;
}
