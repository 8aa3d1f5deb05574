/**
 * The bare path of a phone that waits: Node's own server, which holds each request for so long and answers nothing. What a connection
 * costs here, with TLS and without, nobody who holds requests can spare.
 */
import { readFileSync } from 'node:fs';
import { createServer as createPlainServer, type RequestListener } from 'node:http';
import { createServer } from 'node:https';

const { PORT, HOLD_SECONDS, TLS_CERT_FILE, TLS_KEY_FILE } = process.env;
const hold: RequestListener = (request, response) => {
  request.resume();
  setTimeout(
    () => {
      response.setHeader('content-type', 'application/json');
      response.setHeader('content-length', 2);
      response.end('{}');
    },
    Number(HOLD_SECONDS) * 1000,
  );
};
const limits = { keepAliveTimeout: 65_000, noDelay: true };
const server =
  TLS_CERT_FILE === undefined
    ? createPlainServer(limits, hold)
    : createServer({ ...limits, cert: readFileSync(TLS_CERT_FILE), key: readFileSync(TLS_KEY_FILE ?? '') }, hold);
server.listen(Number(PORT), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
