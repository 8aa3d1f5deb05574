import type { Terminal } from '../terminal/terminal.ts';

export interface RecordedTerminal extends Terminal {
  out: string;
  err: string;
  /** What was asked of the person. */
  asked: string[];
  /** Of it, what was answered without being shown. */
  hidden: string[];
}

/** A terminal that writes down what it is told and answers what it was given. Interactive when it was given answers. */
export function recordedTerminal(
  options: { answers?: string[]; input?: string; edited?: (text: string) => string; colour?: boolean } = {},
): RecordedTerminal {
  const answers = [...(options.answers ?? [])];
  const terminal: RecordedTerminal = {
    out: '',
    err: '',
    asked: [],
    hidden: [],
    interactive: options.answers !== undefined,
    colour: options.colour ?? false,
    columns: undefined,
    write: (text) => void (terminal.out += text),
    writeError: (text) => void (terminal.err += text),
    question: (text) => {
      terminal.asked.push(text);
      return Promise.resolve(answers.shift());
    },
    secret: (text) => {
      terminal.hidden.push(text);
      return Promise.resolve(answers.shift());
    },
    readInput: () => Promise.resolve(options.input ?? ''),
    edit: (text) => Promise.resolve((options.edited ?? ((same) => same))(text)),
  };
  return terminal;
}
