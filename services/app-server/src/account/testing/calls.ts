import type { AuthorisedRequest } from '../../application/authorise.ts';
import { choose } from '../../pin/choose.ts';
import { forget } from '../../pin/forget.ts';
import { bypass } from '../bypass.ts';
import { confirm, type ConfirmDependencies } from '../confirm.ts';
import { enrol, type EnrolDependencies } from '../enrol.ts';
import { get } from '../get.ts';
import { history } from '../history.ts';
import { leave } from '../leave.ts';
import { remove } from '../remove.ts';
import { rename } from '../rename.ts';
import { report } from '../report.ts';
import { update } from '../update.ts';

export { bypass, confirm, enrol, get, history, leave, remove, rename, report, update };

type Dependencies = EnrolDependencies &
  ConfirmDependencies &
  Parameters<typeof choose>[0] &
  Parameters<typeof remove>[0] &
  Parameters<typeof report>[0];
type Call = (deps: Dependencies, access: string, request: AuthorisedRequest) => Promise<unknown>;

const authenticatorId = '00000000-0000-4000-8000-000000000000';

/** What asks for a second factor of the last minutes (APP-08). */
export const SENSITIVE: Readonly<Record<string, Call>> = {
  'account.enrol': (deps, access, request) => enrol(deps, { access, type: 'totp' }, request),
  'account.remove': (deps, access, request) => remove(deps, { access, authenticatorId }, request),
  'account.bypass': (deps, access, request) => bypass(deps, { access, seconds: 10 }, request),
  'pin.choose': (deps, access, request) => choose(deps, { access, pin: '58203917' }, request),
  'pin.forget': (deps, access, request) => forget(deps, { access }, request),
};

/** What nobody may who enrols the first factor. */
export const NOT_FOR_NEWCOMERS: Readonly<Record<string, Call>> = {
  'account.remove': (deps, access, request) => remove(deps, { access, authenticatorId }, request),
  'account.bypass': (deps, access, request) => bypass(deps, { access, seconds: 10 }, request),
  'pin.choose': (deps, access, request) => choose(deps, { access, pin: '58203917' }, request),
  'pin.forget': (deps, access, request) => forget(deps, { access }, request),
  'account.enrol recovery': (deps, access, request) => enrol(deps, { access, type: 'recovery' }, request),
  'account.rename': (deps, access, request) => rename(deps, { access, authenticatorId, label: 'x' }, request),
  'account.update methods': (deps, access, request) => update(deps, { access, methods: ['totp'] }, request),
  'account.history': (deps, access, request) =>
    history({ ...deps, applications: { all: () => [] } }, { access }, request),
  'account.report': (deps, access, request) => report(deps, { access, loginId: 'x' }, request),
};

/** Every operation on one's own account. */
export const ALL: Readonly<Record<string, Call>> = {
  ...SENSITIVE,
  ...NOT_FOR_NEWCOMERS,
  'account.leave': (deps, access, request) => leave(deps, { access }, request),
  'account.get': (deps, access, request) => get(deps, { access }, request),
  'account.update language': (deps, access, request) => update(deps, { access, language: 'ru' }, request),
  'account.confirm': (deps, access, request) => confirm(deps, { access, authenticatorId, code: '123456' }, request),
};
