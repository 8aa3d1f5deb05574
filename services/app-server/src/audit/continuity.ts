import type { Router } from '../database/router.ts';
import { isProjected, type Checkpoint } from './checkpoint.ts';
import { unreadable, type Projection, type StreamMessage } from './projected.ts';
import type { Source, StreamState } from './source.ts';

/**
 * Up to which sequence the stream and the audit tell the same story: the checkpoint itself, unless the stream forgot something (a
 * power cut before the disk was written, a restored snapshot) and perhaps went on from there with other messages under the same
 * sequences.
 */
export async function sharedUpTo(
  { source, project, router }: { source: Source; project: Projection; router: Router },
  { first, last }: StreamState,
  checkpoint: Checkpoint,
): Promise<number> {
  const { sequence } = checkpoint;
  if (sequence < first || sequence === 0) return sequence;
  if (sequence <= last && (await isShared(sequence))) return sequence;
  // What was lost is the end, so one cut parts the shared from the rest.
  let shared = Math.max(0, first - 1);
  let foreign = Math.min(sequence, last + 1);
  while (foreign - shared > 1) {
    const middle = Math.floor((shared + foreign) / 2);
    if (await isShared(middle)) shared = middle;
    else foreign = middle;
  }
  return shared;

  async function isShared(at: number): Promise<boolean> {
    const message = await source.message(at);
    // Only the oldest go missing, by their age.
    if (message === undefined) return true;
    const rows = [asProjected(message), unreadable(message)].map(({ row }) => row);
    const found = await router.read((db) => Promise.all(rows.map((row) => isProjected(db, checkpoint.stream, row))), {
      from: 'primary',
    });
    return found.includes(true);
  }

  function asProjected(message: StreamMessage) {
    try {
      return project(message);
    } catch {
      return unreadable(message);
    }
  }
}
