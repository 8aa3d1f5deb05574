import { X509Certificate } from 'node:crypto';
import type { Logger } from '@countersign/telemetry';
import type { HttpServer, TlsOptions } from './server.ts';

/**
 * SIGHUP: what was renewed on the disk is used from now on. Nobody is cut off, and what cannot be used leaves all as it was.
 * @param read the certificate and key, anew. @throws nothing: a process that hears of it has requests to answer.
 */
export function reloadOnHangup(
  server: Pick<HttpServer, 'useCertificate'>,
  read: () => Pick<TlsOptions, 'certificate' | 'key'> | undefined,
  logger: Logger,
): void {
  process.on('SIGHUP', () => {
    try {
      const pair = read();
      if (pair === undefined) return;
      server.useCertificate(pair);
      const { validToDate } = new X509Certificate(pair.certificate);
      logger.info('certificate.reloaded', { detail: `good until ${validToDate.toISOString()}` });
    } catch (error) {
      logger.error('certificate.kept', {
        error,
        detail: 'The certificate on the disk cannot be used. The one before is.',
      });
    }
  });
}
