import type { TLSSocket } from 'node:tls';
import { JoinRequest, RenewRequest, type AuthorityAnswer } from '@countersign/authority';
import { compileValidator, type Validate } from '@countersign/bus';
import { MfaError } from '@countersign/contracts';
import type { HttpServer } from '@countersign/http';
import type { Logger } from '@countersign/telemetry';
import { admit, type AdmitDependencies } from './admit.ts';
import { readAuthority } from './authority.ts';
import { members } from './members.ts';
import { renew } from './renew.ts';

const checkJoin = compileValidator(JoinRequest);
const checkRenew = compileValidator(RenewRequest);

/** Where machines join. Only on a server that speaks TLS: what is handed out must be heard by nobody else. */
export function serveJoining({ app }: HttpServer, deps: AdmitDependencies & { logger: Logger }): void {
  app.get('/join/authority', async (): Promise<AuthorityAnswer> => {
    const { certificate } = await readAuthority(deps.router, deps.ring);
    return { certificate };
  });

  app.post('/join', async (request) => {
    assertValid(checkJoin, request.body);
    const body = request.body as JoinRequest;
    try {
      const admission = await admit(deps, body);
      deps.logger.info('replica.joined', { replica: admission.name, address: request.ip });
      return admission;
    } catch (error) {
      if (error instanceof MfaError && error.code === 'JOIN_REFUSED') {
        deps.logger.warn('replica.refused', { reason: error.reason, address: request.ip });
      }
      throw error;
    }
  });

  app.get('/join/members', (request) => members(deps, shownCertificate(request.raw.socket as TLSSocket)));

  app.post('/join/renew', async (request) => {
    assertValid(checkRenew, request.body);
    const body = request.body as RenewRequest;
    return renew(deps, shownCertificate(request.raw.socket as TLSSocket), body);
  });
}

function assertValid(validate: Validate, body: unknown): void {
  const invalid = validate(body);
  if (invalid !== undefined) throw new MfaError('REQUEST_INVALID', { invalid });
}

function shownCertificate(socket: TLSSocket): string {
  const { fingerprint256 } = socket.getPeerCertificate();
  if (!socket.authorized || typeof fingerprint256 !== 'string') {
    throw new MfaError('RENEWAL_REFUSED', { reason: 'no certificate of the internal CA, or one that has ended' });
  }
  return fingerprint256.replaceAll(':', '').toLowerCase();
}
