import { CODE, type Packet } from '@countersign/radius';
import type { Metrics } from '@countersign/telemetry';
import type { Arrival } from './arrival.ts';
import type { DropReason } from './judge.ts';
import { DROPPED_PACKETS, PACKETS } from './metrics.ts';
import type { Notices } from './notices.ts';

/** Counts what becomes of packets. */
export interface Outcomes {
  answered(packet: Packet, outcome: string): void;
  /** A packet of a client gets no answer. @returns the reason */
  drop(arrival: Arrival, reason: DropReason): DropReason;
  /** So does one of nobody in particular. */
  dropped(reason: DropReason): void;
}

const CODE_NAMES: Readonly<Record<number, string>> = {
  [CODE.accessRequest]: 'access-request',
  [CODE.accountingRequest]: 'accounting-request',
  [CODE.statusServer]: 'status-server',
};
const codeName = ({ code }: Packet): string => CODE_NAMES[code] ?? 'other';

/** Why a client's packets are dropped, where whoever reads the log can mend it. */
const NOTED: Partial<Record<DropReason, string>> = {
  'message-authenticator-wrong': 'Its secret is not the one that is kept here, or somebody else sends in its name.',
  'message-authenticator-missing': 'It does not sign its requests (Message-Authenticator), and is required to.',
  'accounting-authenticator': 'Its secret for accounting is not the one that is kept here.',
  'proxy-state': 'It sends Proxy-State without Message-Authenticator (CVE-2024-3596).',
};

export function createOutcomes({ metrics, notices }: { metrics: Metrics; notices: Notices }): Outcomes {
  const counted = metrics.counter(PACKETS);
  const droppedCounter = metrics.counter(DROPPED_PACKETS);
  const dropped = (reason: DropReason) => droppedCounter.inc({ reason });
  return {
    answered: (packet, outcome) => counted.inc({ code: codeName(packet), outcome }),
    drop: ({ packet, client, source }, reason) => {
      const { clientId } = client;
      dropped(reason);
      counted.inc({ code: codeName(packet), outcome: 'dropped' });
      const detail = NOTED[reason];
      if (detail !== undefined)
        notices.warn('radius.dropped', `${clientId} ${reason}`, { clientId, address: source, reason, detail });
      return reason;
    },
    dropped,
  };
}
