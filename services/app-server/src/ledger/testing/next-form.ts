import type { UserState } from '../../challenge/state.ts';
import { STATE_FORMS, type StateForm } from '../state-form.ts';

/** A form as a later release might bring: another name for a field, which who does not know the form would lose. */
const NEXT_FORM: StateForm = {
  version: 3,
  since: 8,
  read: (stored) => {
    const { devices, version: _, ...rest } = stored as { devices: string[]; version: 3 };
    return { ...rest, version: 1, knownDevices: devices } as unknown as UserState;
  },
  write: ({ knownDevices, ...rest }) => ({ ...rest, version: 3, devices: knownDevices }),
};

export const WITH_NEXT_FORM: readonly StateForm[] = [...STATE_FORMS, NEXT_FORM];
