import { waitUntil } from '@countersign/testkit';

export interface InboxMessage {
  id: string;
  channel: string;
  to: string;
  text: string;
  at: string;
  /** What the carrier was told the message is: the challenge and the number of the message. */
  reference?: string;
}

export interface InboxReader {
  /** Newest first. */
  messages(to?: string): Promise<InboxMessage[]>;
  /** The code of the newest message with one to a number, once there are at least so many. */
  code(to: string | undefined, atLeast?: number): Promise<string>;
}

/** Reads codes as the person with the phone would. */
export function createInboxReader(url: string): InboxReader {
  const messages = async (to?: string): Promise<InboxMessage[]> => {
    const query = to === undefined ? 'limit=5000' : `to=${encodeURIComponent(to)}`;
    const response = await fetch(`${url}/api/messages?${query}`);
    return (await response.json()) as InboxMessage[];
  };
  return {
    messages,
    code: async (to, atLeast = 1) => {
      if (to === undefined) throw new Error('the user has no phone');
      let found: InboxMessage[] = [];
      await waitUntil(
        async () => (found = (await messages(to)).filter(({ text }) => codeOf(text) !== undefined)).length >= atLeast,
        {
          timeoutMs: 20_000,
          everyMs: 50,
          what: `${atLeast} messages to ${to}`,
        },
      );
      return codeIn(found[0]?.text ?? '');
    },
  };
}

/** The first run of 6 to 10 digits. A notice has none. */
function codeOf(text: string): string | undefined {
  return /(?<![0-9+])([0-9]{6,10})(?![0-9])/.exec(text)?.[1];
}

function codeIn(text: string): string {
  const code = codeOf(text);
  if (code === undefined) throw new Error(`no code in: ${text}`);
  return code;
}
