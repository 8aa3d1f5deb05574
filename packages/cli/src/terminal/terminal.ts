import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { editText } from './editor.ts';

/** The screen and the keyboard, or whatever a script put in their place. */
export interface Terminal {
  /** Standard output. */
  write(text: string): void;
  /** Standard error. */
  writeError(text: string): void;
  /** Somebody sits there who can be asked. */
  readonly interactive: boolean;
  /** Standard output is a screen, and nobody asked for none (NO_COLOR). */
  readonly colour: boolean;
  /** Width of the screen; undefined when it is none. */
  readonly columns: number | undefined;
  /** @returns what was typed, without the line break; undefined when the input ended. */
  question(text: string, signal: AbortSignal): Promise<string | undefined>;
  /** The same, without showing what is typed. */
  secret(text: string, signal: AbortSignal): Promise<string | undefined>;
  /** Everything on standard input, when it is not a keyboard. */
  readInput(): Promise<string>;
  /** @returns the text as the person left it in their editor. @throws CommandError */
  edit(text: string, fileName: string): Promise<string>;
}

export interface TerminalStreams {
  input: NodeJS.ReadStream;
  output: NodeJS.WriteStream;
  error: NodeJS.WriteStream;
  environment: Readonly<Record<string, string | undefined>>;
}

/** Questions go to standard error, so that an answer on standard output stays what a script expects. */
export function nodeTerminal({ input, output, error, environment }: TerminalStreams): Terminal {
  const isScreen = output.isTTY;
  return {
    write: (text) => void output.write(text),
    writeError: (text) => void error.write(text),
    interactive: input.isTTY && error.isTTY,
    colour: isScreen && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb',
    columns: isScreen ? output.columns : undefined,
    question: (text, signal) => questionOn(createInterface({ input, output: error }), text, signal),
    secret: async (text, signal) => {
      error.write(text);
      // With a terminal of its own, readline takes the echo away from the real one; here it goes nowhere.
      const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
      try {
        return await questionOn(createInterface({ input, output: nowhere, terminal: true }), '', signal);
      } finally {
        error.write('\n');
      }
    },
    readInput: async () => {
      let text = '';
      input.setEncoding('utf8');
      for await (const part of input) text += String(part);
      return text;
    },
    edit: (text, fileName) => Promise.resolve(editText(text, fileName, environment)),
  };
}

async function questionOn(lines: Interface, text: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const closed = once(lines, 'close', { signal }).then(() => undefined);
    return await Promise.race([lines.question(text, { signal }), closed]);
  } finally {
    lines.close();
  }
}
