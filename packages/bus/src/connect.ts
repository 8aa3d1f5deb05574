import type { ConnectionOptions, NatsConnection } from '@nats-io/nats-core';
import { NatsConnectionImpl, setTransportFactory } from '@nats-io/nats-core/internal';
import { NodeTransport, nodeResolveHost } from '@nats-io/transport-node/lib/node_transport.js';

/**
 * Before it leaves a server that answers no ping, the library waits until the socket has taken what was sent. A machine without power
 * takes nothing any longer, so that whoever had much to say to it would stay with it until TCP gives up, after a quarter of an hour.
 */
class PromptTransport extends NodeTransport {
  override disconnect(): void {
    void this.close(new Error('the server answers no longer'));
  }
}

/** `connect` of transport-node, for servers that may vanish without a word. Nothing in a process of ours connects by another. */
export function connect(options: ConnectionOptions): Promise<NatsConnection> {
  setTransportFactory({ factory: () => new PromptTransport(), dnsResolveFn: nodeResolveHost });
  return NatsConnectionImpl.connect(options);
}
