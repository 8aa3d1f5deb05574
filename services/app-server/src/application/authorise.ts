import { MfaError, type Operation, type Scope } from '@countersign/contracts';
import type { CallRequest } from '@countersign/bus';

/** The caller, as its credential proves it. */
export interface Application {
  applicationId: string;
  name: string;
  scopes: readonly Scope[];
  /** Of a hand-over: what its result repeats, so that it answers this request and no other (R14). */
  answering?: { state: string; asked: string };
  /** Of a hand-over: in which the page asks, where the application says so; the person's unless given. */
  promptLanguage?: string;
}

/** A call whose caller is known and may do what it asks. */
export interface AuthorisedRequest extends CallRequest {
  application: Application;
  traceId: string | undefined;
}

/** @throws MfaError FORBIDDEN. `admin` includes every other scope. */
export function assertMay(application: Application, operation: Operation): void {
  const { scope } = operation;
  if (scope === 'none' || application.scopes.includes(scope) || application.scopes.includes('admin')) return;
  throw new MfaError('FORBIDDEN', { detail: `This needs the scope ${scope}.` });
}
